"""Hostile peers: how each changes what goes in and out of its core."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peernet.core import effects as fx
from peernet.core import events as ev
from peernet.errors import EnvelopeError
from peernet.identity.envelope import open_envelope
from peernet.identity.peerid import dht_id
from peernet.types import DhtKey, Instance, PeerId
from peernet.wire.codec import decode_body, encode_body
from peernet.wire.gossip import Rumour, Unfriend
from peernet.wire.kad import Alive, FindNode, FindValue, Nodes, Probe, Store, Values
from peernet.wire.signed import ADVERT, Advert
from peernet_sim.faults.gossips import MOST_AT_ONCE, ForgedAdverts, Mute, Spam
from peernet_sim.faults.hostile import Honest, Later, Several
from peernet_sim.faults.liars import Lazy, Liar, wrong
from peernet_sim.faults.misguides import Eclipse, HugeReplies, Withhold

ASKER = PeerId(b"a" * 32)
TARGET = DhtKey(b"t" * 20)

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(PLAIN, st.integers(1, 2**20))
def test_a_lie_differs_from_the_truth_and_is_the_same_for_a_salt(value: object, salt: int) -> None:
    lie = wrong(value, salt)
    assert repr(lie) != repr(value)
    assert repr(lie) == repr(wrong(value, salt))
    if value is not None and value != {}:
        assert type(lie) is type(value)


@given(st.integers() | st.text() | st.binary(), st.integers(1, 1000), st.integers(1, 1000))
def test_liars_on_their_own_never_agree(value: object, one: int, other: int) -> None:
    assert (wrong(value, one) == wrong(value, other)) == (one == other)


def test_liars_on_their_own_differ_and_colluding_ones_agree(diary: Any) -> None:
    truth = [1, 2.5, "three"]
    alone = [Liar().compute(index, truth, diary) for index in (3, 4)]
    group = [Liar(colluding=0).compute(index, truth, diary) for index in (3, 4)]
    other = Liar(colluding=1).compute(5, truth, diary)
    assert alone[0] != alone[1] and truth not in alone
    assert group[0] == group[1] and group[0] not in (truth, *alone)
    assert other not in (truth, *group)


def test_colluding_liars_lie_about_the_same_share_of_slices(diary: Any) -> None:
    members = [Liar(0.3, colluding=7) for _ in range(2)]
    slices = [[n, n * n] for n in range(2000)]
    told = [[member.compute(at, values, diary) for values in slices] for at, member in enumerate(members)]
    assert told[0] == told[1]
    lies = sum(result != values for result, values in zip(told[0], slices, strict=True))
    assert lies / 2000 == pytest.approx(0.3, abs=0.04)


def test_a_sleeper_is_honest_first(diary: Any) -> None:
    sleeper = Liar(honest_for=3)
    results = [sleeper.compute(1, [5], diary) for _ in range(5)]
    assert [result == [5] for result in results] == [True, True, True, False, False]
    assert sleeper.name == "sleeping liar"


def test_a_lazy_peer_reports_nothing(diary: Any) -> None:
    assert Lazy().compute(1, [5], diary) is None
    assert Several((Lazy(), Liar())).compute(1, [5], diary) is None


def test_several_ways_are_gone_through_in_turn(diary: Any) -> None:
    both = Several((Withhold(), Mute(), Liar(colluding=0)))
    assert both.name == "withholding and mute and colluding liar"
    assert both.outgoing(1, fx.Send(ASKER, (), Rumour(b"x", 0, 1)), diary) == []
    assert both.outgoing(1, fx.Reply(ASKER, 1, Alive()), diary) == [fx.Reply(ASKER, 1, Alive())]
    assert both.incoming(1, ev.Tick(), diary) == [ev.Tick()]
    assert both.compute(1, [5], diary) == Liar(colluding=0).compute(1, [5], diary)


def test_an_honest_peer_changes_nothing(diary: Any) -> None:
    peer = Honest()
    effect = fx.Send(ASKER, (), Unfriend())
    assert peer.outgoing(1, effect, diary) == [effect]
    assert peer.incoming(1, ev.Tick(), diary) == [ev.Tick()]
    assert peer.compute(1, [1, 2], diary) == [1, 2]


@pytest.mark.parametrize(
    ("question", "answer", "kind"),
    [(FindNode(TARGET), Nodes(()), Nodes), (FindValue(TARGET), Values((b"record",), ()), Values)],
)
def test_an_eclipse_names_only_accomplices_nearest_first(
    diary: Any, question: Any, answer: Any, kind: type[Any]
) -> None:
    accomplices = tuple(range(10, 40))
    peer = Eclipse(accomplices)
    asked = ev.Requested(ASKER, 5, question)
    assert peer.incoming(10, asked, diary) == [asked]
    [reply] = peer.outgoing(10, fx.Reply(ASKER, 5, answer), diary)
    assert isinstance(reply.body, kind) and (reply.peer, reply.call) == (ASKER, 5)
    ids = {diary.peer_id(index) for index in accomplices}
    named = [contact.peer for contact in reply.body.contacts]
    assert len(named) == 20 and set(named) <= ids
    distances = [int.from_bytes(dht_id(one), "big") ^ int.from_bytes(TARGET, "big") for one in named]
    assert distances == sorted(distances)
    assert isinstance(reply.body, Nodes) or reply.body.records == ()
    decode_body(type(reply.body), encode_body(reply.body))
    assert peer.outgoing(10, fx.Reply(ASKER, 6, Alive()), diary) == [fx.Reply(ASKER, 6, Alive())]


def test_an_eclipse_lets_refusals_pass_and_does_not_name_the_asker(diary: Any) -> None:
    peer = Eclipse((1, 2))
    peer.incoming(1, ev.Requested(diary.peer_id(2), 5, FindNode(TARGET)), diary)
    [reply] = peer.outgoing(1, fx.Reply(diary.peer_id(2), 5, Nodes(())), diary)
    assert [contact.peer for contact in reply.body.contacts] == [diary.peer_id(1)]
    peer.incoming(1, ev.Requested(ASKER, 6, FindNode(TARGET)), diary)
    assert peer.outgoing(1, fx.Reply(ASKER, 6, "busy"), diary) == [fx.Reply(ASKER, 6, "busy")]


def test_records_are_taken_and_not_given_out(diary: Any) -> None:
    peer = Withhold()
    [reply] = peer.outgoing(1, fx.Reply(ASKER, 5, Values((b"record",), ())), diary)
    assert reply == fx.Reply(ASKER, 5, Values((), ()))
    others = fx.Call(7, ASKER, ("x",), Store(TARGET, "", b"o" * 40), 5.0)
    own = fx.Call(8, ASKER, ("x",), Store(TARGET, "", diary.peer_id(1) + b"..."), 5.0)
    assert peer.outgoing(1, others, diary) == [fx.Call(7, ASKER, ("x",), Probe(), 5.0)]
    assert peer.outgoing(1, own, diary) == [own]


@pytest.mark.parametrize("body", [Nodes(()), Values((), ())])
def test_huge_replies_are_as_large_as_decoding_lets_through(diary: Any, body: Any) -> None:
    [reply] = HugeReplies().outgoing(1, fx.Reply(ASKER, 5, body), diary)
    data = encode_body(reply.body)
    assert decode_body(type(body), data) == reply.body
    assert len(data) > 10_000
    one_more = msgspec.structs.replace(reply.body, contacts=reply.body.contacts + reply.body.contacts[:1])
    with pytest.raises(Exception, match="length"):
        decode_body(type(body), encode_body(one_more))


def connected(peer: PeerId) -> ev.PeerConnected:
    return ev.PeerConnected(peer, Instance(bytes(16)), (), "10.0.0.2", "10.0.0.1", True, 0.01)


def test_spam_is_valid_new_and_at_its_rate_to_all_that_are_connected(diary: Any) -> None:
    peer = Spam(rate=4.0)
    other = PeerId(b"b" * 32)
    for one in (ASKER, other):
        assert peer.incoming(1, connected(one), diary) == [connected(one)]
    effect = fx.Reply(ASKER, 1, Alive())
    assert peer.outgoing(1, effect, diary) == [effect]
    diary.now = 2.0
    first, *spam = peer.outgoing(1, effect, diary)
    assert first == effect and len(spam) == 2 * 8
    assert {one.peer for one in spam} == {ASKER, other}
    envelopes = dict.fromkeys(one.body.envelope for one in spam)
    assert len(envelopes) == 8

    def verify(author: PeerId, data: bytes, signature: bytes) -> bool:
        return author == diary.peer_id(1) and signature == diary.sign(1, data)

    sequences = []
    for envelope in envelopes:
        opened = open_envelope(envelope, ADVERT, now=diary.wall(1), verify=verify, max_lifetime=math.inf)
        decode_body(Advert, opened.body)
        sequences.append(opened.sequence)
    assert sequences == sorted(set(sequences))
    peer.incoming(1, ev.PeerLost(other, "", True), diary)
    diary.now = 1000.0
    assert len(peer.outgoing(1, effect, diary)) == 1 + MOST_AT_ONCE


def test_forged_adverts_are_in_others_names_and_do_not_hold(diary: Any) -> None:
    peer = ForgedAdverts(rate=1.0, victims=(7, 8))
    peer.incoming(1, connected(ASKER), diary)
    peer.outgoing(1, ev.Tick(), diary)
    diary.now = 20.0
    _, *forged = peer.outgoing(1, ev.Tick(), diary)
    assert {one.body.envelope[:32] for one in forged} == {diary.peer_id(7), diary.peer_id(8)}

    def verify(author: PeerId, data: bytes, signature: bytes) -> bool:
        return signature in (diary.sign(7, data), diary.sign(8, data))

    with pytest.raises(EnvelopeError, match="signature"):
        open_envelope(forged[0].body.envelope, ADVERT, now=diary.wall(1), verify=verify, max_lifetime=math.inf)


def test_a_mute_peer_keeps_rumours_and_answers_calls(diary: Any) -> None:
    peer = Mute()
    assert peer.outgoing(1, fx.Send(ASKER, (), Rumour(b"x", 0, 1)), diary) == []
    leaving = fx.Send(ASKER, (), Unfriend())
    assert peer.outgoing(1, leaving, diary) == [leaving]


def test_a_peer_may_turn_later(diary: Any) -> None:
    peer, truth = Later(10.0, Several((Lazy(), Mute()))), [1, 2]
    rumour = fx.Send(ASKER, (), Rumour(b"", 0, 1))
    assert peer.name == "lazy and mute"
    assert peer.outgoing(3, rumour, diary) == [rumour] and peer.compute(3, truth, diary) == truth
    diary.now = 10.0
    assert peer.outgoing(3, rumour, diary) == [] and peer.compute(3, truth, diary) is None
    assert peer.incoming(3, ev.Tick(), diary) == [ev.Tick()]
