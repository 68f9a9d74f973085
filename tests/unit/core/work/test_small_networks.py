"""Two and three peers, own and foreign keys, one of them a liar: the right result, or a clear refusal at once."""

from __future__ import annotations

import itertools

import pytest

from peernet.config import Config, TrustConfig

CALLS = 12
PATIENCE = 5.0

OWN, FOREIGN, LIAR = "own", "foreign", "liar"

NETWORKS = [
    kinds
    for number in (1, 2, 3)
    for kinds in itertools.combinations_with_replacement((OWN, FOREIGN, LIAR), number)
    if kinds.count(LIAR) <= 1
]
"""The workers beside the submitter: every mixture of up to three, with at most one liar."""


def run(desk, kinds, me):
    """Submit, and let all work until the job has ended or nobody has anything. Returns the liars."""
    hands = [desk.hand(f"w{number}", f"10.0.{number}.1") for number in range(len(kinds))]
    own = tuple(hand.peer for hand, kind in zip(hands, kinds, strict=True) if kind == OWN)
    lying = {hand.peer for hand, kind in zip(hands, kinds, strict=True) if kind == LIAR}
    desk.submit(patience=PATIENCE, trusted=own)
    if me:
        hands.append(desk.hand("me"))
    for hand in hands:
        hand.pull(want=1)
    for _ in range(CALLS * 20):
        busy = [hand for hand in hands if hand.held]
        if desk.view.state != "running" or not busy:
            break
        for hand in busy:
            lie = b"lie" if hand.peer in lying else None
            hand.give(*(hand.result(lease, lie) for lease in hand.held), want=1)
            if desk.view.state != "running":
                break
    return lying


def is_right(desk):
    return len(desk.values()) == CALLS and all(value.startswith(b"<") for value in desk.values())


@pytest.mark.parametrize("policy", ["confidence:0.99", "plain", "majority:2/2", "poco:0.9", "adaptive"])
@pytest.mark.parametrize("me", [True, False], ids=["with the own machine", "without"])
@pytest.mark.parametrize("kinds", NETWORKS, ids="+".join)
def test_it_is_right_or_it_says_at_once_why_not(make_desk, make_host, policy, me, kinds):
    desk = make_desk(make_host(calls=CALLS), Config(trust=TrustConfig(policy=policy)))
    run(desk, kinds, me)
    if desk.view.state == "running":
        assert desk.view.waiting_reason, "nobody works, and nobody is told why"
        assert not [value for value in desk.values() if not value.startswith(b"<")]
        desk.wait(3 * PATIENCE)
    if desk.view.state == "done":
        assert is_right(desk)
        return
    assert desk.view.state == "failed"
    assert desk.view.reason_kind in ("too-few", "disputed"), desk.view.reason
    assert desk.view.reason


@pytest.mark.parametrize("kinds", [kinds for kinds in NETWORKS if OWN in kinds], ids="+".join)
def test_with_an_own_key_the_default_always_has_a_result(make_desk, make_host, kinds):
    desk = make_desk(make_host(calls=CALLS), Config())
    run(desk, kinds, me=False)
    assert desk.view.state == "done"
    assert is_right(desk)


@pytest.mark.parametrize("kinds", [(LIAR,), (FOREIGN, LIAR), (FOREIGN, FOREIGN, LIAR)], ids="+".join)
def test_the_own_machine_names_the_liar(make_desk, make_host, kinds):
    desk = make_desk(make_host(calls=CALLS), Config())
    lying = run(desk, kinds, me=True)
    assert desk.view.state == "done"
    assert is_right(desk)
    assert {peer for peer, standing in desk.owner.trust if standing.failed} == lying
