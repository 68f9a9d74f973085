"""What the zygote imports before it forks, so that no slice pays for it. Never the project's code."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Collection
from pathlib import Path

from peernet.box import system
from peernet.errors import BoxError


def own_packages(names: Collection[str], environment: str) -> list[str]:
    """Return those of the names that are this system's packages. environment: a folder of packages that a project
    asked for, or nothing; what is in it is a stranger's wish, and for children."""
    return [
        name
        for name in names
        if not environment or not any(Path(environment, entry).exists() for entry in (name, f"{name}.py"))
    ]


def preload(names: Collection[str]) -> None:
    """Import packages beforehand. One that is missing or broken is the child's to complain of.

    Raises:
        BoxError: one of them started a thread.
    """
    for name in names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if system.threads() > 1:
        raise BoxError(f"one of the packages {', '.join(names)} started a thread: no child can be forked safely")
