"""What one slice may use."""

from __future__ import annotations

from dataclasses import dataclass

from peernet.config.box import BoxConfig

_DEFAULTS = BoxConfig()


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one slice, enforced by the zygote and the kernel.

    memory: bytes of address space on top of what the interpreter and the preloaded packages hold (1 or more).
    seconds: wall-clock time since the input was handed over (above 0).
    cpu_seconds: processor time of the child, rounded up to whole seconds by the kernel; None: not limited.
    scratch: bytes of the largest file that it may write. result: bytes of its encoded result.
    open_files: descriptors that it may have open (at least 8: the interpreter needs some to import a module).
    """

    memory: int = _DEFAULTS.memory
    seconds: float = _DEFAULTS.seconds
    cpu_seconds: float | None = None
    scratch: int = _DEFAULTS.scratch
    result: int = _DEFAULTS.result
    open_files: int = _DEFAULTS.open_files

    def __post_init__(self) -> None:
        if self.memory < 1 or self.scratch < 0 or self.result < 0:
            raise ValueError(f"limits must not be negative: {self}")
        if self.open_files < 8:
            raise ValueError(f"open_files must be 8 or more, not {self.open_files}")
        if not self.seconds > 0 or (self.cpu_seconds is not None and not self.cpu_seconds > 0):
            raise ValueError(f"times must be above 0: {self}")


def default_limits(config: BoxConfig) -> Limits:
    """The limits of a slice whose job asks for nothing else."""
    return Limits(
        memory=config.memory,
        seconds=config.seconds,
        scratch=config.scratch,
        result=config.result,
        open_files=config.open_files,
    )
