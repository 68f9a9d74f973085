"""Two runs side by side: every figure of both, and how many times the first the second is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peernet.errors import UsageError
from peernet_sim.replay import METRICS_FILE


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure of two runs; None where a run lacks it. ratio: second to first, where both are numbers."""

    name: str
    one: Any
    other: Any

    @property
    def ratio(self) -> float | None:
        """How many times the first the second is; None for what is no number, or a first of 0."""
        if not (_is_number(self.one) and _is_number(self.other)) or not self.one:
            return None
        return float(self.other / self.one)


def read_metrics(path: Path) -> dict[str, Any]:
    """Return the metrics of a run: `path` is its folder, or its `metrics.json` itself.

    Raises:
        UsageError: there are none.
    """
    file = path / METRICS_FILE if path.is_dir() else path
    try:
        metrics = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; name a folder that `peernet sim run --out` made") from error
    except ValueError as error:
        raise UsageError(f"{file} is no JSON: {error}") from error
    if not isinstance(metrics, dict):
        raise UsageError(f"{file} holds no metrics: they are a JSON object")
    return metrics


def compare(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Compared]:
    """Return all figures of two runs, in the order of the first; those of the second alone are last."""
    first, second = dict(figures(one)), dict(figures(other))
    return [Compared(name, first.get(name), second.get(name)) for name in first | second]


def figures(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the names and values of metrics, those of inner tables as `lookups.hops_mean`, `jobs.1.seconds`.

    Of lists of plain values, such as broken invariants, only the length counts.
    """
    return _walk("", metrics)


def _walk(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _walk(f"{name}.{key}" if name else str(key), item)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value):
            yield from _walk(f"{name}.{number + 1}", item)
    elif isinstance(value, list):
        yield name, len(value)
    else:
        yield name, value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
