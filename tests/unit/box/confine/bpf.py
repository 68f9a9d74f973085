"""Runs an assembled filter as the kernel would, so that those of other machines can be tested too."""

from __future__ import annotations

import struct

ALLOW, KILL, EPERM, ENOSYS = "allow", "kill", "EPERM", "ENOSYS"

_VERDICTS = {0x7FFF0000: ALLOW, 0x80000000: KILL, 0x00050001: EPERM, 0x00050026: ENOSYS}


def verdict(program: bytes, machine: int, number: int, *arguments: int) -> str:
    """What a filter says to a call. machine: its AUDIT_ARCH."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number, machine, 0, *(value & (1 << 64) - 1 for value in padded))
    code = list(struct.iter_unpack("=HBBI", program))
    accumulator = at = 0
    while True:
        operation, then, otherwise, value = code[at]
        at += 1
        if operation == 0x06:
            return _VERDICTS[value]
        if operation == 0x20:
            [accumulator] = struct.unpack_from("<I", data, value)
        elif operation == 0x54:
            accumulator &= value
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x25: accumulator > value}[operation]
            at += then if holds else otherwise
