"""Limits and their defaults."""

from __future__ import annotations

import pytest

from peernet.box.limits import Limits, default_limits
from peernet.config import BoxConfig


def test_the_defaults_are_those_of_the_config() -> None:
    assert default_limits(BoxConfig()) == Limits()
    changed = default_limits(BoxConfig(memory=5, seconds=6.0, scratch=7, result=8, open_files=9, threads=10))
    assert changed == Limits(memory=5, seconds=6.0, scratch=7, result=8, open_files=9, threads=10)


@pytest.mark.parametrize(
    "wrong",
    [
        {"memory": 0},
        {"scratch": -1},
        {"result": -1},
        {"open_files": 7},
        {"threads": 0},
        {"seconds": 0.0},
        {"seconds": float("nan")},
        {"cpu_seconds": 0.0},
        {"cpu_seconds": float("inf")},
        {"memory": 1 << 61},
    ],
)
def test_senseless_limits_are_refused(wrong: dict[str, float]) -> None:
    [name] = wrong
    with pytest.raises(ValueError, match=name):
        Limits(**wrong)  # type: ignore[arg-type]
