"""From a project file, or from a project in a running program, to the bundles that travel."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from peernet.errors import ProjectError
from peernet.project.bundle import Bundle
from peernet.project.declare import Project
from peernet.project.modules import OWN_PACKAGE, Neighbours, parse_source, read_source
from peernet.project.pickled import pickle_project


def collect(path: Path, name: str | None, argv: Sequence[str]) -> Bundle:
    """Collect a project file and the modules beside it that it imports. Nothing of it is executed.

    The file's folder is searched first, as Python does for a script (of a symbolic link: its target's folder).
    Modules that are not imported, hidden files and files outside that folder never travel.

    Args:
        path: the project file.
        name: the project in it, or None for the only one. Whether it is there shows when the file is loaded.
        argv: what the project will see as `sys.argv[1:]`.

    Raises:
        ProjectError: the file is missing, a directory, not Python, or imports what can't travel.
    """
    if name is not None and not name.isidentifier():
        raise ProjectError(f"{name!r} is not the name of a project: use FILE.py or FILE.py:NAME")
    read_source(path)  # says what is wrong with the path as the user wrote it
    if path.suffix != ".py":
        raise ProjectError(f"{path} is not a .py file")
    real = path.resolve()
    if real.stem == OWN_PACKAGE or real.name.startswith(".") or real.suffix != ".py":
        raise ProjectError(f"{path}: a project file can't be called {real.name!r}; rename it")
    if real.parent != path.parent.resolve() and any(part.startswith(".") for part in real.parts):
        raise ProjectError(f"{path} leads to {real}, in a hidden folder; hidden files never travel: copy it")
    return _source_bundle(real.parent, real, real.stem, name or "", argv)


def bundle_project(project: Project[..., object]) -> tuple[Bundle, Bundle]:
    """The bundles of a project that a running program holds: for its job host, and for the workers.

    A project at module level of a .py file travels as source: that file is imported again, under its own name, by
    both. What was made interactively, inside a function or under `if __name__ == "__main__":` travels by
    cloudpickle; the workers then get the function without its inputs.

    Raises:
        ProjectError: its source can't be read or parsed.
        CannotTravelError: the function, or what it refers to, can't be pickled; names it.
    """
    located = _locate(project)
    if located is None:
        return pickle_project(project)
    root, file, module_name, attribute = located
    only = module_name.split(".")[0] if _is_site(root) else None
    bundle = _source_bundle(root, file, module_name, attribute, sys.argv[1:], only)
    return bundle, bundle


def _source_bundle(
    root: Path, file: Path, module: str, name: str, argv: Sequence[str], only: str | None = None
) -> Bundle:
    neighbours = Neighbours(root, only)
    neighbours.add_file(file, module)
    return Bundle(
        kind="source",
        entry=file.relative_to(root).as_posix(),
        name=name,
        argv=tuple(argv),
        files=tuple(sorted(neighbours.files.items())),
        python="",
        imports=tuple(sorted(neighbours.external)),
        pickled=b"",
    )


def _locate(project: Project[..., object]) -> tuple[Path, Path, str, str] | None:
    """Root folder, file, module name and attribute of a project whose source can be imported again, else None."""
    origin = project.origin
    module = sys.modules.get(origin.module) if origin is not None else None
    if origin is None or module is None or not origin.top_level:
        return None
    declared = getattr(module, "__file__", None)
    if not declared or not declared.endswith(".py") or not Path(declared).is_file():
        return None
    file = Path(declared).resolve()
    if Path(origin.file).resolve() != file or _under_main_guard(file, origin.line):
        return None
    attribute = next((key for key, value in vars(module).items() if value is project), "")
    if not attribute.isidentifier():
        return None
    root, name = _root_of(module, file)
    return root, file, name, attribute


def _root_of(module: ModuleType, file: Path) -> tuple[Path, str]:
    """The folder that was in `sys.path` for this module, and its dotted name from there."""
    spec = module.__spec__
    name = spec.name if spec is not None else module.__name__
    parts = name.split(".")
    depth = len(parts) - (0 if file.name == "__init__.py" else 1)
    root = file.parents[depth] if depth < len(file.parents) else file.parent
    tail = (*parts, "__init__.py") if file.name == "__init__.py" else (*parts[:-1], f"{parts[-1]}.py")
    if root.joinpath(*tail) == file:
        return root, name
    return file.parent, file.stem


def _is_site(root: Path) -> bool:
    return bool({"site-packages", "dist-packages"} & set(root.parts))


def _under_main_guard(file: Path, line: int) -> bool:
    """Whether a line is under `if __name__ == …:`, which an import of the file does not run."""
    for node in parse_source(read_source(file), file).body:
        if isinstance(node, ast.If) and node.lineno <= line <= (node.end_lineno or node.lineno):
            names = {part.id for part in ast.walk(node.test) if isinstance(part, ast.Name)}
            return "__name__" in names
    return False
