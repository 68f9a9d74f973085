"""Which home a caller means, without starting a peer."""

from __future__ import annotations

import os
from pathlib import Path

from peernet.api.client import ControlClient
from peernet.box import IN_BOX
from peernet.errors import ProjectError
from peernet.storage.home import Home


def refuse_in_box() -> None:
    """Refuse what a project must not do while it is loaded in a box: else each box would start peers of its own,
    whose boxes would load the project again.

    Raises:
        ProjectError: this process is a box.
    """
    if IN_BOX in os.environ:
        raise ProjectError(
            "the file starts a peer or submits a job when it is imported; put that under "
            '`if __name__ == "__main__":`, since every peer that computes imports the file'
        )


def open_home(path: Path | str | None = None) -> Home:
    """Return the home at `path`, or the user's own (PEERNET_HOME, else the platform's data folder).

    Raises:
        UsageError: it is no folder of this user's.
        StorageError: it can't be created or written.
    """
    return Home.open(Path(path) if path is not None else Home.default_path(os.environ))


def control_client(path: Path | str | None = None) -> ControlClient:
    """Return a client for the peer of that home, running or not."""
    return ControlClient(open_home(path).control_socket)
