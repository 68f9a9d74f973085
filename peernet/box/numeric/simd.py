"""The SIMD level of a processor, by which libraries choose their kernels at run time.

The levels of x86-64 are those of its ABI (https://gitlab.com/x86-psABIs/x86-64-ABI, "micro-architecture levels"),
by the names of features in Linux's /proc/cpuinfo; glibc takes its variants with fused multiply-add from v3 on.
"""

from __future__ import annotations

from pathlib import Path

UNKNOWN = "unknown"

_X86_LEVELS = (
    ("x86-64-v1", "sse2"),
    ("x86-64-v2", "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3"),
    ("x86-64-v3", "abm avx avx2 bmi1 bmi2 f16c fma movbe xsave"),
    ("x86-64-v4", "avx512bw avx512cd avx512dq avx512f avx512vl"),
)
_ARM_LEVELS = (("neon", "asimd"), ("sve", "sve"), ("sve2", "sve2"))
_LEVELS = {"x86_64": _X86_LEVELS, "aarch64": _ARM_LEVELS}
"""By machine, the lowest first; a level holds all of those below it."""


def simd_level(machine: str, features: frozenset[str]) -> str:
    """Return the highest level whose features, and those of the levels below it, are all there.

    machine: as `platform.machine` names it, in lower case. features: as /proc/cpuinfo names them.
    """
    level = UNKNOWN
    for name, needed in _LEVELS.get(machine, ()):
        if not features.issuperset(needed.split()):
            break
        level = name
    return level


def read_features(path: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Return what the first processor of this machine can do; nothing where the system does not tell."""
    try:
        lines = path.read_text("ascii", "replace").splitlines()
    except OSError:
        return frozenset()
    for name, _, value in (line.partition(":") for line in lines):
        if name.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()
