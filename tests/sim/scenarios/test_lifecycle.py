"""Happenings in peers' lives: what is done to whom and when, and the statistics of churn."""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import fmean, pstdev
from typing import Any

import pytest

from peernet_sim.faults.lifecycle import Exponential, Weibull, mean_session
from peernet_sim.scenario import Scenario, compile_plan

Read = Callable[..., Scenario]


def lives(read: Read, new_diary: Any, text: str, seconds: float = 60.0, seed: int = 1) -> list[Any]:
    plan = compile_plan(read(text), None, seed)
    assert plan.faults.happenings == sorted(plan.faults.happenings, key=lambda happening: happening.at)
    entries = new_diary().run(plan.faults.happenings, seconds)
    assert isinstance(entries, list)
    return entries


ONCE = [
    ("kind = 'crash'\nat = 5", [(5.0, "crash", 2, None), (5.0, "crash", 7, None)]),
    (
        "kind = 'crash'\nat = 5\nrestart_after = 3\nwith_state = false",
        [(5.0, "crash", 2, None), (5.0, "crash", 7, None), (8.0, "restart", 2, False), (8.0, "restart", 7, False)],
    ),
    ("kind = 'freeze'\nat = 5\nseconds = 2.5", [(5.0, "freeze", 2, 2.5), (5.0, "freeze", 7, 2.5)]),
    (
        "kind = 'slow'\nat = 5\nfactor = 4\nseconds = 2",
        [(5.0, "slow", 2, 4.0), (5.0, "slow", 7, 4.0), (7.0, "slow", 2, 1.0), (7.0, "slow", 7, 1.0)],
    ),
    ("kind = 'clock-skew'\nseconds = -30", [(0.0, "skew", 2, -30.0), (0.0, "skew", 7, -30.0)]),
    (
        "kind = 'full-disk'\nat = 5\nseconds = 4",
        [(5.0, "disk", 2, True), (5.0, "disk", 7, True), (9.0, "disk", 2, False), (9.0, "disk", 7, False)],
    ),
]


@pytest.mark.parametrize(("text", "expected"), ONCE, ids=[text.split("'")[1] for text, _ in ONCE])
def test_each_happening_is_done_to_its_peers_at_its_time(
    read: Read, new_diary: Any, text: str, expected: list[Any]
) -> None:
    assert lives(read, new_diary, f"[[fault]]\npeers = {{ peers = [7, 2] }}\n{text}\n") == expected


def test_skewed_clocks_differ_within_the_spread(read: Read, new_diary: Any) -> None:
    text = "[[fault]]\nkind = 'clock-skew'\npeers = 'all'\nseconds = 10\nspread = 5\n"
    skews = [entry[3] for entry in lives(read, new_diary, text)]
    assert len(set(skews)) == 20
    assert all(5.0 <= skew <= 15.0 for skew in skews)


def test_churn_at_so_many_per_cent_a_minute_makes_so_many_leave(read: Read, new_diary: Any) -> None:
    text = "[[fault]]\nkind = 'churn'\npercent_per_minute = 10\nmean_away = 0.001\n"
    plan = compile_plan(read(text, least="about='t'\npeers=500\nseconds=600\n"), None, 3)
    left = [entry for entry in new_diary().run(plan.faults.happenings, 600.0) if entry[1] == "crash"]
    assert len(left) / (500 * 10) == pytest.approx(0.10, rel=0.1)


def test_whoever_leaves_comes_back_in_turn(read: Read, new_diary: Any) -> None:
    text = "[[fault]]\nkind = 'churn'\nmean_session = 10\nmean_away = 2\nwith_state = false\n"
    entries = lives(read, new_diary, text, 300.0)
    for index in range(20):
        steps = [(entry[1], entry[3]) for entry in entries if entry[2] == index]
        assert len(steps) > 2 and len(steps) % 2 == 0
        assert steps == [("crash", None), ("restart", False)] * (len(steps) // 2)


def test_churn_spares_the_submitter_unless_told_otherwise(read: Read, new_diary: Any) -> None:
    job = "[[job]]\nat = 1\ncalls = 5\nsubmitter = 4\n"
    text = "[[fault]]\nkind = 'churn'\nmean_session = 5\n"
    assert {entry[2] for entry in lives(read, new_diary, job + text)} == set(range(20)) - {4}
    alone = lives(read, new_diary, job + text + "peers = 'submitter'\n")
    assert {entry[2] for entry in alone} == {4}


def test_churn_is_the_same_for_a_seed(read: Read, new_diary: Any) -> None:
    text = "[[fault]]\nkind = 'churn'\nmean_session = 20\nshape = 0.5\n"
    assert lives(read, new_diary, text) == lives(read, new_diary, text)
    assert lives(read, new_diary, text) != lives(read, new_diary, text, seed=2)


def test_sessions_have_the_mean_that_is_asked_for_and_weibull_ones_a_long_tail() -> None:
    rng = random.Random(1)
    even = [Exponential(100.0).draw(rng) for _ in range(40_000)]
    tailed = [Weibull(100.0, 0.5).draw(rng) for _ in range(40_000)]
    assert fmean(even) == pytest.approx(100.0, rel=0.03)
    assert pstdev(even) == pytest.approx(100.0, rel=0.05)
    assert fmean(tailed) == pytest.approx(100.0, rel=0.06)
    assert pstdev(tailed) == pytest.approx(100.0 * 5**0.5, rel=0.15)
    assert sorted(tailed)[20_000] < sorted(even)[20_000] / 2
    assert mean_session(10.0) == 600.0
