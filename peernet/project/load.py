"""Loading a bundle inside a box: writing its files, importing the project, and finding it there."""

from __future__ import annotations

import importlib
import importlib.util
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from peernet.errors import ProjectError
from peernet.project.bundle import Bundle, running_python
from peernet.project.declare import Project
from peernet.project.modules import wins_over_files
from peernet.project.trace import describe, user_traceback


@dataclass(frozen=True, slots=True)
class LoadedFunction:
    """The user's function, ready to be called. directory: the folder of its files, for tracebacks. pickles: its
    results travel as pickles. skips: it goes on after a call that raises. stop_when: of a result, whether the
    slice ends with it; None where none does."""

    call: Callable[[Any], Any]
    whole_slice: bool
    directory: Path
    pickles: bool = False
    skips: bool = False
    stop_when: Callable[[Any], object] | None = None


def materialise(bundle: Bundle, directory: Path) -> None:
    """Write the files of a bundle under a folder; the bundle has checked that their paths stay inside.

    Raises:
        OSError: the disk refused.
    """
    for path, content in bundle.files:
        target = directory.joinpath(*path.split("/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def load_function(bundle: Bundle, directory: Path) -> LoadedFunction:
    """The function of a worker's bundle. Runs the user's code: call it in a box only, after `materialise`.

    Changes `sys.path`, `sys.argv` and `sys.modules`.

    Raises:
        ProjectError: as `load_project`.
    """
    if bundle.kind == "source":
        project = load_project(bundle, directory)
        options = project.options
        loaded = project.function, options.whole_slice, options.results, options.on_error, project.stop_when
    else:
        unpickled = _unpickle(bundle, directory)
        if not isinstance(unpickled, tuple) or len(unpickled) != 5 or not callable(unpickled[0]):
            raise ProjectError("the pickle of the bundle holds no function")
        loaded = unpickled
    call, whole_slice, results, on_error, stop_when = loaded
    skips = (bundle.on_error or on_error) == "skip"
    return LoadedFunction(call, bool(whole_slice), directory, results == "pickle", skips, stop_when)


def load_project(bundle: Bundle, directory: Path) -> Project[..., Any]:
    """The project of a job host's bundle. Runs the user's code: call it in a box only, after `materialise`.

    The project file is imported under its own name, not as `__main__`. Without a name in the bundle, the project
    is the only one that the file declares, or else the only one that it imports; a name finds either.

    Changes `sys.path`, `sys.argv` and `sys.modules`.

    Raises:
        ProjectError: the code raised (with its traceback), there is no project, none of that name, or several; or
            a pickle was made by another minor version of Python.
    """
    if bundle.kind == "pickle":
        project = _unpickle(bundle, directory)
        if not isinstance(project, Project):
            raise ProjectError("the pickle of the bundle holds no project")
        return project
    return _find(_import_entry(bundle, directory), bundle)


def _prepare(bundle: Bundle, directory: Path) -> None:
    """Make the interpreter look as it does for a script of that folder."""
    sys.argv = [bundle.entry, *bundle.argv]
    sys.path.insert(0, str(directory))
    for path, _ in bundle.files:
        top = path.split("/")[0].removesuffix(".py")
        known = None if wins_over_files(top) else sys.modules.get(top)
        if known is not None and not str(getattr(known, "__file__", "")).startswith(str(directory)):
            # The script's folder comes first in Python, whoever imported a module of that name before.
            for name in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
                del sys.modules[name]
    importlib.invalidate_caches()


def _import_entry(bundle: Bundle, directory: Path) -> ModuleType:
    _prepare(bundle, directory)
    try:
        if "/" in bundle.entry:
            return importlib.import_module(
                bundle.entry.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
            )
        return _import_file(directory / bundle.entry)
    except ProjectError as error:  # what a declaration in the file got wrong, already said in our words
        raise ProjectError(f"{bundle.entry}: {error}", user_traceback(error, directory)) from None
    except BaseException as error:  # noqa: BLE001 - user code may raise anything
        raise _broken(f"{bundle.entry} can't be imported", error, directory) from None


def _import_file(path: Path) -> ModuleType:
    """Import a file under its stem, which may be no identifier; one called os.py must leave the real one alone."""
    name = path.stem.replace(".", "_")
    if wins_over_files(name):
        name += "_"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no way to load {path.name}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _unpickle(bundle: Bundle, directory: Path) -> object:
    if bundle.python != running_python():
        raise ProjectError(
            f"the project was made interactively with Python {bundle.python}, but this is Python "
            f"{running_python()}; put it into a .py file, which runs on any version"
        )
    _prepare(bundle, directory)
    try:
        return pickle.loads(bundle.pickled)  # noqa: S301 - only ever called inside a box
    except BaseException as error:  # noqa: BLE001 - user code may raise anything
        raise _broken("the pickled project can't be loaded", error, directory) from None


def _broken(what: str, error: BaseException, directory: Path) -> BaseException:
    """The user's exception as a ProjectError; Ctrl-C stays what it is."""
    if isinstance(error, KeyboardInterrupt):
        return error
    return ProjectError(f"{what}: {describe(error)}", user_traceback(error, directory))


def _find(module: ModuleType, bundle: Bundle) -> Project[..., Any]:
    projects = {name: value for name, value in vars(module).items() if isinstance(value, Project)}
    if bundle.name:
        if bundle.name not in projects:
            known = f"it has {_listed(projects)}" if projects else "it has none"
            raise ProjectError(f"{bundle.entry} has no project named {bundle.name!r}: {known}")
        return projects[bundle.name]
    own = {name: value for name, value in projects.items() if _declared_in(value, module)}
    candidates = own or projects
    distinct = {id(value): value for value in candidates.values()}
    if not distinct:
        raise ProjectError(f"{bundle.entry} has no project: put @peernet.parallel(over=…) above a function")
    if len(distinct) > 1:
        raise ProjectError(
            f"{bundle.entry} has several projects: name one as {bundle.entry}:NAME, of {_listed(candidates)}"
        )
    return next(iter(distinct.values()))


def _declared_in(project: Project[..., Any], module: ModuleType) -> bool:
    return project.origin is not None and project.origin.module == module.__name__


def _listed(projects: dict[str, Project[..., Any]]) -> str:
    return ", ".join(sorted(projects))
