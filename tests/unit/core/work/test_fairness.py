"""Turns between submitters."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peernet.core.work.worker.fairness import DeficitRoundRobin, fair_share


def test_nothing_waits():
    assert DeficitRoundRobin().choose({}) is None


def test_equal_costs_take_turns():
    turns = DeficitRoundRobin()
    assert Counter(turns.choose({"a": 1.0, "b": 1.0}) for _ in range(10)) == {"a": 5, "b": 5}


def test_time_is_shared_not_slices():
    turns = DeficitRoundRobin()
    chosen = Counter(turns.choose({"short": 0.1, "long": 1.0}) for _ in range(110))
    assert chosen == {"short": 100, "long": 10}


def test_who_was_alone_has_no_credit_against_a_newcomer():
    turns = DeficitRoundRobin()
    for _ in range(100):
        assert turns.choose({"a": 1.0}) == "a"
    assert Counter(turns.choose({"a": 1.0, "b": 1.0}) for _ in range(10)) == {"a": 5, "b": 5}


def test_who_took_longer_than_it_seemed_waits_for_it():
    turns = DeficitRoundRobin()
    costs = {"a": 1.0, "b": 1.0}
    assert turns.choose(costs) == "a"
    turns.charge("a", 5.0)
    assert [turns.choose(costs) for _ in range(6)].count("a") <= 1


def test_an_idle_key_keeps_its_debt_but_not_its_credit():
    turns = DeficitRoundRobin()
    turns.choose({"a": 1.0, "b": 1.0})
    turns.charge("a", 3.0)
    turns.choose({"b": 1.0})
    assert [turns.choose({"a": 1.0, "b": 1.0}) for _ in range(3)] == ["b", "b", "b"]


def test_a_debt_beyond_all_measure_does_not_starve():
    turns = DeficitRoundRobin()
    turns.choose({"a": 1.0})
    turns.charge("a", 1e12)
    chosen = [turns.choose({"a": 1.0, "b": 1.0}) for _ in range(40)]
    assert "a" in chosen


def test_a_dropped_key_is_forgotten():
    turns = DeficitRoundRobin()
    turns.choose({"a": 1.0})
    turns.charge("a", 5.0)
    turns.drop("a")
    turns.charge("a", 5.0)
    assert turns.choose({"a": 1.0, "b": 1.0}) == "a"


COSTS = st.dictionaries(st.sampled_from("abcde"), st.floats(0.001, 100.0), min_size=2, max_size=5)


@given(costs=COSTS, rounds=st.integers(1, 300))
def test_served_time_differs_by_no_more_than_two_of_the_longest(costs, rounds):
    """The bound of deficit round robin while all keys have something waiting."""
    turns = DeficitRoundRobin()
    served = dict.fromkeys(costs, 0.0)
    for _ in range(rounds):
        key = turns.choose(costs)
        served[key] += costs[key]
    assert max(served.values()) - min(served.values()) <= 2 * max(costs.values()) + 1e-6


@given(costs=st.lists(st.dictionaries(st.sampled_from("abc"), st.floats(0, 1e6), max_size=3), max_size=50))
def test_somebody_who_waits_is_always_chosen(costs):
    turns = DeficitRoundRobin()
    for waiting in costs:
        key = turns.choose(waiting)
        assert (key in waiting) if waiting else key is None


@pytest.mark.parametrize(
    ("total", "parts", "share"), [(4, 1, 4), (4, 2, 2), (4, 3, 2), (1, 3, 1), (0, 2, 0), (3, 0, 3)]
)
def test_shares_are_rounded_up(total, parts, share):
    assert fair_share(total, parts) == share
