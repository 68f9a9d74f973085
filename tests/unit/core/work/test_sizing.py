"""Sizes and limits from measured run times."""

from __future__ import annotations

import pytest

from peernet.config import WorkConfig
from peernet.core.work.owner.sizing import Sizing

CONFIG = WorkConfig()


def grown(
    seconds_per_call: float, *, overhead: float = 0.0, length: int | None = None, slots: int = 1
) -> list[int]:
    """Sizes of successive slices when each takes what its calls take."""
    sizing = Sizing(CONFIG, None, length)
    sizes, cut = [], 0
    for _ in range(12):
        size = sizing.calls(cut, slots)
        sizes.append(size)
        cut += size
        for _ in range(8):
            sizing.measured(size, overhead + size * seconds_per_call)
    return sizes


def test_a_size_that_the_project_gives_is_kept():
    sizing = Sizing(CONFIG, 7, 1000)
    sizing.measured(7, 100.0)
    assert sizing.calls(0, 100) == 7


def test_the_first_slices_hold_one_call():
    assert Sizing(CONFIG, None, 10**6).calls(0, 8) == 1


def test_slices_grow_step_by_step_to_half_a_second():
    assert grown(0.001)[:5] == [1, 16, 256, 500, 500]


def test_the_cost_of_a_fork_does_not_keep_slices_small():
    sizes = grown(0.000_01, overhead=0.004)
    assert sizes[0] == 1
    assert sizes[-1] * 0.000_01 > 0.4


def test_long_calls_stay_alone():
    assert set(grown(2.0)) == {1}


def test_everybody_gets_some_of_an_input_of_known_length():
    assert grown(0.000_1, length=10_000, slots=2)[-1] == 1000  # 0.1 s, not 10,000 / 8
    sizing = Sizing(CONFIG, None, 100_000)
    sizing.measured(1000, 0.1)
    assert sizing.calls(0, 10) == 2500
    assert sizing.calls(0, 1) == 5000


def test_sizes_shrink_at_once_when_calls_become_dearer():
    sizing = Sizing(CONFIG, None, None)
    for _ in range(8):
        sizing.measured(500, 0.5)
    assert sizing.calls(0, 1) == 500
    for _ in range(40):
        sizing.measured(500, 50.0)
    assert sizing.calls(0, 1) == 5


def test_a_minority_that_tells_stories_moves_nothing():
    sizing = Sizing(CONFIG, None, None)
    for number in range(64):
        sizing.measured(100, 0.0 if number % 3 == 0 else 0.1)
    assert sizing.calls(0, 1) == 500


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1.0])
def test_nonsense_is_dropped(seconds):
    sizing = Sizing(CONFIG, None, None)
    sizing.measured(1, seconds)
    sizing.measured(0, 1.0)
    assert sizing.seconds_per_call() is None


def test_instant_slices_are_bounded():
    sizing = Sizing(CONFIG, None, None)
    for _ in range(10):
        sizing.measured(sizing.calls(0, 1), 0.0)
    assert sizing.calls(0, 1) == CONFIG.slice_calls


def test_the_limit_of_the_project_is_the_limit():
    assert Sizing(CONFIG, None, None).limit(1.5, 3, 600.0) == 1.5


def test_a_limit_of_ones_own_is_generous_and_bounded():
    sizing = Sizing(CONFIG, None, None)
    assert sizing.limit(None, 0, 600.0) == 60.0
    assert sizing.limit(None, 1, 600.0) == 240.0
    for _ in range(20):
        sizing.measured(1, 20.0)
    assert sizing.limit(None, 0, 600.0) == 160.0
    assert sizing.limit(None, 5, 600.0) == 600.0
