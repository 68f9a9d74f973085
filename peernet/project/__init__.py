"""Projects: how they are declared, travel, are loaded in boxes, cut, run and folded.

Declaring is all that a user's module needs, so the rest loads on first use (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from peernet.project.declare import MISSING, Project, parallel
from peernet.project.options import Options, make_options, override

if TYPE_CHECKING:
    from peernet.project.bundle import Bundle
    from peernet.project.chance import numpy_rng, rng
    from peernet.project.collector import bundle_project, collect
    from peernet.project.cut import Cut, Cutter, open_input
    from peernet.project.failed import FailedCall
    from peernet.project.fold import Folder
    from peernet.project.load import LoadedFunction, load_function, load_project, materialise
    from peernet.project.run import TaskFailure, run_slice

_HOMES = {
    "Bundle": "bundle",
    "Cut": "cut",
    "Cutter": "cut",
    "FailedCall": "failed",
    "Folder": "fold",
    "LoadedFunction": "load",
    "TaskFailure": "run",
    "bundle_project": "collector",
    "collect": "collector",
    "load_function": "load",
    "load_project": "load",
    "materialise": "load",
    "numpy_rng": "chance",
    "open_input": "cut",
    "rng": "chance",
    "run_slice": "run",
}

__all__ = [
    "MISSING",
    "Bundle",
    "Cut",
    "Cutter",
    "FailedCall",
    "Folder",
    "LoadedFunction",
    "Options",
    "Project",
    "TaskFailure",
    "bundle_project",
    "collect",
    "load_function",
    "load_project",
    "make_options",
    "materialise",
    "numpy_rng",
    "open_input",
    "override",
    "parallel",
    "rng",
    "run_slice",
]


def __getattr__(name: str) -> object:
    """Load a name from the module that owns it."""
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'peernet.project' has no attribute {name!r}") from None
    return getattr(import_module(f"peernet.project.{home}"), name)
