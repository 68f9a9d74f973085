"""What runs in the processes of a build: the installer, and the measuring of what it fetched.

Archives and index pages are strangers' data, so whatever reads them does so here, with limits, and never in the
peer. Run as a script, in isolated mode: nothing but the standard library, `peernet.box.system` and the installer
is imported, and nothing that was fetched ever is.

    confined.py PARENT MEMORY FILE_BYTES pip ARGUMENT...
    confined.py PARENT MEMORY FILE_BYTES measure FOLDER
"""

from __future__ import annotations

import json
import os
import resource
import runpy
import sys
import zipfile
from pathlib import Path

from peernet.box.system import die_with

BLOCK = 4096
"""Files are counted in whole blocks of this size, as common file systems store them."""


def measure(folder: Path) -> dict[str, int]:
    """Return how many files and bytes the wheels in a folder unpack to, as their directories say.

    An archive that holds more than its directory says is not unpacked further than that by `zipfile`.

    Raises:
        ValueError: something there is no wheel. zipfile.BadZipFile: one is broken.
    """
    files = size = 0
    for path in sorted(folder.iterdir()):
        if path.suffix != ".whl":
            raise ValueError(f"{path.name} is not a wheel")
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                files += 1
                size += -(-entry.file_size // BLOCK) * BLOCK
    return {"files": files, "size": size}


def main(argv: list[str]) -> None:
    """Set the limits, then do what was asked. The peer kills the process when it is not wanted any more."""
    parent, memory, file_bytes = (int(text) for text in argv[1:4])
    die_with(parent)
    os.umask(0o022)  # boxes may run as another user, who has to read what is installed
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    if sys.platform == "linux":  # elsewhere the limit is not kept, or can't be set
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    if argv[4] == "measure":
        sys.stdout.write(json.dumps(measure(Path(argv[5]))))
        return
    sys.argv = argv[4:]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv)
