"""What other peers say of this peer's key: told to the user, but they may lie."""

from __future__ import annotations

import random

import pytest

from peernet.config import Config
from peernet.core.effects import Note
from peernet.core.events import Now, Received
from peernet.core.node import Identity, NodeCore, Restored
from peernet.types import Instance, PeerId
from peernet.wire.link import KeyCloned

ME, BOB, CAROL = PeerId(b"m" * 32), PeerId(b"b" * 32), PeerId(b"c" * 32)
OTHER = Instance(b"o" * 16)


@pytest.fixture
def told():
    """Take in what a peer says at a time; returns the warnings."""
    core = NodeCore(
        Identity(ME, Instance(b"i" * 16), lambda data: bytes(64), lambda *_: True),
        Config(),
        slots=1,
        max_slices=None,
        serves="anyone",
        random=random.Random(1),
        secret=random.Random(1).randbytes,
    )
    core.start(Restored(), Now(0.0, 0.0))

    def take(peer, other=OTHER, host="192.0.2.7", at=0.0):
        effects = core.handle(Received(peer, KeyCloned(other, host)), Now(at, at))
        return [note.text for note in effects if isinstance(note, Note) and note.topic == "warning"]

    return take


def test_a_cloned_key_is_told_with_its_place(told):
    (text,) = told(BOB)
    assert text.startswith("another running peer at 192.0.2.7 uses this peer's key")


def test_an_echo_of_this_run_is_no_clone(told):
    assert told(BOB, Instance(b"i" * 16)) == []


@pytest.mark.parametrize("host", ["", "\x1b[2Jhost", "you lost\nerror: pay at", "a b", "x" * 256])
def test_a_place_that_is_none_reaches_no_terminal(told, host):
    (text,) = told(BOB, host=host)
    assert "at an unknown place uses" in text


def test_a_peer_repeats_itself_in_vain_and_silences_no_other(told):
    assert len(told(BOB)) == 1
    assert told(BOB, Instance(b"x" * 16), "192.0.2.8", at=100.0) == []
    assert len(told(CAROL, at=100.0)) == 1
    assert len(told(BOB, at=400.0)) == 1
