"""The project's own classes: what they are called on the way, and how a name leads back to one.

A name never causes an import and never runs code: it is looked up in the namespaces of modules that are loaded.
"""

from __future__ import annotations

import enum
import functools
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FunctionType, ModuleType

ClassName = tuple[str, str]
"""Module and qualified name."""

_OURS = frozenset({"peernet", "peernet_cli", "peernet_sim"})
_INSTALLED = frozenset({"site-packages", "dist-packages"})


def has_fields(kind: type) -> bool:
    """Whether a class is itself a dataclass, not only derived from one."""
    return "__dataclass_fields__" in vars(kind)


def is_own(kind: type) -> bool:
    """Whether a class is the user's: of the program itself, or of a module that is neither installed, nor of the
    standard library, nor peernet's."""
    module = kind.__module__
    if module == "__main__":
        return True
    top = module.partition(".")[0]
    if top in _OURS or top in sys.stdlib_module_names:
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return True
    parents = Path(file).parents
    depth = module.count(".") + (Path(file).stem == "__init__")
    return not _is_installed(parents[min(depth, len(parents) - 1)])


@functools.lru_cache(maxsize=256)
def _is_installed(folder: Path) -> bool:
    """Whether a folder on the path of imports holds installed packages: those of the interpreter, or those that
    were built for a job."""
    return bool(_INSTALLED & set(folder.parts)) or any(folder.glob("*.dist-info"))


def name_of(kind: type) -> ClassName:
    """The name under which a class travels.

    A project that is run as a program is `__main__` there, while the peers import it under its own name: its
    classes have that name everywhere.
    """
    module = kind.__module__
    if module == "__main__" and _within(sys.modules.get("__main__"), kind.__qualname__) is kind:
        module = _program() or module
    return module, kind.__qualname__


class Resolver:
    """Finds classes by name: among those given, else among the project's own that are loaded in this process."""

    def __init__(self, given: Iterable[type]) -> None:
        self._found: dict[ClassName, type | None] = {name_of(kind): kind for kind in given}

    def find(self, name: ClassName) -> type | None:
        """Return the Enum or dataclass of that name; None if there is none."""
        if name not in self._found:
            self._found[name] = _find(name)
        return self._found[name]


def classes_of(*functions: object) -> tuple[type, ...]:
    """The enums and dataclasses that functions refer to by global variables or closures.

    For a project that travelled as a pickle: its classes are in no module, so no name leads to them.
    """
    found: dict[type, None] = {}
    for function in functions:
        if isinstance(function, FunctionType):
            closure = [cell.cell_contents for cell in function.__closure__ or () if _filled(cell)]
            for value in (*function.__globals__.values(), *closure):
                if (
                    isinstance(value, type)
                    and is_own(value)
                    and (issubclass(value, enum.Enum) or has_fields(value))
                ):
                    found[value] = None
    return tuple(found)


def _travels(kind: type) -> bool:
    return issubclass(kind, enum.Enum) or has_fields(kind)


def _filled(cell: object) -> bool:
    try:
        cell.cell_contents  # type: ignore[attr-defined]  # noqa: B018
    except ValueError:
        return False
    return True


def _find(name: ClassName) -> type | None:
    module, qualname = name
    modules = [sys.modules.get(module)]
    if module == _program():
        modules.insert(0, sys.modules.get("__main__"))
    for namespace in modules:
        found = _within(namespace, qualname)
        if isinstance(found, type) and _travels(found) and is_own(found) and name in _names(found):
            return found
    return None


def _names(kind: type) -> tuple[ClassName, ...]:
    """What a class is called here or elsewhere: what travels by cloudpickle keeps the name `__main__`."""
    return name_of(kind), (kind.__module__, kind.__qualname__)


def _within(namespace: object, qualname: str) -> object:
    """What a dotted name leads to, through the dictionaries of a module and of classes only."""
    if not isinstance(namespace, ModuleType):
        return None
    found: object = None
    names = object.__getattribute__(namespace, "__dict__")  # a lazy module would load itself
    for part in qualname.split("."):
        found = names.get(part)
        names = vars(found) if isinstance(found, type) else {}
    return found


def _program() -> str | None:
    """The name under which peers import what is `__main__` here; None where it is no file."""
    main = sys.modules.get("__main__")
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if spec is not None:
        return str(spec.name)
    return Path(file).stem.replace(".", "_") if file else None
