"""What votes on a few calls decide, together with those on whole slices."""

from __future__ import annotations

import random

import pytest

from peernet.config import Config
from peernet.core.context import AddressBook, Context
from peernet.core.events import Now
from peernet.core.work import partial
from peernet.core.work.policies import Confidence, Quorum
from peernet.core.work.trust import Trust, function_named
from peernet.core.work.votes import Vote, failed_call, failure_digest
from peernet.types import Digest, Instance, LeaseId, Payload, PeerId

A, B, C, FAR = (
    ("ok", Digest(b"a" * 32)),
    ("ok", Digest(b"b" * 32)),
    ("ok", Digest(b"c" * 32)),
    ("ok", Digest(b"f" * 32)),
)
ERROR = ("error", failure_digest("error", "ValueError", 3))
SQUARE = function_named("square")
SHARES = {A[1], B[1], C[1], ERROR[1]}


def peer(name):
    return PeerId(name.encode().ljust(32, b"."))


def whole(name, key, *, trusted=False):
    value = Payload(key[1], 1, b"x") if key[0] == "ok" else None
    error = "ValueError: no" if key[0] == "error" else ""
    return Vote(peer(name), trusted, key, LeaseId(name.encode().ljust(16, b".")), value, error)


def part(name, key, *, trusted=False):
    made = whole(name, key, trusted=trusted)
    return Vote(made.peer, trusted, key, made.lease, made.value, made.error, said=Digest(bytes(32)), calls=(3,))


@pytest.fixture
def confidence():
    """The default policy, and what it knows of the peers: nothing yet."""
    trust = Trust(
        Context(
            me=PeerId(b"me"),
            instance=Instance(bytes(16)),
            config=Config(),
            random=random.Random(0),
            secret=random.Random(1).randbytes,
            sign=lambda data: b"",
            verify=lambda peer, data, signature: True,
            book=AddressBook(4),
            now=Now(0.0, 1e9),
        )
    )
    return Confidence(0.99, trust, SQUARE)


def prove(policy, *names):
    for name in names:
        for _ in range(20):
            policy.trust.passed(peer(name), SQUARE, 1.0, None)


QUORUM = Quorum.of(2, 2)


def test_one_of_those_who_agree_has_executed_the_whole():
    votes = [whole("a", A), part("c", C), part("d", C)]
    assert QUORUM.decide(votes) == C
    assert partial.decide(QUORUM, votes, SHARES) is None
    assert partial.unmatched(votes)
    assert partial.decide(QUORUM, [*votes, whole("e", C)], SHARES) == C


def test_under_a_quorum_each_word_counts_for_each_call():
    votes = [whole("a", A), whole("b", B), part("c", B)]
    assert partial.decide(QUORUM, votes, SHARES) == B
    assert partial.decide(QUORUM, votes, {B[1]}) is None, "what differs elsewhere does not vouch for the rest"


def test_a_failure_has_no_rest():
    votes = [whole("a", A), whole("b", ERROR), part("c", ERROR)]
    assert partial.decide(QUORUM, votes, SHARES) == ERROR


def test_a_failure_vouches_for_no_other_call():
    votes = [whole("a", ERROR), whole("b", B), part("c", B)]
    assert partial.decide(QUORUM, votes, SHARES) is None
    assert not partial.narrowing_helps(QUORUM, votes[:2], SHARES)


def test_a_vote_is_missing_where_only_the_rest_is():
    votes = [whole("a", ERROR), whole("b", B), part("c", B)]
    assert QUORUM.missing(votes, 0, False) == 0
    assert partial.missing(QUORUM, votes, 0, False) == 1
    assert partial.missing(QUORUM, votes, 1, False) == 0


def test_narrowing_helps_while_the_calls_are_undecided_and_the_rest_is_believed():
    assert partial.narrowing_helps(QUORUM, [whole("a", A), whole("b", B)], SHARES)
    assert not partial.narrowing_helps(QUORUM, [whole("a", A), whole("b", FAR)], {A[1]})
    assert not partial.narrowing_helps(QUORUM, [whole("a", A), whole("b", B), part("c", C)], SHARES)


@pytest.mark.parametrize(("key", "call"), [(ERROR, 3), (A, None)])
def test_which_call_failed_is_found(key, call):
    assert failed_call(whole("a", key), 10) == call


def test_a_call_that_the_slice_has_not_is_not_found():
    assert failed_call(whole("a", ERROR), 3) is None
    assert failed_call(whole("a", ERROR), 10**9) is None


# --- where liars are shut out ------------------------------------------------------------------------------------


def test_who_is_wrong_in_one_call_is_not_believed_in_the_others(confidence):
    """Two that collude may differ on purpose: one gives itself away, so that the other is confirmed in a call."""
    prove(confidence, "c", "d", "e")
    votes = [whole("a", A), whole("b", B), part("c", B), part("d", B)]
    assert confidence.decide(votes) == B
    assert partial.decide(confidence, votes, SHARES) is None
    assert not partial.narrowing_helps(confidence, votes, SHARES)
    assert partial.decide(confidence, [*votes, whole("e", B)], SHARES) == B


def test_one_that_is_believed_alone_needs_the_calls_in_dispute_confirmed_only(confidence):
    prove(confidence, "b", "c")
    votes = [whole("a", A), whole("b", B)]
    assert partial.narrowing_helps(confidence, votes, SHARES)
    votes.append(part("c", B))
    assert partial.decide(confidence, votes, SHARES) == B
    assert 0.99 <= partial.reached(confidence, votes, SHARES, B) < confidence.reached(votes, B)


def test_both_the_calls_in_dispute_and_the_rest_must_be_right_at_once(confidence):
    for _ in range(12):
        confidence.trust.passed(peer("b"), SQUARE, 1.0, None)
    votes = [whole("a", A), whole("b", B), part("c", B)]
    assert confidence.decide(votes) == B and confidence.decide([votes[1]]) == B
    assert partial.reached(confidence, votes, SHARES, B) < 0.99
    assert partial.decide(confidence, votes, SHARES) is None
    assert partial.narrowing_helps(confidence, votes, SHARES), "a further part is the cheaper one"


def test_a_trusted_peer_that_had_a_part_decides_that_part_alone(confidence):
    votes = [whole("a", A), whole("b", B), part("me", B, trusted=True)]
    assert confidence.decide(votes) == B
    assert partial.decide(confidence, votes, SHARES) is None
    prove(confidence, "b")
    assert partial.decide(confidence, votes, SHARES) == B
