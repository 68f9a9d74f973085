"""What a project file declares, read without running it: as much as stands there in so many words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from peernet.errors import ProjectError
from peernet.project.bundle import Bundle
from peernet.project.options import Options, make_options
from peernet.project.wanted import Wanted, wanted_by

_READ = frozenset({field.name for field in fields(Options)} - {"has_reduce", "whole_slice"})
"""Options that can be checked one by one."""


@dataclass(frozen=True, slots=True)
class Declared:
    """name: of the project, "" where it can't be told. options: those that are written as plain values; the
    others, in `computed`, are known when the file runs. wanted: what it needs installed."""

    name: str
    options: Options
    computed: tuple[str, ...]
    wanted: Wanted


def read_declared(bundle: Bundle) -> Declared:
    """Read the declaration in the entry of a source bundle. Nothing of it runs.

    Raises:
        ProjectError: a value that stands there is wrong, or the project that is named does not stand there.
    """
    found = dict(_declarations(ast.parse(dict(bundle.files)[bundle.entry])))
    if bundle.name and found and bundle.name not in found:
        raise ProjectError(
            f"{bundle.entry} declares no project named {bundle.name!r}: it has {', '.join(sorted(found))}"
        )
    name = bundle.name or (next(iter(found)) if len(found) == 1 else "")
    values: dict[str, Any] = {}
    computed = []
    for keyword in found.get(name, ()):
        try:
            if keyword.arg in _READ:
                values[keyword.arg] = ast.literal_eval(keyword.value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            computed.append(str(keyword.arg))
    try:
        options = make_options(**values)
        return Declared(options.name or name, options, tuple(computed), wanted_by(bundle, options.requirements))
    except ProjectError as error:
        raise ProjectError(f"{bundle.entry}: {str(error).removeprefix(f'{bundle.entry}: ')}") from None


def _declarations(tree: ast.Module) -> Iterator[tuple[str, list[ast.keyword]]]:
    """The functions under `@peernet.parallel(…)`, with what is written there."""
    for node in tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and _last_name(decorator.func) == "parallel":
                yield node.name, decorator.keywords


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
