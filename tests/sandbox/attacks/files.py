"""Reading and changing what belongs to the volunteer."""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path

from attacks import kernel

Context = dict[str, object]


def read_home(context: Context) -> str:
    """A file in the volunteer's home."""
    return Path(str(context["diary"])).read_text()


def read_key(context: Context) -> bytes:
    """The peer's own key."""
    return Path(str(context["key"])).read_bytes()


def read_passwd(_: Context) -> str:
    """The users of the machine."""
    return Path("/etc/passwd").read_text()[:100]


def list_home(context: Context) -> list[str]:
    """The names of the volunteer's files."""
    return os.listdir(str(context["home"]))


def read_roundabout(context: Context) -> str:
    """The same by other roads: `..`, a symbolic link, a hard link, /proc/self/root, a folder opened before."""
    diary = str(context["diary"])
    roads = [f"/usr/lib/../..{diary}", f"/proc/self/root{diary}", f"/proc/self/cwd/../../../../..{diary}"]
    for name, link in (("soft", os.symlink), ("hard", os.link)):
        with contextlib.suppress(OSError):
            link(diary, name)
            roads.append(name)
    for road in roads:
        with contextlib.suppress(OSError):
            return Path(road).read_text()
    return ""


def read_by_handle(context: Context) -> str:
    """By file handle, as containers were left in 2014: no path is looked up, so no path is checked."""
    handle = ctypes.create_string_buffer(8 + 128)
    ctypes.cast(handle, ctypes.POINTER(ctypes.c_uint))[0] = 128
    mount = ctypes.c_int()
    kernel.call("name_to_handle_at", -100, str(context["diary"]).encode(), handle, ctypes.byref(mount), 0)
    folder = os.open("/", os.O_RDONLY)
    opened = kernel.call("open_by_handle_at", folder, handle, os.O_RDONLY)
    return os.read(opened, 100).decode()


def write_outside(context: Context) -> list[str]:
    """A file with the test's marker in every place that others see."""
    written = []
    for folder in context["places"]:  # type: ignore[attr-defined]
        with contextlib.suppress(OSError):
            path = Path(folder, str(context["marker"]))
            path.write_text("was here")
            written.append(str(path))
    return written


def change_diary(context: Context) -> str:
    """Write to, cut, replace or remove a file that exists."""
    diary = Path(str(context["diary"]))
    with contextlib.suppress(OSError):
        diary.write_text("changed")
        return "written"
    with contextlib.suppress(OSError):
        os.truncate(diary, 0)
        return "truncated"
    with contextlib.suppress(OSError):
        diary.unlink()
        return "removed"
    return ""


def change_metadata(context: Context) -> list[str]:
    """Landlock says nothing of modes and times: a key could be opened to all, a home locked to its owner."""
    diary = str(context["diary"])
    changed = []
    with contextlib.suppress(OSError):
        os.chmod(diary, 0o604)
        changed.append("mode")
    with contextlib.suppress(OSError):
        os.utime(diary, (1, 1))
        changed.append("times")
    with contextlib.suppress(OSError):
        os.setxattr(diary, "user.peernet", b"was here")
        changed.append("attributes")
    with contextlib.suppress(OSError):
        os.chown(diary, os.getuid(), os.getgid())
        changed.append("owner")
    return changed


def read_descriptors(context: Context) -> list[str]:
    """What lies behind descriptors that nobody meant to hand over."""
    found = []
    for number in range(3, 1024):
        with contextlib.suppress(OSError):
            data = os.pread(number, 100, 0)
            if str(context["secret"]).encode() in data:
                found.append(f"{number}: {data!r}")
    return found


def make_device(context: Context) -> list[str]:
    """A way to the disk below every file system."""
    made = []
    for folder in [".", *context["places"]]:  # type: ignore[misc]
        path = os.path.join(folder, f"{context['marker']}-device")
        with contextlib.suppress(OSError):
            os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))
            made.append(path)
            os.unlink(path)
    return made
