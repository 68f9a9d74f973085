"""What a box has to be able to read: the system, this interpreter, its packages and peernet. Nothing else."""

from __future__ import annotations

import site
import sys
from pathlib import Path

import peernet
from peernet.sandbox.launchers.base import in_order

LINKS = ("/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32")
"""Folders of the system that are links into /usr where it is merged, and folders where it is not."""

LOADER = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld.so.preload")
"""What the loader of shared libraries reads."""

_STORES = ("/nix/store", "/gnu/store")
"""Where systems without a usual /usr keep libraries."""

_PARTS = ("bin", "lib", "lib64", "pyvenv.cfg")
"""What is read of an interpreter's or a virtual environment's prefix."""


def system_paths() -> tuple[str, ...]:
    """Existing folders and files of the system, for reading."""
    return tuple(path for path in ("/usr", *LINKS, *LOADER, *_STORES) if Path(path).exists())


def python_paths() -> tuple[str, ...]:
    """Existing folders and files of this interpreter and its packages that are not below /usr, as it names them
    and as they really are. The folders of `sys.path` are not asked: the working folder or a user's home may be
    there."""
    prefixes = in_order([sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix])
    parts = [Path(prefix, part) for prefix in prefixes for part in _PARTS]
    named = [*_executables(), *parts, *map(Path, site.getsitepackages()), Path(peernet.__file__).parent]
    found = in_order([str(form) for path in named if path.exists() for form in (path, path.resolve())])
    outside = [path for path in found if not _is_below(path, ["/usr"])]
    return tuple(path for path in outside if not _is_below(path, [other for other in outside if other != path]))


def _executables() -> list[Path]:
    """The interpreter's file, and every link on the way to it."""
    chain = [Path(sys.executable)]
    while chain[-1].is_symlink():
        chain.append(chain[-1].parent / chain[-1].readlink())
    return chain


def _is_below(path: str, folders: list[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)
