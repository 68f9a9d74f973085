"""Assembles seccomp filters: classic BPF programs that decide on each system call.

No library is used: libseccomp's binding is not on the package index, and what is there is no longer kept up. What
is needed is small: compare the number, compare some arguments, return a verdict. (seccomp(2), linux/filter.h,
linux/seccomp.h; Documentation/userspace-api/seccomp_filter.rst.)
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_LOAD, _AND, _EQUAL, _AT_LEAST, _ABOVE, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x25, 0x06
_INSTRUCTION = struct.Struct("=HBBI")

_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16
"""Offsets in struct seccomp_data. Both machines are little-endian, so an argument's low half comes first."""

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000

MAX_INSTRUCTIONS = 4096
"""The kernel takes no longer program (BPF_MAXINSNS)."""

_JUMP = 255
"""The furthest that a conditional jump reaches."""


@dataclass(frozen=True, slots=True)
class Check:
    """What an argument has to be: one of some values, after masking.

    Only the low 32 bits are looked at, since the kernel cuts ints and flags to them (a command number with rubbish
    above them works all the same, so comparing 64 bits would let it through). wide: the high half must be 0, for
    pointers and sizes.
    """

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    wide: bool = False


Rules = Mapping[int, tuple[Check, ...]]
"""By number the calls that are allowed, if all checks of their arguments pass."""


def assemble(
    machine: int, foreign: int | None, rules: Rules, unknown: Iterable[int], newest: int, errno: int
) -> bytes:
    """Return a filter that allows what the rules say, and refuses everything else with an error.

    machine: the AUDIT_ARCH of calls; those of another machine's convention (32-bit ones) kill the process.
    foreign: numbers from here on belong to another convention (x32) and kill it too. unknown: calls that are
    refused as if the kernel did not know them, with the error `errno` (ENOSYS), as are all above `newest`. The
    others are refused with EPERM.

    Raises:
        ValueError: the program would be longer than the kernel takes.
    """
    program = [_load(_MACHINE_AT), _jump(_EQUAL, machine, 1, 0), _end(_KILL), _load(_NUMBER_AT)]
    if foreign is not None:
        program += [_jump(_AT_LEAST, foreign, 0, 1), _end(_KILL)]
    for number, checks in rules.items():
        program += _guarded(number, _verdict(checks))
    for number in unknown:
        program += _guarded(number, [_end(_ERRNO | errno)])
    program += [_jump(_ABOVE, newest, 0, 1), _end(_ERRNO | errno), _end(_ERRNO | _EPERM)]
    if len(program) > MAX_INSTRUCTIONS:
        raise ValueError(f"a filter of {len(program)} instructions; the kernel takes {MAX_INSTRUCTIONS}")
    return b"".join(program)


_EPERM = 1


def _guarded(number: int, then: list[bytes]) -> list[bytes]:
    """Run `then`, which always returns, for one call."""
    return [_jump(_EQUAL, number, 0, len(then)), *then]


def _verdict(checks: tuple[Check, ...]) -> list[bytes]:
    program: list[bytes] = []
    for check in checks:
        low = _ARGUMENTS_AT + 8 * check.argument
        if check.wide:
            program += [_load(low + 4), _jump(_EQUAL, 0, 1, 0), _end(_ERRNO | _EPERM)]
        program.append(_load(low))
        if check.mask != 0xFFFFFFFF:
            program.append(_INSTRUCTION.pack(_AND, 0, 0, check.mask))
        left = len(check.values)
        program += [_jump(_EQUAL, value, left - index, 0) for index, value in enumerate(check.values)]
        program.append(_end(_ERRNO | _EPERM))
    return [*program, _end(_ALLOW)]


def _load(offset: int) -> bytes:
    return _INSTRUCTION.pack(_LOAD, 0, 0, offset)


def _jump(test: int, value: int, then: int, otherwise: int) -> bytes:
    if max(then, otherwise) > _JUMP:
        raise ValueError(f"a jump over {max(then, otherwise)} instructions: a jump reaches {_JUMP}")
    return _INSTRUCTION.pack(test, then, otherwise, value)


def _end(verdict: int) -> bytes:
    return _INSTRUCTION.pack(_RETURN, 0, 0, verdict)
