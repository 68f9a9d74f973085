"""What is remembered of peers: evidence that fades, bans that end, and tables that stay bounded."""

from __future__ import annotations

import dataclasses
import random

import msgspec
import pytest

from peernet.config import Config, TrustConfig
from peernet.core import effects as e
from peernet.core.context import AddressBook, Context
from peernet.core.events import Now
from peernet.core.records import TrustRecord, decode_record, encode_record
from peernet.core.work.trust import Trust, function_named
from peernet.types import Instance, JobId, PeerId

DAY = 86_400.0
JOB = JobId(b"j" * 32)


SQUARE, CUBE = map(function_named, ("square", "cube"))


def named(name):
    return PeerId(name.encode().ljust(32, b"."))


ALICE, BOB, CAROL, DAVE = map(named, ("alice", "bob", "carol", "dave"))


@pytest.fixture
def make_trust():
    """Build a table: `make_trust(**config)`. Its clock stands at day 1000."""

    def make(**config):
        ctx = Context(
            me=named("me"),
            instance=Instance(bytes(16)),
            config=Config(trust=dataclasses.replace(TrustConfig(), **config)),
            random=random.Random(0),
            secret=random.Random(1).randbytes,
            sign=lambda data: b"",
            verify=lambda peer, data, signature: True,
            book=AddressBook(4),
            now=Now(0.0, 1000 * DAY),
        )
        trust = Trust(ctx)
        trust.ctx = ctx
        return trust

    return make


def later(trust, days):
    trust.ctx.now = Now(0.0, trust.ctx.now.wall + days * DAY)


def saved(trust):
    """What the journal would hold after this handle."""
    trust.flush()
    held = {}
    for effect in trust.ctx.effects:
        if isinstance(effect, e.Save):
            held[effect.record.key()] = decode_record(TrustRecord, encode_record(effect.record))
        elif isinstance(effect, e.Forget):
            held.pop(effect.prefix, None)
    return held.values()


def prove(trust, peer, checks=10, function=SQUARE):
    for _ in range(checks):
        trust.passed(peer, function, 1.0, None)


def test_a_newcomer_is_believed_as_far_as_newcomers_lie(make_trust):
    trust = make_trust()
    assert trust.credibility(ALICE, SQUARE) == pytest.approx(0.8)
    assert dict(trust) == {}


def test_ten_checks_by_one_s_own_machine_prove_a_peer(make_trust):
    trust = make_trust()
    prove(trust, ALICE)
    assert trust.credibility(ALICE, SQUARE) >= 0.99


def test_checks_by_few_strangers_count_for_nothing(make_trust):
    trust = make_trust()
    for voucher in (BOB, CAROL) * 20:
        trust.passed(ALICE, SQUARE, 0.8, voucher)
    assert trust.credibility(ALICE, SQUARE) == pytest.approx(0.8)
    trust.passed(ALICE, SQUARE, 0.8, DAVE)
    assert trust.credibility(ALICE, SQUARE) > 0.99


def test_two_strikes_ban_and_one_does_not(make_trust):
    trust = make_trust()
    prove(trust, ALICE)
    assert not trust.strike(ALICE, JOB, 3, "wrong")
    assert trust.credibility(ALICE, SQUARE) == pytest.approx(1 - trust.of(ALICE).share)
    assert not trust.shut(ALICE)
    assert trust.strike(ALICE, JOB, 4, "wrong again")
    assert trust.shut(ALICE)
    assert trust.credibility(ALICE, SQUARE) == 0.0
    assert [mark.index for mark in trust.of(ALICE).marks] == [3, 4]
    notes = [effect for effect in trust.ctx.effects if isinstance(effect, e.Note)]
    assert [(note.topic, note.peer) for note in notes] == [("trust", ALICE)]


def test_a_strike_fades_before_the_next_a_year_later(make_trust):
    trust = make_trust()
    trust.strike(ALICE, JOB, 0, "wrong")
    later(trust, 365)
    assert not trust.strike(ALICE, JOB, 1, "wrong")
    assert not trust.shut(ALICE)


def test_a_ban_ends_when_its_strikes_have_faded_and_nothing_is_left_of_the_trust(make_trust):
    trust = make_trust()
    prove(trust, ALICE)
    trust.strike(ALICE, JOB, 0, "wrong")
    trust.strike(ALICE, JOB, 1, "wrong")
    later(trust, 20)
    assert trust.shut(ALICE)
    later(trust, 20)
    assert not trust.shut(ALICE)
    assert trust.credibility(ALICE, SQUARE) == pytest.approx(0.8)
    trust.validate()
    assert [record.banned for record in saved(trust)] == [False]


def test_checks_fade(make_trust):
    trust = make_trust()
    prove(trust, ALICE)
    before = trust.credibility(ALICE, SQUARE)
    later(trust, 60)
    assert 0.8 < trust.credibility(ALICE, SQUARE) < before


def test_a_clock_that_goes_back_changes_nothing(make_trust):
    trust = make_trust()
    prove(trust, ALICE)
    before = trust.credibility(ALICE, SQUARE)
    later(trust, -500)
    assert trust.credibility(ALICE, SQUARE) == before


def test_liars_make_newcomers_suspect_and_not_those_known_before(make_trust):
    trust = make_trust()
    prove(trust, ALICE, 2)
    for number in range(30):
        trust.strike(named(f"liar{number}"), JOB, number, "wrong")
        trust.strike(named(f"liar{number}"), JOB, number, "wrong")
    assert trust.share() > 0.7
    assert trust.credibility(BOB, SQUARE) < 0.3
    assert trust.of(ALICE).share == pytest.approx(0.2)
    trust.validate()


def test_honest_peers_make_newcomers_credible(make_trust):
    trust = make_trust()
    for number in range(100):
        prove(trust, named(f"peer{number}"))
    assert trust.share() < 0.03
    trust.validate()


def test_the_user_s_word_stays_until_it_is_taken_back(make_trust):
    trust = make_trust()
    trust.block(ALICE, True)
    later(trust, 1000)
    assert trust.shut(ALICE)
    trust.block(ALICE, False)
    assert not trust.shut(ALICE)
    trust.strike(BOB, JOB, 0, "wrong")
    trust.strike(BOB, JOB, 1, "wrong")
    trust.block(BOB, False)
    assert not trust.shut(BOB)
    trust.validate()


def test_it_comes_back_from_the_journal_as_it_was(make_trust):
    trust = make_trust()
    prove(trust, ALICE, 3)
    prove(trust, ALICE, 2, CUBE)
    prove(trust, ALICE, 1)
    trust.passed(BOB, CUBE, 0.5, CAROL)
    trust.strike(DAVE, JOB, 7, "wrong")
    trust.strike(DAVE, JOB, 8, "wrong")
    trust.block(CAROL, True)
    again = make_trust()
    again.restore(saved(trust))
    assert dict(again) == dict(trust)
    assert list(again.of(ALICE).proofs) == [CUBE, SQUARE]
    assert again.share() == trust.share()
    again.validate()


def test_a_full_table_forgets_who_has_proven_least_and_never_a_liar(make_trust):
    trust = make_trust(peers=4)
    prove(trust, ALICE)
    trust.strike(BOB, JOB, 0, "wrong")
    trust.strike(BOB, JOB, 1, "wrong")
    trust.block(CAROL, True)
    for number in range(20):
        trust.passed(named(f"peer{number}"), SQUARE, 1.0, None)
        trust.validate()
    kept = {peer for peer, _ in trust}
    assert {ALICE, BOB, CAROL} < kept
    assert {record.peer for record in saved(trust)} == kept


def test_of_many_liars_the_oldest_are_forgotten_and_none_that_the_user_named(make_trust):
    trust = make_trust(shut=3)
    trust.block(ALICE, True)
    for number in range(10):
        for index in range(2):
            trust.strike(named(f"liar{number}"), JOB, index, "wrong")
        trust.validate()
    assert {peer for peer, _ in trust} == {ALICE, named("liar8"), named("liar9")}


def test_each_change_is_told_once(make_trust):
    trust = make_trust()
    prove(trust, ALICE, 2)
    trust.passed(BOB, SQUARE, 1.0, None)
    assert list(trust.take_moved()) == [ALICE, BOB]
    assert list(trust.take_moved()) == []


def test_no_more_are_blocked_than_there_is_room_for_and_nothing_changes_before(make_trust):
    trust = make_trust(peers=6, shut=4, blocked=2)
    trust.block(ALICE, True)
    assert trust.no_room_to_block([ALICE, BOB, BOB]) == ""
    refused = trust.no_room_to_block([BOB, CAROL])
    assert refused.startswith("2 peers can be blocked, 1 are, and 2 more are too many; take some back with")
    assert [peer for peer, _ in trust] == [ALICE]


def test_a_table_of_shut_peers_still_has_room_for_newcomers(make_trust):
    trust = make_trust(peers=6, shut=4, blocked=2)
    for peer in (ALICE, BOB):
        trust.block(peer, True)
    for number in range(20):
        for index in (0, 1):
            trust.strike(named(f"liar{number}"), JOB, index, "wrong")
        trust.meet(named(f"new{number}"))
        trust.validate()
    assert trust.shut(ALICE) and trust.shut(BOB)
    assert trust.shut(named("liar19")) and not trust.shut(named("liar0"))


def test_who_is_shut_out_or_forgiven_is_taken_once(make_trust):
    trust = make_trust()
    trust.block(ALICE, True)
    trust.strike(BOB, JOB, 0, "its result of slice 0 is wrong")
    trust.strike(BOB, JOB, 1, "its result of slice 1 is wrong")
    trust.block(CAROL, False)
    assert trust.take_shut() == {
        ALICE: "which you have blocked",
        BOB: "which was banned: its result of slice 1 is wrong",
    }
    trust.block(BOB, True)  # it was shut out before
    trust.block(ALICE, False)
    assert trust.take_shut() == {ALICE: ""}
    assert trust.take_shut() == {}


def test_what_is_proven_in_one_function_is_not_in_another_but_gives_credit_there(make_trust):
    trust = make_trust()
    prove(trust, ALICE)
    assert trust.credibility(ALICE, SQUARE) > 0.99
    assert trust.credibility(ALICE, CUBE) == pytest.approx(0.95)
    assert trust.checks_short(ALICE, 0.99, SQUARE) == 0.0
    assert trust.checks_short(ALICE, 0.99, CUBE) == 3.0
    assert trust.checks_short(BOB, 0.99, CUBE) > 8
    for number, voucher in enumerate((BOB, CAROL, DAVE), 1):
        trust.passed(ALICE, CUBE, 0.95, voucher)
        assert (trust.credibility(ALICE, CUBE) >= 0.99) == (number == 3)


def test_credit_takes_checks_that_count_and_fades_with_them(make_trust):
    trust = make_trust()
    for voucher in (BOB, CAROL) * 20:
        trust.passed(ALICE, SQUARE, 0.8, voucher)
    prove(trust, BOB, 2)
    for peer in (ALICE, BOB):
        assert trust.credibility(peer, CUBE) == pytest.approx(1 - trust.of(peer).share)
    prove(trust, BOB, 1)
    assert trust.credibility(BOB, CUBE) == pytest.approx(0.95)
    later(trust, 1)
    assert trust.credibility(BOB, CUBE) == pytest.approx(1 - trust.of(BOB).share)


def test_where_fewer_liars_are_measured_than_credit_assumes_that_counts(make_trust):
    trust = make_trust(liars=0.02)
    prove(trust, ALICE)
    assert trust.credibility(ALICE, CUBE) == pytest.approx(0.98)


def test_a_strike_in_one_function_takes_what_was_proven_in_all(make_trust):
    trust = make_trust()
    prove(trust, ALICE)
    prove(trust, ALICE, 10, CUBE)
    trust.strike(ALICE, JOB, 0, "wrong")
    assert trust.of(ALICE).proofs == {}
    assert trust.credibility(ALICE, SQUARE) == trust.credibility(ALICE, CUBE) == pytest.approx(0.8)
    trust.strike(ALICE, JOB, 1, "wrong")
    assert trust.credibility(ALICE, CUBE) == 0.0
    trust.validate()


def test_of_many_functions_the_one_that_was_touched_the_longest_ago_is_forgotten(make_trust):
    trust = make_trust(functions=3)
    others = [function_named(f"f{number}") for number in range(3)]
    prove(trust, ALICE, 10, SQUARE)
    prove(trust, ALICE, 3, CUBE)
    for other in others:
        prove(trust, ALICE, 1, SQUARE)
        prove(trust, ALICE, 1, other)
        trust.validate()
    assert list(trust.of(ALICE).proofs) == [others[1], SQUARE, others[2]]


def test_who_has_proven_itself_in_many_functions_counts_as_one_honest_peer(make_trust):
    trust = make_trust()
    prove(trust, ALICE)
    share = trust.share()
    prove(trust, ALICE, 10, CUBE)
    assert trust.share() == share
    trust.validate()


def test_a_function_is_named_by_its_whole_name_and_shown_by_the_beginning():
    long, longer = function_named("f" * 64), function_named("f" * 65)
    assert long.name == longer.name == "f" * 64
    assert long != longer
    assert [len(one.id) for one in (long, SQUARE)] == [8, 8]
    assert function_named("square") == SQUARE


def test_a_record_from_before_proofs_is_no_record(make_trust):
    before = [ALICE, 0.2, 0.0, 1.5, 0.0, 1, 0, False, False, False, [], []]
    with pytest.raises(msgspec.DecodeError):
        decode_record(TrustRecord, msgspec.msgpack.encode(before))
