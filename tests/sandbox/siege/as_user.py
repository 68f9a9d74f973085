"""Becomes an unprivileged user and runs a command. As root, in a mount namespace of its own:
`unshare --mount python -m siege.as_user UID PATH... -- COMMAND...`

The interpreter may lie below a folder that only root may enter. Every PATH must be reachable afterwards: what is
in the way is replaced, in this namespace only, by an empty folder in which the path is bound where it was. Nothing
is copied, and no mode of the real system changes.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> None:
    split = sys.argv.index("--")
    uid, paths, command = int(sys.argv[1]), list(map(Path, sys.argv[2:split])), sys.argv[split + 1 :]
    closed: dict[Path, list[Path]] = {}
    for path in paths:
        if (gate := closed_folder(path)) is not None:
            closed.setdefault(gate, []).append(path)
    for gate, hidden in closed.items():
        open_gate(gate, hidden)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    os.execvp(command[0], command)


def closed_folder(path: Path) -> Path | None:
    """The topmost folder on the way to a path that others may not enter."""
    for folder in reversed(path.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def open_gate(gate: Path, hidden: list[Path]) -> None:
    """Put an empty folder over one that is closed, with what is needed of it bound in its place."""
    aside = []
    for path in hidden:
        aside.append(Path(tempfile.mkdtemp(prefix="peernet-aside-")))
        mount("--bind", path, aside[-1])
    mount("-t", "tmpfs", "-o", "mode=755,size=1m", "none", gate)
    for path, kept in zip(hidden, aside, strict=True):
        path.mkdir(mode=0o755, parents=True)
        mount("--move", kept, path)
        kept.rmdir()


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()
