"""The facts of a numeric class that tell of numpy: its version, its BLAS with the kernel, and what it computes.

numpy is imported here, so this runs in a box, with the packages of the box, or in a job host.
"""

from __future__ import annotations

import ctypes
import importlib
import sys
from collections.abc import Iterator
from typing import Any

from peernet.box.numeric.mathbits import bits_of
from peernet.project.numeric import make_field

NONE = "numpy-none"
"""Stands in the place of numpy where it can't be imported."""

_CORES = ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath")
"""The extension module that is linked with the BLAS, in numpy 2 and 1."""

_PREFIXES = ("scipy_", "")
_SUFFIXES = ("64_", "", "_64")
"""What builds of OpenBLAS put around the names of its functions: numpy's wheels, and those of distributions."""

_ROWS, _DEPTH = 48, 640
"""Of the matrices: small, but deeper than a BLAS goes in one block."""


def measure() -> str:
    """Return the facts of numpy, joined by slashes; `NONE` where it can't be imported."""
    try:
        import numpy
    except ImportError:
        return NONE
    core = _core()
    fields = (
        f"numpy-{numpy.__version__}",
        _blas(numpy, core),
        f"simd-{_loops(core)}",
        f"bits-{bits_of(_computed(numpy))}",
    )
    return "/".join(map(make_field, fields))


def _core() -> Any:
    for name in _CORES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def _blas(numpy: Any, core: Any) -> str:
    """The BLAS, its version, and the kernel that it chose for this processor, where it tells."""
    told = _openblas(core)
    if told:
        version = next((word for word in told[0].split()[1:2]), "unknown")
        return f"openblas-{version}-{told[1]}"
    try:
        built = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return f"{built['name']}-{built['version']}"
    except (TypeError, KeyError):  # before numpy 1.26 it only printed
        return "blas-unknown"


def _openblas(core: Any) -> tuple[str, str] | None:
    """What OpenBLAS says of itself: its configuration, with the version, and the name of its kernel. None where
    numpy is linked with another BLAS.

    Names are looked up in the extension module and in what that is linked with (dlsym(3))."""
    try:
        library = ctypes.CDLL(getattr(core, "__file__", "") or "")
    except OSError:
        return None
    for prefix in _PREFIXES:
        for suffix in _SUFFIXES:
            texts = [_call(library, f"{prefix}openblas_get_{what}{suffix}") for what in ("config", "corename")]
            if all(texts):
                return texts[0], texts[1]
    return None


def _call(library: ctypes.CDLL, name: str) -> str:
    """Call a function without arguments that returns a text; nothing where there is none of that name."""
    function = getattr(library, name, None)
    if function is None:
        return ""
    function.restype = ctypes.c_char_p
    return (function() or b"").decode("ascii", "replace")


def _loops(core: Any) -> str:
    """The highest of the sets of instructions that numpy's own loops are compiled for and this processor has."""
    has = getattr(core, "__cpu_features__", {})
    found = [name for name in getattr(core, "__cpu_dispatch__", ()) if has.get(name)]
    return found[-1] if found else "baseline"


def _computed(np: Any) -> Iterator[bytes]:
    """What numpy's loops, its BLAS and its LAPACK make of a sample of numbers, which are the same everywhere."""
    whole = np.arange(1, _ROWS * _DEPTH + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    flat = (whole >> np.uint64(11)).astype(np.float64) * 2.0**-53
    for kind in (np.float64, np.float32):
        small = flat.astype(kind)
        for name in (
            "sin",
            "cos",
            "tan",
            "exp",
            "expm1",
            "log",
            "log1p",
            "log2",
            "tanh",
            "arctan",
            "sinh",
            "sqrt",
        ):
            yield _bytes(getattr(np, name)(small[:4000] * kind(10)))
        yield _bytes(np.power(small[:4000], small[4000:8000]))
        yield from (_bytes(part) for part in (small.sum(), small.mean(), small.std(), np.cumsum(small[:999])))
        wide = small.reshape(_ROWS, _DEPTH)
        yield from (_bytes(part) for part in (small @ small, wide @ wide[0], wide[:, 0] @ wide, wide @ wide.T))
        yield _bytes(np.fft.fft(small[:1000]))
        square = wide @ wide.T + np.eye(_ROWS, dtype=kind)
        yield _bytes(np.linalg.solve(square, wide[:, :3]))
        yield _bytes(np.linalg.eigvalsh(square))
        yield _bytes(np.linalg.svd(square, compute_uv=False))
    yield _bytes((wide + 1j * wide[::-1]) @ (wide - 1j * wide[::-1]).T)


def _bytes(values: Any) -> bytes:
    """The bits of an array, of numbers that are all the same in this way: no NaN, little-endian."""
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    assert isinstance(data, bytes)
    return data


if __name__ == "__main__":
    sys.stdout.write(measure())
