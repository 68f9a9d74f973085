"""Rules of the network: windows, sets, what each does, and how verdicts compose."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peernet_sim.faults.rules import (
    Delay,
    Duplicate,
    Jitter,
    Loss,
    Partition,
    Reorder,
    Scope,
    judge_all,
)
from peernet_sim.model import PASS, Parcel, Rule, Verdict

PEERS = st.integers(0, 9)
SETS = st.frozensets(PEERS)
PARCELS = st.builds(Parcel, PEERS, PEERS, st.just("FindNode"), st.integers(10, 10_000), st.floats(0, 100))
SCOPES = st.builds(
    Scope,
    st.floats(0, 50),
    st.floats(50, 100),
    st.none() | SETS,
    st.sampled_from(["from", "to", "either", "both"]),
)
RULES = st.one_of(
    st.builds(Loss, SCOPES, st.floats(0, 1), st.sampled_from([0.0, 0.3])),
    st.builds(Delay, SCOPES, st.floats(0, 5)),
    st.builds(Jitter, SCOPES, st.floats(0, 5)),
    st.builds(Duplicate, SCOPES, st.floats(0, 1)),
    st.builds(Reorder, SCOPES, st.floats(0, 1), st.floats(0, 5)),
    st.builds(Partition, st.floats(0, 50), st.floats(50, 100), SETS, SETS, st.booleans()),
)


def parcel(source: int = 0, target: int = 1, now: float = 10.0) -> Parcel:
    return Parcel(source, target, "FindNode", 100, now)


@given(st.lists(RULES, max_size=5), PARCELS, st.integers(0, 2**32))
def test_verdicts_compose(rules: list[Rule], one: Parcel, seed: int) -> None:
    together = judge_all(rules, one, random.Random(seed))
    rng = random.Random(seed)
    copies, delay = 1, 0.0
    for rule in rules:
        verdict = rule.judge(one, rng)
        copies, delay = copies * verdict.copies, delay + verdict.delay
        if not copies:
            break
    assert together.copies == copies
    assert together.delay == (delay if copies else 0.0)
    assert together.delay >= 0.0


@given(RULES, PARCELS, st.integers(0, 2**32))
def test_outside_of_its_window_or_peers_a_rule_passes_and_draws_nothing(
    rule: Rule, one: Parcel, seed: int
) -> None:
    rng = random.Random(seed)
    before = rng.getstate()
    verdict = rule.judge(one, rng)
    if isinstance(rule, Partition):
        concerned = rule.since <= one.now < rule.until and (one.source in rule.side | rule.other)
    else:
        concerned = rule.scope.covers(one)  # type: ignore[attr-defined]
    if not concerned:
        assert verdict == PASS
        assert rng.getstate() == before


@given(SCOPES, PARCELS)
def test_a_scope_covers_its_window_and_its_peers(scope: Scope, one: Parcel) -> None:
    members = range(10) if scope.members is None else scope.members
    inside = {
        "from": one.source in members,
        "to": one.target in members,
        "either": one.source in members or one.target in members,
        "both": one.source in members and one.target in members,
    }[scope.ends]
    assert scope.covers(one) == (inside and scope.since <= one.now < scope.until)


def test_a_window_holds_its_beginning_and_not_its_end() -> None:
    rule = Delay(Scope(5.0, 6.0), 1.0)
    rng = random.Random(1)
    assert [rule.judge(parcel(now=now), rng).delay for now in (4.99, 5.0, 5.99, 6.0)] == [0.0, 1.0, 1.0, 0.0]


def test_loss_drops_its_share() -> None:
    rng = random.Random(1)
    lost = sum(Loss(Scope(), 0.05).judge(parcel(), rng).copies == 0 for _ in range(20_000))
    assert lost / 20_000 == pytest.approx(0.05, abs=0.005)


def test_tcp_turns_loss_into_delay_that_doubles() -> None:
    rng = random.Random(1)
    rule = Loss(Scope(), 0.5, retransmit=0.2)
    verdicts = [rule.judge(parcel(), rng) for _ in range(20_000)]
    assert all(verdict.copies == 1 for verdict in verdicts)
    share = {delay: sum(v.delay == pytest.approx(delay) for v in verdicts) / 20_000 for delay in (0.0, 0.2, 0.6)}
    assert share[0.0] == pytest.approx(0.5, abs=0.02)
    assert share[0.2] == pytest.approx(0.25, abs=0.02)
    assert share[0.6] == pytest.approx(0.125, abs=0.02)


def test_a_line_that_loses_everything_still_ends() -> None:
    assert Loss(Scope(), 1.0, retransmit=0.2).judge(parcel(), random.Random(1)).delay >= 60.0


def test_a_partition_stops_both_ways_or_one_and_heals() -> None:
    rng = random.Random(1)
    near, far = frozenset({0, 1}), frozenset({2, 3})
    both, one_way = Partition(5, 9, near, far), Partition(5, 9, near, far, one_way=True)
    assert both.judge(parcel(0, 2, 6), rng).copies == both.judge(parcel(2, 0, 6), rng).copies == 0
    assert one_way.judge(parcel(0, 2, 6), rng).copies == 0
    assert one_way.judge(parcel(2, 0, 6), rng) == PASS
    for rule in (both, one_way):
        assert rule.judge(parcel(0, 1, 6), rng) == rule.judge(parcel(0, 2, 9), rng) == PASS
        assert rule.judge(parcel(0, 7, 6), rng) == PASS


def test_duplicates_and_reordering_keep_what_they_do_not_choose() -> None:
    rng = random.Random(1)
    copies = [Duplicate(Scope(), 0.3).judge(parcel(), rng) for _ in range(5000)]
    held = [Reorder(Scope(), 0.3, 0.5).judge(parcel(), rng) for _ in range(5000)]
    assert set(copies) == {PASS, Verdict(2, 0.0)}
    assert sum(verdict.copies == 2 for verdict in copies) / 5000 == pytest.approx(0.3, abs=0.03)
    assert all(verdict.copies == 1 and 0.0 <= verdict.delay <= 0.5 for verdict in held)
    assert sum(verdict.delay > 0 for verdict in held) / 5000 == pytest.approx(0.3, abs=0.03)
