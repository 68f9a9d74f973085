"""Policies by name, and the two that peernet is compared with, by cases."""

from __future__ import annotations

import hashlib
import random

import pytest

from peernet.config import Config
from peernet.core.context import AddressBook, Context
from peernet.core.events import Now
from peernet.core.work.policies import Confidence, Quorum, Scores, choose, policy_text
from peernet.core.work.policies.adaptive import RELIABLE, Adaptive
from peernet.core.work.policies.poco import Poco
from peernet.core.work.trust import Trust, function_named
from peernet.core.work.votes import Vote
from peernet.types import Digest, Instance, LeaseId, PeerId

SQUARE = function_named("square")


def vote(name, result, *, trusted=False, status="ok", lease=b"\x80" + bytes(15)):
    digest = Digest(hashlib.sha256(result.encode()).digest())
    return Vote(PeerId(name.encode()), trusted, (status, digest), LeaseId(lease))


@pytest.fixture
def trust():
    return Trust(
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


@pytest.fixture
def scores():
    return Scores(100)


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("confidence:0.99", Confidence, "confidence:0.99"),
        ("confidence:.999", Confidence, "confidence:0.999"),
        ("majority:2/3", Quorum, "majority:2/3"),
        ("majority:3/5", Quorum, "majority:3/5"),
        ("adaptive", Adaptive, "adaptive"),
        ("poco", Poco, "poco"),
        ("poco:0.9", Poco, "poco"),
        ("plain", Quorum, "plain"),
        ("majority:2/2", Quorum, "majority:2/2"),
    ],
)
def test_a_policy_by_its_name(text, kind, name, trust, scores):
    policy = choose(text, trust, scores, SQUARE)
    assert type(policy) is kind
    assert policy.name == name


@pytest.mark.parametrize(
    "text",
    [
        "majority",
        "majority:3/2",
        "majority:0/0",
        "",
        "confidence",
        "confidence:1",
        "confidence:0.5",
        "best",
        "poco:2",
    ],
)
def test_a_name_of_no_policy(text, trust, scores):
    with pytest.raises(ValueError, match=r"policy|confidence|quorum|replicas"):
        choose(text, trust, scores, SQUARE)


@pytest.mark.parametrize(
    ("confidence", "replicas", "quorum", "text"),
    [
        (None, None, None, ""),
        (0.99, None, None, "confidence:0.99"),
        (None, 3, 2, "majority:2/3"),
        (None, 1, None, "majority:1/1"),
    ],
)
def test_the_name_of_what_a_project_asks_for(confidence, replicas, quorum, text, trust, scores):
    assert policy_text(confidence, replicas, quorum) == text
    if text:
        choose(text, trust, scores, SQUARE)


def test_adaptive_replication_validates_the_first_results_and_then_a_falling_share(scores):
    policy = Adaptive(scores)
    first = vote("a", "x")
    for number in range(RELIABLE):
        assert policy.decide([first]) is None, number
        both = [first, vote("b", "x")]
        assert policy.decide(both) == first.key
        policy.settled(both, first.key)
    unlucky = vote("a", "x", lease=bytes(16))
    lucky = vote("a", "x", lease=b"\xff" * 16)
    assert policy.decide([unlucky]) is None
    assert policy.decide([lucky]) == lucky.key
    policy.settled([lucky, vote("b", "y"), vote("c", "y")], vote("b", "y").key)
    assert policy.decide([lucky]) is None


def test_an_error_is_never_accepted_without_replication(scores, trust):
    policy = Adaptive(scores)
    scores.put("adaptive", PeerId(b"a"), 10_000)
    assert policy.decide([vote("a", "x", status="error", lease=b"\xff" * 16)]) is None
    credible = Confidence(0.99, trust, SQUARE)
    for _ in range(100):
        trust.passed(PeerId(b"a"), SQUARE, 1.0, None)
        trust.passed(PeerId(b"b"), SQUARE, 1.0, None)
    error = vote("a", "x", status="error")
    assert credible.decide([vote("a", "x")]) is not None
    assert credible.decide([error]) is None
    assert credible.decide([error, vote("b", "x", status="error")]) == error.key


def test_poco_asks_seven_newcomers_for_99_percent_and_two_old_hands(scores):
    policy = Poco(scores, 0.99)
    newcomers = [vote(f"n{number}", "x") for number in range(7)]
    assert policy.decide(newcomers[:6]) is None
    assert policy.decide(newcomers) == newcomers[0].key
    for name in ("a", "b"):
        scores.put("poco", PeerId(name.encode()), 36)
    assert policy.decide([vote("a", "x")]) is None
    assert policy.decide([vote("a", "x"), vote("b", "x")]) == vote("a", "x").key
    policy.settled([vote("a", "x"), vote("b", "y")], vote("b", "y").key)
    assert (scores.of("poco", PeerId(b"a")), scores.of("poco", PeerId(b"b"))) == (24, 37)


@pytest.mark.parametrize("text", ["adaptive", "poco", "confidence:0.99"])
def test_a_trusted_result_decides(text, trust, scores):
    policy = choose(text, trust, scores, SQUARE)
    mine = vote("me", "z", trusted=True)
    assert policy.decide([vote("a", "x"), vote("b", "x"), mine]) in (mine.key, vote("a", "x").key)
    assert policy.decide([vote("a", "x"), mine]) == mine.key
    assert policy.missing([], 1, True) == 0


@pytest.mark.parametrize("text", ["adaptive", "poco", "confidence:0.99"])
def test_one_more_is_asked_for_at_a_time_up_to_a_limit(text, trust, scores):
    policy = choose(text, trust, scores, SQUARE)
    assert policy.missing([], 0, False) == 1
    assert policy.missing([], 1, False) == 0
    votes = [vote(f"p{number}", str(number)) for number in range(policy.limit)]
    assert policy.missing(votes[:-1], 0, False) == 1
    assert policy.missing(votes, 0, False) == 0


@pytest.mark.parametrize(
    ("text", "least"), [("adaptive", 2), ("poco", 7), ("confidence:0.99", 4), ("majority:2/3", 2)]
)
def test_so_many_newcomers_are_enough(text, least, trust, scores):
    policy = choose(text, trust, scores, SQUARE)
    peers = [PeerId(f"p{number}".encode()) for number in range(least)]
    assert policy.enough(peers)
    assert not policy.enough(peers[1:])
    what, remedy = policy.shortage(peers[1:])
    assert str(least - 1) in what
    assert "join more peers" in remedy


def test_where_most_lie_no_number_of_newcomers_is_enough(trust):
    for number in range(60):
        for index in range(2):
            trust.strike(PeerId(f"liar{number}".encode()), b"job", index, "wrong")
    policy = Confidence(0.99, trust, SQUARE)
    peers = [PeerId(f"p{number}".encode()) for number in range(50)]
    assert not policy.enough(peers)
    assert policy.shortage(peers)[0].startswith("not enough honest peers")


def test_scores_are_bounded():
    scores = Scores(3)
    for number in range(10):
        scores.put("poco", PeerId(str(number).encode()), number + 1)
    assert [scores.of("poco", PeerId(str(number).encode())) for number in (6, 7, 8, 9)] == [0, 8, 9, 10]
