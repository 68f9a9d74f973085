"""What one slice may use."""

from __future__ import annotations

from dataclasses import dataclass

from peernet.config.box import BoxConfig

_DEFAULTS = BoxConfig()

_MOST = 1 << 60
"""More than any machine has, and still a number that the kernel takes."""

_LEAST = (("memory", 1), ("scratch", 0), ("result", 0), ("open_files", 8), ("threads", 1))
"""The least of each whole number."""

_MOST_SECONDS = 10.0**9
"""Thirty years: no limit, and still a number that every clock takes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one slice, enforced by the zygote and the kernel.

    memory: bytes of address space on top of what the interpreter and the preloaded packages hold (1 or more).
    seconds: wall-clock time since the input was handed over (above 0).
    cpu_seconds: processor time of the child, rounded up to whole seconds by the kernel; None: not limited.
    scratch: bytes that its scratch folder may hold in all. result: bytes of its encoded result.
    open_files: descriptors that it may have open (at least 8: the interpreter needs some to import a module).
    threads: threads that it may have at once, its first one included (1 or more).
    """

    memory: int = _DEFAULTS.memory
    seconds: float = _DEFAULTS.seconds
    cpu_seconds: float | None = None
    scratch: int = _DEFAULTS.scratch
    result: int = _DEFAULTS.result
    open_files: int = _DEFAULTS.open_files
    threads: int = _DEFAULTS.threads

    def __post_init__(self) -> None:
        for name, least in _LEAST:
            if not least <= getattr(self, name) <= _MOST:
                raise ValueError(f"{name}={getattr(self, name)}: it must be from {least} to {_MOST}")
        for name in ("seconds", "cpu_seconds"):
            seconds = getattr(self, name)
            if seconds is not None and not 0 < seconds <= _MOST_SECONDS:
                raise ValueError(f"{name}={seconds}: it must be above 0 and at most {_MOST_SECONDS}")


def default_limits(config: BoxConfig) -> Limits:
    """The limits of a slice whose job asks for nothing else."""
    return Limits(
        memory=config.memory,
        seconds=config.seconds,
        scratch=config.scratch,
        result=config.result,
        open_files=config.open_files,
        threads=config.threads,
    )
