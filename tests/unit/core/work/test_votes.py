"""The plain policy, by cases."""

from __future__ import annotations

import hashlib

import pytest

from peernet.core.work.policies import Quorum
from peernet.core.work.votes import Vote, differ, failure_digest
from peernet.types import Digest, LeaseId, PeerId


def vote(name: str, result: str, *, trusted: bool = False, status: str = "ok") -> Vote:
    digest = Digest(hashlib.sha256(result.encode()).digest())
    return Vote(PeerId(name.encode()), trusted, (status, digest), LeaseId(name.encode()))


DEFAULT = Quorum.of(None, None)


def test_a_failure_is_named_by_status_type_and_call_only():
    assert failure_digest("error", "ValueError", 3) == failure_digest("error", "ValueError", 3)
    names = {
        failure_digest("error", "ValueError", 3),
        failure_digest("error", "ValueError", None),
        failure_digest("error", "ValueError", 0),
        failure_digest("error", "KeyError", 3),
        failure_digest("timeout", "", None),
        failure_digest("exited", "", None),
    }
    assert len(names) == 6
    expected = hashlib.sha256(b"peernet/failure/1\0error\0ValueError\x003").digest()
    assert failure_digest("error", "ValueError", 3) == expected


def test_parts_of_a_failure_do_not_run_into_each_other():
    assert failure_digest("error", "A\x001", None) != failure_digest("error", "A", 1)
    assert len(failure_digest("error", "\ud800", None)) == 32


@pytest.mark.parametrize(
    ("replicas", "quorum", "expected"),
    [(None, None, (2, 2, True)), (1, None, (1, 1, False)), (3, None, (3, 2, False)), (None, 3, (3, 3, False))],
)
def test_the_policy_of_a_project(replicas, quorum, expected):
    policy = Quorum.of(replicas, quorum)
    assert (policy.replicas, policy.quorum, policy.believes) == expected
    assert policy.limit == policy.replicas + 4


@pytest.mark.parametrize(("replicas", "quorum"), [(0, None), (2, 3), (None, 0), (-1, -1)])
def test_impossible_policies(replicas, quorum):
    with pytest.raises(ValueError, match=r"replicas|quorum"):
        Quorum.of(replicas, quorum)


def test_one_trusted_result_decides():
    votes = [vote("a", "x"), vote("b", "y"), vote("me", "z", trusted=True)]
    assert DEFAULT.decide(votes) == votes[2].key


def test_an_explicit_policy_believes_nobody_alone():
    votes = [vote("me", "z", trusted=True)]
    assert Quorum.of(2, 2).decide(votes) is None
    assert Quorum.of(2, 2).decide([*votes, vote("a", "z")]) == votes[0].key


def test_equal_means_status_and_digest():
    votes = [vote("a", "x"), vote("b", "x", status="error")]
    assert DEFAULT.decide(votes) is None
    assert differ(votes)
    assert not differ(votes[:1])


@pytest.mark.parametrize(
    ("votes", "live", "trusted_live", "missing"),
    [
        ([], 0, False, 2),
        ([], 1, False, 1),
        ([], 1, True, 0),
        (["x"], 0, False, 1),
        (["x"], 1, False, 0),
        (["x", "y"], 0, False, 1),
        (["x", "y"], 0, True, 0),
        (["x", "y", "z"], 0, False, 1),
        (["x", "y", "z"], 1, False, 0),
        (["u", "v", "w", "x", "y"], 0, False, 1),
        (["u", "v", "w", "x", "y", "z"], 0, False, 0),
    ],
)
def test_how_many_leases_a_slice_needs(votes, live, trusted_live, missing):
    given = [vote(f"peer {number}", result) for number, result in enumerate(votes)]
    assert DEFAULT.missing(given, live, trusted_live) == missing


def test_all_replicas_are_asked_for_at_once():
    assert Quorum.of(3, 2).missing([], 0, False) == 3
    assert Quorum.of(3, 2).missing([], 1, True) == 2
    assert Quorum.of(3, 3).missing([vote("a", "x"), vote("b", "y")], 0, False) == 2
