"""What a peer's owner is told of other peers' honesty, for each function and at best."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

from peernet.config import Config
from peernet.core.context import AddressBook, Context
from peernet.core.events import Now
from peernet.core.work.trust import Trust, function_named
from peernet.identity.keys import KeyPair
from peernet.identity.peerid import format_peer_id
from peernet.runtime.trusted import trust_reply
from peernet.types import Instance, JobId

ME, ANN, BOB, EVE = (KeyPair.from_seed(bytes([number]) * 32).peer_id for number in range(4))
SQUARE, CUBE = function_named("square"), function_named("cube" * 40)


@pytest.fixture
def core():
    """A core with a table of trust, and nothing else."""
    ctx = Context(
        me=ME,
        instance=Instance(bytes(16)),
        config=Config(),
        random=random.Random(0),
        secret=random.Random(1).randbytes,
        sign=lambda data: b"",
        verify=lambda peer, data, signature: True,
        book=AddressBook(4),
        now=Now(0.0, 1e9),
    )
    return SimpleNamespace(owner=SimpleNamespace(trust=Trust(ctx)), context=ctx)


def test_what_a_peer_has_proven_is_told_for_each_function(core):
    for _ in range(10):
        core.owner.trust.passed(ANN, SQUARE, 1.0, None)
    core.owner.trust.passed(ANN, CUBE, 0.5, BOB)
    (row,) = trust_reply(core, (), {}).rows
    assert [(proof.name, proof.checks, proof.sure, proof.vouchers) for proof in row.functions] == [
        ("square", 10.0, True, ()),
        ("cube" * 16, 0.5, False, (format_peer_id(BOB),)),
    ]
    best, credit = (proof.credibility for proof in row.functions)
    assert row.credibility == best > 0.99
    assert credit == pytest.approx(0.95)


def test_who_is_shut_out_is_not_believed_and_one_s_own_keys_are(core):
    trust = core.owner.trust
    for index in (0, 1):
        trust.strike(EVE, JobId(bytes(32)), index, "wrong")
    trust.passed(BOB, SQUARE, 1.0, None)
    trust.block(BOB, True)
    core.context.mine[ANN] = None
    told = {row.peer: row for row in trust_reply(core, (ANN, BOB, EVE), {}).rows}
    assert [told[format_peer_id(peer)].credibility for peer in (ANN, BOB, EVE)] == [1.0, 0.0, 0.0]
    (proof,) = told[format_peer_id(BOB)].functions
    assert (proof.checks, proof.credibility) == (1.0, 0.0)
    assert told[format_peer_id(EVE)].functions == ()


def test_of_a_stranger_is_told_what_is_believed_of_newcomers(core):
    (row,) = trust_reply(core, (ANN,), {}).rows
    assert (row.functions, row.credibility) == ((), pytest.approx(0.8))
