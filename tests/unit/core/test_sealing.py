"""Sequence numbers of what a peer says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from peernet.core.events import Now
from peernet.core.sealing import Sealer
from peernet.identity.envelope import open_kept
from peernet.identity.keys import KeyPair, verify
from peernet.types import JobId
from peernet.wire.codec import encode_body
from peernet.wire.signed import TOMBSTONE, Tombstone

ALICE = KeyPair.from_seed(bytes([1]) * 32)
BODY = Tombstone(JobId(bytes(32)), "done")


@pytest.fixture
def ctx() -> Any:
    return SimpleNamespace(sign=ALICE.sign, me=ALICE.peer_id, now=Now(5.0, 1_700_000_000.0))


def sequence(data: bytes) -> int:
    opened = open_kept(data, TOMBSTONE, verify=verify)
    assert (opened.author, opened.body) == (ALICE.peer_id, encode_body(BODY))
    return opened.sequence


def test_numbers_rise_within_a_millisecond_and_with_the_clock_and_never_fall(ctx: Any) -> None:
    sealer = Sealer(ctx)
    told = [sequence(sealer.seal(TOMBSTONE, BODY, 60.0)) for _ in range(3)]
    ctx.now = Now(6.0, 1_700_000_001.0)
    told.append(sequence(sealer.seal(TOMBSTONE, BODY, 60.0)))
    ctx.now = Now(7.0, 1_600_000_000.0)  # somebody has set the clock back
    told.append(sequence(sealer.seal(TOMBSTONE, BODY, 60.0)))
    begin = 1_700_000_000_000
    assert told == [begin, begin + 1, begin + 2, begin + 1000, begin + 1001]


def test_another_run_begins_above_what_the_last_one_said(ctx: Any) -> None:
    before = sequence(Sealer(ctx).seal(TOMBSTONE, BODY, 60.0))
    ctx.now = Now(0.0, ctx.now.wall + 1.0)
    assert sequence(Sealer(ctx).seal(TOMBSTONE, BODY, 60.0)) > before


def test_what_is_too_large_is_refused(ctx: Any) -> None:
    with pytest.raises(ValueError, match="at most 100 are opened"):
        Sealer(ctx).seal(TOMBSTONE, BODY, 60.0, 100)
