"""Reaching slices that come later. Each pair leaves something, and looks for it."""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import importlib
import math
import os
import sys
import threading
import time
from pathlib import Path

from attacks import kernel

Context = dict[str, object]

_CACHED_INT = 250
"""The interpreter keeps one object of each small number."""

_SIZE_OF_HEADER = 24


def leave_in_modules(_: Context) -> str:
    """Change what every program shares: a module, the builtins, a number."""
    math.pi = 3.0  # type: ignore[misc]
    builtins.poisoned = True  # type: ignore[attr-defined]
    sys.modules["poisoned"] = sys.modules["math"]
    address = id(_CACHED_INT) + _SIZE_OF_HEADER
    four = (4).to_bytes(4, sys.byteorder)
    try:
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            memory.seek(address)
            memory.write(four)
    except OSError:
        ctypes.memmove(address, four, 4)
    return "left"


def find_in_modules(_: Context) -> list[str]:
    found = ["module"] if math.pi == 3.0 else []
    found += ["builtin"] if hasattr(builtins, "poisoned") else []
    found += ["sys.modules"] if "poisoned" in sys.modules else []
    if int.from_bytes(ctypes.string_at(id(_CACHED_INT) + _SIZE_OF_HEADER, 4), sys.byteorder) == 4:
        found.append("number")
    return found


def leave_files(context: Context) -> list[str]:
    """A file in every place that takes one."""
    left = []
    for place in (".", *context["places"], "/dev"):  # type: ignore[misc]
        with contextlib.suppress(OSError):
            Path(place, str(context["marker"])).write_text("left")
            left.append(place)
    return left


def find_files(context: Context) -> list[str]:
    places = (".", *context["places"], "/dev")  # type: ignore[misc]
    return [place for place in places if Path(place, str(context["marker"])).exists()]


def leave_in_source(_: Context) -> str:
    """Rewrite the project's own code on the volunteer's disk."""
    leaf = Path(importlib.import_module("attacks.leaf").__file__ or "")
    for path in (leaf.parent, leaf):
        with contextlib.suppress(OSError):
            os.chmod(path, 0o700)
    leaf.write_text("WORD = 'poisoned'\n")
    return "left"


def find_in_source(_: Context) -> str:
    word = str(importlib.import_module("attacks.leaf").WORD)
    return "" if word == "clean" else word


def leave_deep_tree(_: Context) -> str:
    """A tree that can't be removed by paths, closed to its owner, with names that no text holds."""
    os.mkdir("deep")
    os.chdir("deep")
    for _number in range(1200):
        os.mkdir("d")
        os.chdir("d")
    Path("leaf").write_text("x")
    Path(os.fsdecode(b"\xff\n")).write_text("x")
    os.symlink("/", "link")
    os.chmod(".", 0)
    return "left"


def find_deep_tree(_: Context) -> list[str]:
    return os.listdir(".")


_awake: list[float] = []
"""Processor seconds when the slice was over."""


def leave_awake(context: Context) -> str:
    """Go on computing when the slice is over and paid for, by a thread."""

    def spin() -> None:
        while True:
            pass

    kernel.LIBC.prctl(15, f"{context['marker']}-k".encode(), 0, 0, 0)  # how the test finds this process
    threading.Thread(target=spin, daemon=True).start()
    _awake.append(time.process_time())
    return "left"


def find_awake(_: Context) -> float:
    """How many milliseconds it has computed since, if it is the same process."""
    return 1000 * (time.process_time() - _awake[0]) if _awake else 0
