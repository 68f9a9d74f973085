"""The policy of confidence on the owner's bench: crowds of workers, some of them liars of one kind or another."""

from __future__ import annotations

import random

import pytest

from peernet.core import records as r
from peernet.core.work.stats import decode_stats
from peernet.wire.work import PullRefused


class Crowd:
    """Workers that pull, compute and return in random order; liars answer as their kind does.

    kinds: "honest", "independent" (each lie another one), "colluding" (all tell the same lie), "sleeper"
    (colluding after so many honest results).
    """

    def __init__(self, desk, kinds, *, seed=1, sleep=0):
        self.desk = desk
        self.random = random.Random(seed)
        self.kinds = {}
        self.sleep = sleep
        self.given = {}
        self.executions = 0
        for number, kind in enumerate(kinds):
            hand = desk.hand(f"w{number}", f"10.{number // 200}.{number % 200}.1")
            self.kinds[hand.peer] = kind

    def lie(self, hand, lease):
        kind = self.kinds[hand.peer]
        given = self.given[hand.peer] = self.given.get(hand.peer, 0) + 1
        if kind == "honest" or (kind == "sleeper" and given <= self.sleep):
            return None
        if kind == "independent":
            return b"lie of " + hand.peer
        return b"the lie about " + hand.held[lease]

    def run(self, rounds=2000):
        """Let everybody work until the job has ended, or nobody can."""
        desk = self.desk
        for hand in desk.hands.values():
            hand.pull(want=1)
        for _ in range(rounds):
            hands = [hand for hand in desk.hands.values() if hand.held]
            if desk.view.state != "running" or not hands:
                break
            self.random.shuffle(hands)
            for hand in hands:
                for lease in list(hand.held):
                    self.executions += 1
                    hand.give(hand.result(lease, self.lie(hand, lease)), want=1)
                    if desk.view.state != "running":
                        return
                    desk.owner.trust.validate()
        return

    def wrong(self):
        return sum(not value.startswith(b"<") for value in self.desk.values())


@pytest.fixture
def crowd(make_desk, make_host):
    def make(kinds, calls, *, seed=1, sleep=0, own=True, confidence=0.99, **host):
        desk = make_desk(make_host(calls=calls, confidence=confidence, **host), seed=seed)
        desk.submit(patience=5.0)
        made = Crowd(desk, kinds, seed=seed, sleep=sleep)
        if own:
            made.kinds[desk.hand("me").peer] = "honest"
            desk.hands[desk.ctx.me].pull(want=1)
        return desk, made

    return make


def banned(desk):
    return {record.peer for record in desk.records(r.TrustRecord, b"") if record.banned}


def liars(made):
    return {peer for peer, kind in made.kinds.items() if kind != "honest"}


@pytest.mark.parametrize("kind", ["independent", "colluding"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_fifth_of_liars_is_found_and_brings_no_wrong_result(crowd, kind, seed):
    desk, made = crowd([kind] * 3 + ["honest"] * 12, 300, seed=seed)
    made.run()
    assert desk.view.state == "done"
    assert made.wrong() == 0
    assert made.executions < 2 * 300
    assert banned(desk) == liars(made)
    assert set(decode_stats(desk.records(r.JobRecord)[0].stats).banned) == liars(made)


def test_a_second_job_is_cheaper_than_the_first(crowd):
    desk, made = crowd(["honest"] * 10, 200)
    made.run()
    first = made.executions
    desk.host.next = 0
    desk.submit()
    made.run()
    assert desk.view.state == "done"
    assert made.executions - first < first
    assert made.executions - first <= 1.3 * 200


def test_without_liars_everybody_is_proven_and_nobody_is_struck(crowd):
    desk, made = crowd(["honest"] * 8, 150)
    made.run()
    stats = decode_stats(desk.records(r.JobRecord)[0].stats)
    assert (stats.strikes, stats.taken_back, stats.banned, stats.disagreements) == (0, 0, (), 0)
    assert stats.audits > 0
    assert desk.owner.trust.share() < 0.2


def test_sleepers_are_caught_and_what_they_said_is_taken_back(crowd):
    desk, made = crowd(["sleeper"] * 2 + ["honest"] * 10, 400, sleep=15)
    made.run()
    stats = decode_stats(desk.records(r.JobRecord)[0].stats)
    assert stats.taken_back > 0
    assert stats.banned
    assert set(stats.banned) <= liars(made)


def test_two_strangers_alone_can_not_vouch_for_each_other(crowd):
    desk, made = crowd(["colluding"] * 2, 40, own=False)
    made.run()
    assert desk.view.accepted == 0
    assert desk.view.waiting_reason.startswith("a confidence of 0.99 is asked for, and 2 peers can work")
    desk.wait(60.0)
    assert desk.view.state == "failed"
    assert desk.view.reason_kind == "too-few"


def test_the_own_machine_proves_one_stranger_and_catches_another(crowd):
    desk, made = crowd(["honest", "colluding"], 60)
    made.run()
    assert desk.view.state == "done"
    assert made.wrong() == 0
    assert banned(desk) == liars(made)


def test_an_error_needs_two_witnesses_however_credible_the_first(crowd):
    desk, made = crowd(["honest"] * 6, 120)
    made.run()
    desk.host.next = 0
    desk.submit()
    hand = next(hand for hand in desk.hands.values() if hand.peer != desk.ctx.me)
    hand.pull(want=1)
    (lease,) = hand.held
    hand.give(hand.failure(lease))
    assert desk.view.state == "running"
    made.run()
    assert desk.view.state == "done"
    assert made.wrong() == 0


def test_a_banned_peer_gets_no_seat(crowd):
    desk, made = crowd(["colluding"] + ["honest"] * 8, 200)
    made.run()
    desk.host.next = 0
    desk.submit()
    (liar,) = banned(desk)
    assert desk.hands[liar].pull() == PullRefused("banned", 0.0, "its results were wrong")


@pytest.mark.parametrize("confidence", [0.5, 1.0, 0.9999999, -1.0, 2.0])
def test_a_confidence_that_can_not_be(make_desk, make_host, confidence):
    answer = make_desk(make_host(confidence=confidence)).submit()
    assert answer.kind == "usage"
    assert str(confidence) in answer.message


def test_what_was_folded_is_folded_anew_when_it_is_taken_back(crowd):
    desk, made = crowd(["sleeper"] * 2 + ["honest"] * 10, 400, sleep=15, reduces=True)
    made.run()
    assert desk.view.state == "done"
    stats = decode_stats(desk.records(r.JobRecord)[0].stats)
    assert stats.taken_back > 0
    lies = [value for value in desk.host.folded.values() if not value.startswith(b"<")]
    assert lies == [value for value in desk.values() if not value.startswith(b"<")]
