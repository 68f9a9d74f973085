"""What this processor, C library and interpreter make of a sample of numbers, as a digest. A script, too.

It imports nothing but the standard library, so that the script starts fast (`python -I -S mathbits.py`). It is run
with the environment of a box: variables of the user's own may choose other variants of the C library's functions
(GLIBC_TUNABLES), and those reach no box.
"""

from __future__ import annotations

import hashlib
import math
import struct
import sys
from collections.abc import Callable, Iterable, Iterator

SAMPLES = 256
"""Numbers that each function is tried with. Where variants of a C library's function differ, they do so for about
one number in a hundred, and there are dozens of functions."""

_DIGEST_CHARS = 8

_ANYWHERE = (math.atan, math.asinh, math.cbrt, math.cos, math.erf, math.erfc, math.sin, math.tan, math.tanh)
_MODERATE = (math.cosh, math.exp, math.exp2, math.expm1, math.gamma, math.lgamma, math.sinh)
_WITHIN_ONE = (math.acos, math.asin, math.atanh)
_POSITIVE = (math.log, math.log10, math.log1p, math.log2, math.sqrt)


def math_bits() -> str:
    """Return the digest. Takes about 2 ms."""
    return bits_of(_computed())


def bits_of(parts: Iterable[bytes]) -> str:
    """Return a short digest of what was computed."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    return whole.hexdigest()[:_DIGEST_CHARS]


def _computed() -> Iterator[bytes]:
    """What the C library makes of the numbers, and the interpreter with arithmetic of its own."""
    small = _numbers()
    for functions, scale in ((_ANYWHERE, 1000.0), (_MODERATE, 100.0), (_WITHIN_ONE, 1.0), (_POSITIVE, 1e6)):
        for function in functions:
            yield _packed(function, [number * scale for number in small])
    pairs = list(zip(small, reversed(small), strict=True))
    for binary in (math.atan2, math.hypot, math.pow, math.fmod):
        yield struct.pack(f"<{SAMPLES}d", *(binary(100 * one, other + 0.01) for one, other in pairs))
    products = [complex(one, other) * complex(other, -one) / complex(one, 1.0) for one, other in pairs]
    yield struct.pack(f"<{2 * SAMPLES}d", *(part for value in products for part in (value.real, value.imag)))
    yield struct.pack("<3d", sum(small), math.fsum(small), math.dist(small, small[::-1]))


def _numbers() -> list[float]:
    """Numbers in [0, 1) that are the same everywhere: all bits of them come from integers."""
    return [math.ldexp(number * 0x9E3779B97F4A7C15 % 2**53, -53) for number in range(1, SAMPLES + 1)]


def _packed(function: Callable[[float], float], given: list[float]) -> bytes:
    return struct.pack(f"<{len(given)}d", *map(function, given))


if __name__ == "__main__":
    sys.stdout.write(math_bits())
