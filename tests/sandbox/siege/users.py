"""The users as whom the attacks run, and how a command of theirs is started by the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peernet.box.scratch import wipe

HERE = Path(__file__).parents[1]
ROOT = HERE.parents[1]

UNPRIVILEGED = 61_234
"""A user id that no system gives out: no other process has it, and nothing is theirs."""

USERS = ("root", "user")


def can_not_be(user: str) -> str:
    """Why this machine can't run the tests as root, or as an unprivileged user; nothing if it can."""
    if user == "root":
        return "" if os.getuid() == 0 else "the tests do not run as root"
    if os.getuid() != 0:
        return ""
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        return "the tests run as root, and another user needs unshare and mount (util-linux)"
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True, check=False)
    return f"no mount namespace can be made: {tried.stderr.strip()}" if tried.returncode else ""


@contextmanager
def folder_of(user: str) -> Iterator[Path]:
    """An empty folder that belongs to the user and is closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="peernet-siege-"))
    try:
        if user == "user" and os.getuid() == 0:
            os.chown(folder, UNPRIVILEGED, UNPRIVILEGED)
        yield folder
    finally:
        wipe(folder)


def command_of(user: str, *command: str) -> list[str]:
    """A command line that runs `python -m COMMAND...` as the user."""
    python = [sys.executable, "-m"]
    if user == "root" or os.getuid() != 0:
        return [*python, *command]
    paths = dict.fromkeys([sys.base_prefix, sys.prefix, str(ROOT)])
    changing = [*python, "siege.as_user", str(UNPRIVILEGED), *paths]
    return ["unshare", "--mount", *changing, "--", *python, *command]


def environment(**more: str) -> dict[str, str]:
    """The environment of such a command."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TMPDIR")}
    return kept | {"PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"} | more
