"""Which files an import reaches, found as Python would find them, without running anything."""

from __future__ import annotations

import ast
import importlib.machinery
import sys
import warnings
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from peernet.config.project import MAX_BUNDLE_BYTES, MAX_BUNDLE_FILES
from peernet.errors import ProjectError

_SHOWN_CHARS = 200
"""Characters of a wrong line that are shown: two lines of a terminal."""

OWN_PACKAGE = "peernet"
"""Every peer has it, so it never travels, even when a project lies in peernet's own source tree."""


def wins_over_files(name: str) -> bool:
    """Whether a module is part of the interpreter (built in or frozen), so that no file of its name is used."""
    return name in sys.builtin_module_names or importlib.machinery.FrozenImporter.find_spec(name) is not None


class Neighbours:
    """The modules beside a project that it imports, collected by walking their imports.

    `files` maps relative posix paths to bytes; `external` holds the top-level names of imported modules that are
    neither neighbours, nor of the standard library, nor peernet.
    """

    def __init__(self, root: Path, only: str | None = None) -> None:
        """root: the folder that comes first in `sys.path`, resolved. only: the one top-level name to take, for a
        root such as site-packages, where the rest is no part of the project."""
        self.root = root
        self.files: dict[str, bytes] = {}
        self.external: set[str] = set()
        self._only = only
        self._size = 0
        self._queue: deque[tuple[str, Path]] = deque()
        self._seen: set[str] = set()

    def add_file(self, path: Path, module: str) -> None:
        """Take a file as the module of that name, and whatever it imports.

        Raises:
            ProjectError: a file can't be read or parsed, leads outside the root, or there are too many.
        """
        self._seen.add(module)
        self._queue.append((module, path))
        if "." in module:
            self._reach(module.rpartition(".")[0])  # importing it runs the packages above it
        self._drain()

    def add_module(self, name: str) -> bool:
        """Take a module by its dotted name, if it is a neighbour. Returns whether it is."""
        found = self._reach(name)
        self._drain()
        return found

    def _drain(self) -> None:
        while self._queue:
            module, path = self._queue.popleft()
            tree = self._take(path)
            package = module if path.name == "__init__.py" else module.rpartition(".")[0]
            for name in _imported(tree, package):
                self._reach(name)
            for starred in _starred(tree, package):
                self._reach_exports(starred)

    def _take(self, path: Path) -> ast.Module:
        """Read a file into the bundle and parse it."""
        inside = _resolve_inside(path, self.root)
        source = read_source(inside)
        self._size += len(source)
        if self._size > MAX_BUNDLE_BYTES or len(self.files) >= MAX_BUNDLE_FILES:
            raise ProjectError(
                f"{path}: the project imports more than {MAX_BUNDLE_FILES} files or {MAX_BUNDLE_BYTES} bytes"
            )
        self.files[path.relative_to(self.root).as_posix()] = source
        return parse_source(source, path)

    def _reach(self, name: str) -> bool:
        """Queue the module of a dotted name and the packages above it; whether its top level is a neighbour."""
        parts = name.split(".")
        if not self._is_neighbour(parts[0]):
            if parts[0] != OWN_PACKAGE and parts[0] not in sys.stdlib_module_names and parts[0] != "__main__":
                self.external.add(parts[0])
            return False
        folder = self.root
        for depth, part in enumerate(parts, 1):
            dotted = ".".join(parts[:depth])
            file = find_module(folder, part)
            if file is None and not (folder / part).is_dir():
                break  # an attribute of the module before, or missing: Python will say so
            folder = folder / part
            if file is not None and dotted not in self._seen:
                self._seen.add(dotted)
                self._queue.append((dotted, file))
            if file is not None and file.name != "__init__.py":
                break
        return True

    def _reach_exports(self, package: str) -> None:
        """`from package import *` imports the submodules that its `__all__` lists."""
        path = self.root.joinpath(*package.split("."), "__init__.py")
        if self._is_neighbour(package.split(".")[0]) and path.is_file():
            for name in _exports(parse_source(read_source(_resolve_inside(path, self.root)), path)):
                self._reach(f"{package}.{name}")

    def _is_neighbour(self, top: str) -> bool:
        if top == OWN_PACKAGE or not top or wins_over_files(top):
            return False
        if self._only is not None and top != self._only:
            return False
        if find_module(self.root, top) is not None:
            return True
        # A folder without __init__.py is a package only where nothing else has the name.
        return (self.root / top).is_dir() and top.isidentifier() and not _is_installed(top, self.root)


def find_module(folder: Path, name: str) -> Path | None:
    """The source file of a module in a folder: a package first, then a compiled module (refused), then a file.

    Raises:
        ProjectError: the module is compiled, so that it can't travel.
    """
    package = folder / name / "__init__.py"
    if package.is_file():
        return package
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        if (folder / f"{name}{suffix}").is_file():
            raise ProjectError(
                f"{folder / f'{name}{suffix}'} is a compiled module, and only .py files travel to other peers: "
                "install it on them as a package"
            )
    file = folder / f"{name}.py"
    if file.is_file() or file.is_symlink():
        return file
    return None


def read_source(path: Path) -> bytes:
    """The bytes of a source file.

    Raises:
        ProjectError: it is missing, no regular file, unreadable, or too large.
    """
    try:
        if path.is_dir():
            raise ProjectError(f"{path} is a directory; name a .py file")
        if not path.exists():
            raise ProjectError(f"{path}: there is no such file")
        if not path.is_file():
            raise ProjectError(f"{path} is not a regular file")
        with path.open("rb") as file:
            source = file.read(MAX_BUNDLE_BYTES + 1)
        if len(source) > MAX_BUNDLE_BYTES:
            raise ProjectError(f"{path} is larger than {MAX_BUNDLE_BYTES} bytes; large data belongs in the inputs")
        return source
    except OSError as error:
        raise ProjectError(f"{path} can't be read: {error.strerror or error}") from None


def parse_source(source: bytes, path: Path) -> ast.Module:
    """Parse a source file of any declared coding (PEP 263).

    Raises:
        ProjectError: with the file, the line and the text, when it is not Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are the user's to see where the code runs
            return ast.parse(source, str(path))
    except SyntaxError as error:
        place = f"{path}:{error.lineno}" if error.lineno else str(path)
        text = f"\n    {error.text.strip()[:_SHOWN_CHARS]}" if error.text else ""
        raise ProjectError(f"{place}: syntax error: {error.msg}{text}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ProjectError(f"{path}: not Python source: {error or 'nested too deep'}") from None


def _resolve_inside(path: Path, root: Path) -> Path:
    """Where the file really is: inside the root, and nowhere hidden.

    Raises:
        ProjectError: a symbolic link leads elsewhere.
    """
    try:
        real = path.resolve()
    except (OSError, RuntimeError):  # a loop of links
        raise ProjectError(f"{path} is a symbolic link that leads nowhere") from None
    if not real.is_relative_to(root):
        raise ProjectError(
            f"{path} leads outside the project's folder, to {real}; only files inside travel: copy it there"
        )
    if any(part.startswith(".") for part in real.relative_to(root).parts):
        raise ProjectError(f"{path} leads to the hidden file {real}; hidden files never travel")
    if real.suffix != ".py":
        raise ProjectError(f"{path} leads to {real}, which is no .py file; only source travels: copy it there")
    return real


def _is_installed(top: str, root: Path) -> bool:
    if top in sys.stdlib_module_names:
        return True
    path = [entry for entry in sys.path if Path(entry or ".").resolve() != root]
    spec = importlib.machinery.PathFinder.find_spec(top, path)
    return spec is not None and spec.origin is not None


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """The dotted names that a module imports anywhere in it. `from a import b` may mean the module a.b."""
    for node in _walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            if base is None:
                continue
            if base:
                yield base
            for alias in node.names:
                if alias.name != "*":
                    yield f"{base}.{alias.name}" if base else alias.name


def _walk(tree: ast.Module) -> Iterator[ast.AST]:
    """All nodes but those that only type checkers see: what is imported there is never imported."""
    waiting: deque[ast.AST] = deque([tree])
    while waiting:
        node = waiting.popleft()
        yield node
        if isinstance(node, ast.If) and _is_for_checkers(node.test):
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def _is_for_checkers(test: ast.expr) -> bool:
    """Whether a condition is `TYPE_CHECKING`, or `typing.TYPE_CHECKING`."""
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def _starred(tree: ast.Module, package: str) -> Iterator[str]:
    for node in _walk(tree):
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            base = _absolute(node, package)
            if base:
                yield base


def _absolute(node: ast.ImportFrom, package: str) -> str | None:
    """The absolute name that a `from` import begins at; None where a relative one leads out of its package."""
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    if len(parts) < node.level:
        return None
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def _exports(tree: ast.Module) -> list[str]:
    """The strings in a module's literal `__all__`."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets
        ):
            literals = node.value.elts if isinstance(node.value, (ast.List, ast.Tuple)) else []
            constants = [item.value for item in literals if isinstance(item, ast.Constant)]
            return [name for name in constants if isinstance(name, str) and name.isidentifier()]
    return []
