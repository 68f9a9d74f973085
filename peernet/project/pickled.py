"""Projects that have no source to import: they travel by cloudpickle, to the same minor version of Python only."""

from __future__ import annotations

import io
import pickletools
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from peernet.errors import CannotTravelError
from peernet.project.bundle import Bundle, running_python
from peernet.project.declare import Project
from peernet.project.modules import OWN_PACKAGE, Neighbours
from peernet.project.trace import describe

_PICKLE_PROTOCOL = 5


def pickle_project(project: Project[..., object]) -> tuple[Bundle, Bundle]:
    """The bundles of a project by value: the whole for its job host; for workers the function and what ends its
    slices, never the inputs.

    Modules beside the user's program that the pickle refers to travel as source with it.

    Raises:
        CannotTravelError: naming what can't be pickled.
    """
    whole = _dumps(project, project, bare=False)
    options = project.options
    for_workers = (project.function, options.whole_slice, options.results, options.on_error, project.stop_when)
    function = _dumps(for_workers, project, bare=True)
    return _bundle(whole), _bundle(function)


def bare_project(function: Callable[..., object], whole_slice: bool) -> Project[..., object]:
    """What is left of a project that a worker's function refers to (by calling itself, say)."""
    from peernet.project.options import make_options

    return Project(function, (), make_options(whole_slice=whole_slice))


def _dumps(value: object, project: Project[..., object], *, bare: bool) -> bytes:
    try:
        return _pickle(value, bare)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - user code may raise anything
        culprit = _culprit(project, bare) or f"the function of project {project.name!r}"
        raise CannotTravelError(f"{culprit} can't travel to other peers: {describe(error)}") from None


def _pickle(value: object, bare: bool) -> bytes:
    import cloudpickle

    class Pickler(cloudpickle.Pickler):
        """Leaves the inputs of projects out of what workers get."""

        def reducer_override(self, item: Any) -> Any:
            if bare and type(item) is Project:
                return bare_project, (item.function, item.options.whole_slice)
            return super().reducer_override(item)  # type: ignore[no-untyped-call]

    buffer = io.BytesIO()
    Pickler(buffer, protocol=_PICKLE_PROTOCOL).dump(value)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def _culprit(project: Project[..., object], bare: bool) -> str:
    """The first thing among a project's parts, and the variables of its function, that can't be pickled."""
    for what, value in _parts(project, bare):
        try:
            _pickle(value, bare)
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 - user code may raise anything
            kind = type(value)
            return f"{what} ({kind.__module__}.{kind.__qualname__}) of project {project.name!r}"
    return ""


def _parts(project: Project[..., object], bare: bool) -> Iterable[tuple[str, object]]:
    function: Any = project.function
    code = getattr(function, "__code__", None)
    if code is not None:
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            try:
                yield f"the variable {name!r}", cell.cell_contents
            except ValueError:  # not assigned yet
                continue
        for name in code.co_names:
            if name in function.__globals__:
                yield f"the global variable {name!r}", function.__globals__[name]
    yield "stop_when", project.stop_when
    if not bare:
        yield "over, the input,", project.over
        yield "keep_if", project.keep_if
        yield "reduce", project.reduce
        yield "initial", project.initial
        yield "check", project.check
        yield "equal", project.equal


def _bundle(pickled: bytes) -> Bundle:
    files: dict[str, bytes] = {}
    imports: set[str] = set()
    for module in _modules_named(pickled):
        root = _own_root(module)
        if root is None:
            imports.add(module.__name__.split(".")[0])
            continue
        neighbours = Neighbours(root)
        neighbours.add_module(module.__name__)
        files.update(neighbours.files)
        imports |= neighbours.external
    return Bundle(
        kind="pickle",
        entry="",
        name="",
        argv=tuple(sys.argv[1:]),
        files=tuple(sorted(files.items())),
        python=running_python(),
        imports=tuple(sorted(imports)),
        pickled=pickled,
    )


def _modules_named(pickled: bytes) -> list[ModuleType]:
    """The loaded modules whose names stand in a pickle, apart from those that every peer has."""
    names = {argument for _, argument, _ in pickletools.genops(pickled) if isinstance(argument, str)}
    everywhere = {*sys.stdlib_module_names, OWN_PACKAGE, "cloudpickle", "__main__", "__mp_main__"}
    loaded = ((name, sys.modules.get(name)) for name in sorted(names))
    return [module for name, module in loaded if module is not None and name.split(".")[0] not in everywhere]


def _own_root(module: ModuleType) -> Path | None:
    """The folder that a module of the user's own program was imported from; None for an installed one."""
    file = getattr(module, "__file__", None)
    if not file or not file.endswith(".py"):
        return None
    path = Path(file).resolve()
    if {"site-packages", "dist-packages"} & set(path.parts) or not path.is_file():
        return None
    parts = module.__name__.split(".")
    tail = (*parts, "__init__.py") if path.name == "__init__.py" else (*parts[:-1], f"{parts[-1]}.py")
    root = path.parents[len(tail) - 1] if len(tail) <= len(path.parents) else path.parent
    return root if root.joinpath(*tail) == path else None
