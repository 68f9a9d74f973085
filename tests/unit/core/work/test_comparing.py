"""Results that may be equal although their bytes differ, on the owner's bench: floats with another last digit."""

from __future__ import annotations

import pytest

from peernet.core import effects as e
from peernet.core import records as r
from peernet.core.events import Failure
from peernet.core.work.stats import decode_stats
from peernet.project.comparing import medoids
from peernet.wire.work import Return, Taken

from .conftest import sha


def close(values: list[bytes]) -> tuple[int, ...]:
    """What the host makes of results that are numbers: equal up to 0.1; anything else is equal to nothing."""

    def number(value):
        try:
            return float(value)
        except ValueError:
            return float("nan")

    return medoids(
        [sha(value) for value in values],
        lambda one, other: abs(number(values[one]) - number(values[other])) < 0.1,
    )


@pytest.fixture
def desk(make_desk, make_host):
    def make(calls=1, **host):
        made = make_desk(make_host(calls=calls, declares={"compares": True}, **host))
        made.host.group = close
        made.submit(patience=5.0)
        return made

    return make


def give(bench, name, *values, want=0):
    """Let a peer return these for the slices that it is given, one after another."""
    hand = bench.hands.get(name) or bench.hand(name, f"10.0.{len(bench.hands)}.1")
    bench.hands.setdefault(name, hand)
    hand.pull(want=1)
    for number, value in enumerate(values):
        (lease,) = hand.held
        more = want if number == len(values) - 1 else 1
        assert isinstance(hand.give(hand.result(lease, value), want=more), Taken)
    return hand


def stats(bench):
    return decode_stats(bench.records(r.JobRecord)[0].stats)


def test_equal_bytes_are_not_shown(desk):
    bench = desk(1, replicas=2, quorum=2)
    give(bench, "alice", b"1.00")
    give(bench, "bob", b"1.00")
    assert bench.view.state == "done"
    assert bench.count(e.Compare) == 0


def test_results_that_differ_in_the_last_digit_agree(desk):
    bench = desk(1, replicas=2, quorum=2)
    give(bench, "alice", b"1.00")
    give(bench, "bob", b"1.01")
    assert bench.view.state == "done"
    assert bench.values() == [min((b"1.00", b"1.01"), key=sha)]
    assert stats(bench).disagreements == 0
    (evidence,) = bench.records(r.EvidenceRecord)
    assert {part.digest for part in evidence.parts} == {sha(b"1.00"), sha(b"1.01")}
    assert all(part.agrees for part in evidence.parts)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_liar_is_outvoted_and_struck(desk, order):
    bench = desk(1, confidence=0.9)
    values = [b"1.00", b"a lie", b"1.01"]
    names = ["alice", "liar", "bob"]
    for place in order:
        give(bench, names[place], values[place])
    while bench.view.state == "running":
        give(bench, f"other{len(bench.hands)}", b"1.02")
    assert bench.values()[0] in (b"1.00", b"1.01", b"1.02")
    assert stats(bench).strikes == 1
    assert bench.owner.trust.of(bench.hands["liar"].peer).marks


def test_a_colluding_pair_agrees_with_itself_alone(desk):
    bench = desk(1, replicas=5, quorum=3)
    for name, value in (("a", b"1.00"), ("x", b"7.00"), ("b", b"1.01"), ("y", b"7.01"), ("c", b"1.02")):
        give(bench, name, value)
    assert bench.view.state == "done"
    assert bench.values()[0].startswith(b"1.0")
    assert stats(bench).disagreements == 1


def test_nothing_is_decided_while_the_host_compares_and_a_restart_asks_again(desk):
    bench = desk(1, replicas=2, quorum=2)
    give(bench, "alice", b"1.00")
    bob = bench.hand("bob", "10.0.9.1")
    bob.pull(want=1)
    (lease,) = bob.held
    result, inline = bob.result(lease, b"1.01")
    body = Return(bench.job, bob.batch(result), (inline,), 0)
    bench.do(lambda: bench.owner.handlers[Return](bob.peer, body))
    assert bench.count(e.Compare) == 1
    assert bench.view.state == "running" and not bench.values()
    bench.restart()
    assert not bench.values()
    bench.settle()
    assert bench.count(e.Compare) == 1
    assert bench.view.state == "done"
    assert bench.values() == [min((b"1.00", b"1.01"), key=sha)]
    assert stats(bench).executions == 2


def test_groups_of_votes_are_asked_for_again_after_a_restart(desk):
    bench = desk(1, replicas=4, quorum=3)
    for name, value in (("a", b"1.00"), ("x", b"7.00"), ("b", b"1.01")):
        give(bench, name, value)
    assert bench.view.state == "running"
    bench.restart()
    bench.settle()
    assert bench.count(e.Compare) == 2
    assert bench.view.executions == 3
    give(bench, "c", b"1.02")
    assert bench.view.state == "done"
    assert bench.values()[0].startswith(b"1.0")


def test_audits_are_compared_with_what_was_accepted(desk):
    bench = desk(60, confidence=0.9)
    give(bench, "alice", *[b"1.00"] * 3, want=1)
    for name in ("bob", "carol", "dave"):
        give(bench, name, *[b"1.01"] * 3, want=1)
    hands = [bench.hands[name] for name in ("alice", "bob", "carol", "dave")]
    for _ in range(200):
        if bench.view.state != "running":
            break
        for hand, value in zip(hands, (b"1.00", b"1.01", b"1.02", b"1.03"), strict=True):
            for lease in list(hand.held):
                hand.give(hand.result(lease, value), want=1)
                if bench.view.state != "running":
                    break
    assert bench.view.state == "done"
    told = stats(bench)
    assert told.audits > 0
    assert (told.strikes, told.taken_back, told.disagreements) == (0, 0, 0)


def test_more_distinct_results_than_the_host_takes_are_taken_for_different(desk):
    bench = desk(1, confidence=0.99)
    most = bench.config.box.compared
    for number in range(most + 2):
        if bench.view.state == "running":
            give(bench, f"w{number}", b"%d.00" % (number * 7))
    shown = [len(effect.values) for effect in bench.seen if isinstance(effect, e.Compare)]
    assert shown == list(range(2, most + 1))


def test_a_group_outlives_the_peer_of_its_medoid(desk):
    bench = desk(1, confidence=0.999)
    values = {b"1.00": "alice", b"1.01": "bob", b"1.02": "carol"}
    for value, name in values.items():
        give(bench, name, value)
    assert bench.view.state == "running"
    (entry,) = bench.running.slices.undecided.values()
    (key,) = {vote.key for vote in entry.votes.values()}
    medoid = next(value for value in values if sha(value) == key[1])
    bench.do(lambda: bench.owner.trust.block(bench.hands[values.pop(medoid)].peer, True))
    assert {vote.key[1] for vote in entry.votes.values()} == {min(map(sha, values))}
    for number in range(9):
        if bench.view.state == "running":
            give(bench, f"other{number}", b"1.03")
    assert bench.view.state == "done"
    assert bench.values()[0] in (*values, b"1.03")


def test_an_equal_that_raises_ends_the_job(desk):
    bench = desk(1, replicas=2, quorum=2)
    bench.host.fails[e.Compare] = Failure("task", "equal raised TypeError: no", "Traceback: TypeError")
    give(bench, "alice", b"1.00")
    for number, name in enumerate(("bob", "carol", "dave"), start=1):
        assert bench.view.state == "running"
        give(bench, name, b"1.0%d" % number)
    assert (bench.view.state, bench.view.reason) == ("failed", "equal raised TypeError: no")
    assert bench.view.traceback == "Traceback: TypeError"


def test_a_failure_agrees_with_no_result(desk):
    bench = desk(1, replicas=2, quorum=2)
    give(bench, "alice", b"1.00")
    bob = bench.hand("bob", "10.0.9.1")
    bob.pull(want=1)
    (lease,) = bob.held
    bob.give(bob.failure(lease), want=0)
    assert bench.count(e.Compare) == 0
    give(bench, "carol", b"1.01")
    assert bench.view.state == "done"
