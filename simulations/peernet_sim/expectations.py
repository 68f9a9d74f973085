"""What a scenario expects of its run: `[expect]` lines, read before it and held against its metrics after it."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from peernet_sim.schema import Table

Expectation = tuple[str, str, float]
"""Where in the metrics, how it is compared, and with which number: ("lookups.success", ">=", 0.99)."""

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}

_FORM = re.compile(r"\s*(==|!=|>=|<=|>|<)\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*")


def read_expectations(table: Table) -> tuple[Expectation, ...]:
    """Read `[expect]`: `"jobs.0.wrong" = "== 0"`, or an array of comparisons."""
    found: list[Expectation] = []
    for path in table.all_keys():
        value = table.raw(path)
        for text in value if isinstance(value, list) else [value]:
            form = _FORM.fullmatch(text) if isinstance(text, str) else None
            number = _number(form[2]) if form else math.nan
            if form is None or not math.isfinite(number):
                table.wrong(
                    path, f'is {text!r}; write a comparison with a number in quotes, like "== 0" or ">= 0.99"'
                )
            found.append((path, form[1], number))
    return tuple(found)


def failed_expectations(metrics: Mapping[str, Any], expectations: Iterable[Expectation]) -> list[str]:
    """Return a line for each expectation that the metrics do not meet.

    Lists and tables are followed by index and by key; `jobs.*.wrong` means every job, and `len` of a list is its
    length: `invariants.violated.len`.
    """
    failures = []
    for path, comparison, wanted in expectations:
        values = _look_up(metrics, tuple(path.split(".")))
        if not values:
            failures.append(f"{path} is not in the metrics; expected {comparison} {wanted:g}")
        for place, value in values:
            if not isinstance(value, int | float) or not OPERATORS[comparison](value, wanted):
                shown = f"{value:g}" if isinstance(value, float) else repr(value)
                failures.append(f"{place} is {shown}; expected {comparison} {wanted:g}")
    return failures


def _look_up(value: Any, parts: tuple[str, ...], place: str = "") -> list[tuple[str, Any]]:
    if not parts:
        return [(place, value)]
    first, rest = parts[0], parts[1:]
    if isinstance(value, Mapping):
        names = [first] if first in value else []
        if first == "*":
            names = list(value)
        return [found for name in names for found in _look_up(value[name], rest, f"{place}.{name}".lstrip("."))]
    if isinstance(value, list | tuple):
        if first == "len":
            return _look_up(len(value), rest, f"{place}.len")
        places = list(range(len(value))) if first == "*" else [int(first)] if first.isdecimal() else []
        return [found for at in places if at < len(value) for found in _look_up(value[at], rest, f"{place}.{at}")]
    return []


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
