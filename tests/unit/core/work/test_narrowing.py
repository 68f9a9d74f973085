"""Results that differ in a few calls, on the owner's bench: only these calls are executed again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest

from peernet.config import Config, TrustConfig, WorkConfig
from peernet.core import effects as e
from peernet.core import records as r
from peernet.core.events import DifferencesFound, Failure
from peernet.core.work.owner.disputes import MOST_NAMED
from peernet.core.work.stats import decode_stats
from peernet.core.work.trust import function_named
from peernet.core.work.votes import failure_digest
from peernet.project.cut import encode_input, open_input
from peernet.project.narrowing import Narrower
from peernet.results import encode
from peernet.types import Payload
from peernet.wire.signed import SliceResult
from peernet.wire.work import Grant, LeaseGrant, Return, Taken

from .conftest import Host, sha

JOBS = function_named("job")
"""The function of the jobs that the host of these tests opens."""

CALLS = 20
WORK = WorkConfig(narrow_seconds=0.0)


def payload(data: bytes) -> Payload:
    return Payload(sha(data), len(data), data)


@dataclass
class Listing(Host):
    """A project whose results are lists: the square of each input. `apart`: its calls can be executed alone."""

    apart: bool = True

    def differ(self, effect: e.Differ) -> DifferencesFound:
        values = [value.inline or b"" for value in effect.values]
        narrower = Narrower(apart=self.apart)
        found = narrower.differences(effect.input.inline or b"", effect.calls, values, effect.also, effect.most)
        given = payload(found.input) if found.input else None
        return DifferencesFound(found.counts, found.places, found.narrowed, given)

    def compose(self, effect: e.Compose) -> Payload | None:
        made = Narrower(apart=True).compose(effect.base.inline or b"", effect.calls, effect.part.inline or b"")
        return None if made is None else payload(made)

    def input(self, first: int, calls: int) -> Payload:
        return payload(encode_input(list(range(first, first + calls))))


def squares(data: bytes, **lies: int) -> bytes:
    """What a worker makes of an input. lies: `at17=1` adds 1 to the result for the input 17."""
    return encode([number**2 + lies.get(f"at{number}", 0) for number in open_input(data)])


@dataclass
class Bench:
    """A desk whose peers tell lies about some inputs. grants: what each peer was granted, in order."""

    desk: object
    grants: dict[str, list[LeaseGrant]] = field(default_factory=dict)

    def hand(self, name: str):  # type: ignore[no-untyped-def]
        hand = next(
            (hand for hand in self.desk.hands.values() if hand.peer.startswith(name.encode() + b".")), None
        )
        if hand is None:
            hand = self.desk.hand(name, f"10.0.{len(self.desk.hands)}.1")
            taken, kept = hand.take, self.grants.setdefault(name, [])

            def take(body):
                if isinstance(body, Grant):
                    kept.extend(body.leases)
                return taken(body)

            hand.take = take
            hand.pull(want=0)
        return hand

    def lend(self, name: str) -> LeaseGrant:
        """Let a peer pull one slice."""
        hand, before = self.hand(name), len(self.grants[name])
        hand.pull(want=1)
        assert len(self.grants[name]) == before + 1, f"{name} was granted nothing"
        return self.grants[name][-1]

    def result(self, name: str, grant: LeaseGrant, **lies: int) -> tuple[SliceResult, bytes]:
        """What a peer returns for a lease, signed as what was lent."""
        return self.hand(name).result(grant.lease, squares(grant.input.inline, **lies), only=grant.only)

    def work(self, name: str, **lies: int) -> LeaseGrant:
        """Let a peer pull one slice and return it."""
        grant = self.lend(name)
        assert isinstance(self.hand(name).give(self.result(name, grant, **lies), want=0), Taken)
        return grant

    def raises(self, name: str, call: int, error: str = "ValueError: no") -> LeaseGrant:
        """Let a peer pull one slice and say that a call of it raised."""
        grant = self.lend(name)
        digest = failure_digest("error", error.partition(":")[0], call)
        result = SliceResult(grant.lease, "error", digest, 0, 0.5, 0.1, error, "", grant.only)
        assert isinstance(self.hand(name).give((result, b""), want=0), Taken)
        return grant

    def rest(self, *names: str) -> None:
        """Let peers be there that do nothing yet: somebody has to be left to be asked for the whole slice."""
        for name in names:
            self.hand(name)

    @property
    def state(self) -> str:
        return self.desk.view.state

    @property
    def evidence(self) -> r.EvidenceRecord:
        (record,) = self.desk.records(r.EvidenceRecord)
        return record

    @property
    def strikes(self) -> dict[str, int]:
        trust = self.desk.owner.trust
        return {name: len(trust.of(self.hand(name).peer).marks) for name in self.grants}


OTHERS = ("x1", "x2", "x3", "x4")


@pytest.fixture
def bench(make_desk):
    def make(policy="plain", calls=CALLS, slice_size=None, work=WORK, apart=True, **host):
        desk = make_desk(
            Listing(calls=calls, slice_size=slice_size or calls, apart=apart, **host),
            Config(trust=TrustConfig(policy=policy), work=work),
        )
        desk.submit(patience=5.0)
        made = Bench(desk)
        made.rest(*OTHERS)
        return made

    return make


def right(calls=CALLS):
    return [encode([number**2 for number in range(calls)])]


def test_one_differing_call_is_executed_by_itself(bench):
    made = bench()
    assert made.work("liar", at17=5).only == ()
    assert made.work("bob").only == ()
    grant = made.work("carol")
    assert grant.only == (17,) and grant.calls == CALLS
    assert open_input(grant.input.inline) == [17]
    assert grant.seed == made.grants["bob"][0].seed
    assert made.state == "done" and made.desk.values() == right()


def test_the_digest_of_the_composed_result_is_the_vote(bench):
    made = bench()
    made.work("liar", at3=1)
    made.work("bob")
    made.work("carol")
    (outcome,) = made.desk.records(r.OutcomeRecord)
    assert outcome.value.digest == sha(right()[0])
    assert set(outcome.agreeing) == {made.hand("bob").peer, made.hand("carol").peer}


def test_evidence_has_what_was_signed_and_the_calls(bench):
    made = bench()
    made.work("liar", at3=1, at11=1)
    made.work("bob")
    made.work("carol")
    assert made.evidence.differing == (3, 11) and made.evidence.differences == 2
    parts = {part.peer: part for part in made.evidence.parts}
    assert parts[made.hand("carol").peer].calls == (3, 11)
    assert parts[made.hand("carol").peer].digest == sha(encode([9, 121]))
    assert parts[made.hand("carol").peer].agrees
    assert parts[made.hand("bob").peer].calls == () and parts[made.hand("bob").peer].agrees
    assert not parts[made.hand("liar").peer].agrees


def test_a_liar_on_a_narrowed_lease_makes_a_third_group_and_the_slice_is_executed_as_a_whole(bench):
    made = bench()
    made.work("liar", at17=5)
    made.work("bob")
    assert made.work("other", at17=9).only == (17,)
    assert made.state == "running"
    assert made.work("carol").only == ()
    assert made.state == "done" and made.desk.values() == right()


def test_two_liars_in_different_calls_are_both_found_by_one_narrowed_execution_and_a_whole_one(bench):
    made = bench()
    made.work("liar", at4=5)
    made.work("other", at9=5)
    assert made.work("carol").only == (4, 9)
    assert made.state == "running", "nobody has returned this as a whole"
    assert made.work("dave").only == ()
    assert made.state == "done" and made.desk.values() == right()


def test_many_differing_calls_are_executed_as_a_whole(bench):
    made = bench()
    made.work("liar", **{f"at{number}": 1 for number in range(CALLS)})
    made.work("bob")
    assert made.work("carol").only == ()
    assert made.state == "done"
    assert made.evidence.differences == CALLS and len(made.evidence.differing) == CALLS


def test_no_more_differing_calls_are_named_than_people_read(bench):
    made = bench(calls=100)
    made.work("liar", **{f"at{number}": 1 for number in range(100)})
    made.work("bob")
    made.work("carol")
    assert made.evidence.differing == tuple(range(MOST_NAMED)) and made.evidence.differences == 100


@pytest.mark.parametrize("calls", [1, 2, WORK.narrow_least - 1])
def test_small_slices_are_executed_as_a_whole(bench, calls):
    made = bench(calls=calls)
    made.work("liar", at0=1)
    made.work("bob")
    assert made.work("carol").only == ()
    assert made.state == "done"
    assert made.evidence.differing == (() if calls == 1 else (0,))


def test_slices_of_very_many_calls_are_not_compared(bench):
    made = bench(work=replace(WORK, narrow_most=CALLS - 1))
    made.work("liar", at0=1)
    made.work("bob")
    assert made.work("carol").only == ()
    assert made.state == "done" and made.desk.count(e.Differ) == 0


def test_slices_that_are_quickly_done_are_executed_as_a_whole(bench):
    made = bench(work=WorkConfig())
    made.work("liar", at0=1)
    made.work("bob")
    assert made.work("carol").only == ()


def test_slices_that_take_their_time_are_narrowed(bench):
    made = bench(work=WorkConfig())
    for name, lies in (("liar", {"at0": 1}), ("bob", {})):
        grant = made.lend(name)
        made.desk.wait(3.0)
        result, inline = made.result(name, grant, **lies)
        made.hand(name).give((SliceResult(*_fields(result, wall_seconds=3.0)), inline), want=0)
    assert made.work("carol").only == (0,)


def _fields(result, **change):
    return [change.get(name, getattr(result, name)) for name in result.__struct_fields__]


def test_where_few_are_left_they_are_asked_for_the_whole(make_desk):
    desk = make_desk(Listing(calls=CALLS, slice_size=CALLS), Config(trust=TrustConfig(policy="plain"), work=WORK))
    desk.submit(patience=5.0)
    made = Bench(desk)
    made.work("liar", at17=5)
    made.work("bob")
    made.rest("x1")
    assert made.work("carol").only == ()


def test_where_enough_are_left_to_decide_the_whole_calls_are_asked_for(make_desk):
    desk = make_desk(Listing(calls=CALLS, slice_size=CALLS), Config(trust=TrustConfig(policy="plain"), work=WORK))
    desk.submit(patience=5.0)
    made = Bench(desk)
    made.work("liar", at17=5)
    made.work("bob")
    made.rest("x1", "x2")
    assert made.work("carol").only == (17,)


def test_functions_that_take_whole_slices_are_not_narrowed(bench):
    made = bench(apart=False)
    made.work("liar", at17=5)
    made.work("bob")
    assert made.work("carol").only == ()
    assert made.evidence.differing == (17,)


@pytest.mark.parametrize("declared", ["checks", "compares"])
def test_projects_that_look_at_results_themselves_are_not_narrowed(bench, declared):
    made = bench(declares={declared: True})
    made.desk.host.check = lambda given, value: value == squares(given)
    made.work("liar", at17=5)
    made.work("bob")
    if made.state == "running":
        assert made.work("carol").only == ()
    assert made.state == "done" and made.desk.values() == right()
    assert made.desk.count(e.Differ) == 0


def test_results_that_are_no_lists_are_executed_as_a_whole(bench):
    made = bench()
    grant = made.lend("liar")
    made.hand("liar").give(made.hand("liar").result(grant.lease, b"\xff nonsense"), want=0)
    made.work("bob")
    assert made.work("carol").only == ()
    assert made.state == "done" and made.evidence.differing == ()


def test_nonsense_as_a_narrowed_result_is_refused_by_the_host_and_agrees_with_nobody(bench):
    made = bench()
    made.work("liar", at17=5)
    made.work("bob")
    grant = made.lend("other")
    assert grant.only == (17,)
    result = made.hand("other").result(grant.lease, encode([1, 2]), only=grant.only)
    assert isinstance(made.hand("other").give(result, want=0), Taken)
    assert made.work("carol").only == ()
    assert made.state == "done" and made.desk.values() == right()


def test_a_result_of_other_calls_than_were_lent_is_refused(bench):
    made = bench()
    made.work("liar", at17=5)
    made.work("bob")
    grant = made.lend("carol")
    for only in ((), (16,), (16, 17)):
        given = made.hand("carol").result(grant.lease, encode([289]), only=only)
        assert made.hand("carol").give(given, want=0) == "a result of other calls than were lent"
    whole = made.lend("dave")
    assert whole.only == (17,)
    assert made.state == "running"


def test_a_whole_lease_is_not_answered_with_a_part(bench):
    made = bench()
    grant = made.lend("carol")
    given = made.hand("carol").result(grant.lease, encode([289]), only=(17,))
    assert made.hand("carol").give(given, want=0) == "a result of other calls than were lent"


def test_a_narrowed_result_that_is_repeated_is_answered_alike_and_a_changed_one_refused(bench):
    made = bench("confidence:0.99")
    made.work("liar", at17=5)
    made.work("bob")
    grant = made.lend("carol")
    given, changed = made.result("carol", grant), made.result("carol", grant, at17=1)
    made.hand("carol").give(given, want=0)
    assert isinstance(made.hand("carol").give(given, want=0), Taken)
    assert made.hand("carol").give(changed, want=0) == "a result that was returned before, changed"


def test_an_input_that_is_a_blob_is_kept_while_the_job_runs(bench):
    made = bench()
    found, big = made.desk.host.differ, sha(b"big")

    def differ(effect):
        return replace(found(effect), input=Payload(big, 1 << 20))

    made.desk.host.differ = differ
    made.work("liar", at17=5)
    made.work("bob")
    assert e.PinBlob(big, made.desk.running.host) in made.desk.seen


# --- failures ----------------------------------------------------------------------------------------------------


def test_a_call_that_is_said_to_raise_is_executed_by_itself(bench):
    made = bench("confidence:0.9")
    made.desk.owner.trust.passed(made.hand("bob").peer, JOBS, 1.0, None)
    made.raises("liar", 7)
    made.work("bob")
    grant = made.work("carol")
    assert grant.only == (7,)
    while made.state == "running":
        made.work(f"more{len(made.grants)}")
    assert made.desk.values() == right()
    assert made.evidence.differing == (7,)


def test_a_call_that_raises_fails_the_job_once_it_has_two_witnesses(bench):
    made = bench("confidence:0.9")
    made.work("liar")
    made.raises("bob", 7)
    grants = [made.raises(f"other{number}", 7) for number in range(3) if made.state == "running"]
    assert all(grant.only == (7,) for grant in grants)
    while made.state == "running":
        assert made.raises(f"more{len(made.grants)}", 7).only == (7,)
    assert made.state == "failed" and made.desk.view.reason_kind == "task"


def test_under_a_plain_quorum_the_other_calls_of_a_failed_slice_have_one_witness_only(bench):
    made = bench()
    made.raises("liar", 7)
    made.work("bob")
    assert made.work("carol").only == ()
    assert made.state == "done" and made.desk.values() == right()


def test_a_narrowed_call_that_raises_alone_makes_the_slice_be_executed_as_a_whole(bench):
    made = bench()
    made.work("liar", at7=1)
    made.work("bob")
    assert made.raises("carol", 7).only == (7,)
    assert made.work("dave").only == ()
    assert made.state == "done" and made.desk.values() == right()


def test_other_failures_are_not_narrowed(bench):
    made = bench()
    made.work("liar", at7=1)
    grant = made.lend("bob")
    failure = made.hand("bob").failure(grant.lease, "MemoryError: no", "memory")
    made.hand("bob").give(failure, want=0)
    assert made.work("carol").only == ()


# --- what is believed --------------------------------------------------------------------------------------------


def test_strikes_fall_on_the_liar_and_the_rest_is_not_believed_on_its_word(bench):
    made = bench("confidence:0.9")
    made.work("liar", at17=5)
    made.work("bob")
    while made.state == "running":
        made.work(f"more{len(made.grants)}")
    assert made.desk.values() == right()
    assert {name for name, count in made.strikes.items() if count} == {"liar"}
    whole = [part for part in made.evidence.parts if part.agrees and not part.calls]
    assert len(whole) >= 2, "a newcomer's word alone is not enough for the other calls"
    assert made.evidence.reached >= 0.9


def test_liars_that_differ_where_they_do_not_lie_get_nothing_accepted(bench):
    """Two that collude lie about one call, and differ in another one, so that others are asked about that one."""
    made = bench("confidence:0.9")
    made.work("liar", at4=5)
    made.work("other", at4=5, at9=1)
    while made.state == "running":
        made.work(f"more{len(made.grants)}")
    assert made.state == "done" and made.desk.values() == right()


def test_a_function_that_keeps_something_between_calls_costs_nobody_a_strike(bench):
    """Alone the call gives another result than within its slice, at every peer."""
    made = bench("confidence:0.9")
    made.work("liar", at17=5)
    made.work("bob")
    while made.state == "running":
        name = f"more{len(made.grants)}"
        grant = made.lend(name)
        given = made.result(name, grant, **({"at17": 1000} if grant.only else {}))
        made.hand(name).give(given, want=0)
    assert made.desk.values() == right()
    assert {name for name, count in made.strikes.items() if count} == {"liar"}


def test_who_was_asked_for_a_few_calls_earns_no_trust_by_them(bench):
    made = bench("confidence:0.9")
    made.work("liar", at17=5)
    made.work("bob")
    grant = made.work("carol")
    assert grant.only == (17,)
    while made.state == "running":
        made.work(f"more{len(made.grants)}")
    assert made.desk.owner.trust.of(made.hand("carol").peer).passed == 0
    assert made.desk.owner.trust.of(made.hand("bob").peer).passed == 1


def test_nobody_gets_two_replicas(bench):
    made = bench("confidence:0.99")
    made.work("liar", at17=5)
    made.work("bob")
    while made.state == "running":
        made.work(f"more{len(made.grants)}")
    assert all(len(grants) <= 1 for grants in made.grants.values())


def test_a_whole_result_that_differs_elsewhere_widens_the_narrowing_while_nothing_is_lent(bench):
    made = bench("majority:3/3", replicas=3, quorum=3)
    late = made.lend("late")
    made.work("liar", at4=1)
    made.work("bob")
    assert made.state == "running"
    made.hand("late").give(made.result("late", late, at9=1), want=0)
    seen = []
    while made.state == "running":
        seen.append(made.work(f"more{len(made.grants)}").only)
    assert seen[0] == (4, 9) and made.desk.values() == right()


def test_a_late_whole_result_that_differs_elsewhere_after_calls_were_lent(bench):
    made = bench("confidence:0.95")
    made.work("liar", at4=1)
    made.work("bob")
    carol = made.lend("carol")
    assert carol.only == (4,)
    made.desk.wait(carol.seconds + 120.0)  # it is late
    assert made.work("dave", at4=2).only == (4,)
    whole = made.lend("erin")
    assert whole.only == ()
    made.hand("erin").give(made.result("erin", whole, at9=1), want=0)
    made.hand("carol").give(made.result("carol", carol), want=0)
    while made.state == "running":
        assert made.work(f"more{len(made.grants)}").only == ()
    assert made.desk.values() == right()


# --- audits, late results ----------------------------------------------------------------------------------------


def test_a_narrowed_result_after_the_decision_is_an_audit_of_these_calls(bench):
    made = bench("confidence:0.9")
    made.work("liar", at17=5)
    made.work("bob")
    late = made.lend("late")
    assert late.only == (17,)
    made.desk.wait(late.seconds + 120.0)
    while made.desk.view.accepted < 1 and made.state == "running":
        made.work(f"more{len(made.grants)}")
    answer = made.hand("late").give(made.result("late", late), want=0)
    assert answer is not None


# --- restarts ----------------------------------------------------------------------------------------------------


def test_a_restart_while_the_host_compares_asks_again(bench):
    made = bench()
    made.work("liar", at17=5)
    grant = made.lend("bob")
    result, inline = made.result("bob", grant)
    made.desk.queue.clear()
    hand = made.hand("bob")
    body = Return(made.desk.job, hand.batch(result), (inline,), 0)
    made.desk.do(lambda: made.desk.owner.handlers[Return](hand.peer, body))
    assert made.desk.count(e.Differ) == 1
    made.desk.restart()
    made.desk.settle()
    assert made.desk.count(e.Differ) == 1
    again(made)
    assert made.work("carol").only == (17,)
    assert made.state == "done" and made.desk.values() == right()


def again(made):
    """All peers find the owner again after its restart."""
    for hand in made.desk.hands.values():
        hand.connect()
        hand.pull(want=0)


@pytest.mark.parametrize("policy", ["plain", "confidence:0.9"])
def test_a_narrowed_lease_outlives_a_restart(bench, policy):
    made = bench(policy)
    made.work("liar", at17=5)
    made.work("bob")
    grant = made.lend("carol")
    assert grant.only == (17,)
    given = made.result("carol", grant)
    made.desk.restart()
    made.desk.settle()
    again(made)
    assert isinstance(made.hand("carol").give(given, want=0), Taken)
    while made.state == "running":
        made.work(f"more{len(made.grants)}")
    assert made.desk.values() == right()
    parts = {part.peer: part for part in made.evidence.parts}
    assert parts[made.hand("carol").peer].calls == (17,)
    assert parts[made.hand("carol").peer].digest == sha(encode([289]))


def test_narrowed_votes_outlive_a_restart(bench):
    made = bench("confidence:0.99")
    made.work("liar", at17=5)
    made.work("bob")
    for name in ("carol", "dave"):
        assert made.work(name).only == (17,)
    made.desk.restart()
    made.desk.settle()
    again(made)
    running = made.desk.running.slices.undecided[0]
    assert {vote.calls for vote in running.votes.values()} == {(), (17,)}
    while made.state == "running":
        made.work(f"more{len(made.grants)}")
    assert made.desk.values() == right()
    assert decode_stats(made.desk.records(r.JobRecord)[0].stats).strikes == 1


def test_a_restart_while_a_part_is_put_into_the_whole(bench):
    made = bench()
    made.work("liar", at17=5)
    made.work("bob")
    grant = made.lend("carol")
    hand = made.hand("carol")
    result, inline = made.result("carol", grant)
    body = Return(made.desk.job, hand.batch(result), (inline,), 0)
    made.desk.do(lambda: made.desk.owner.handlers[Return](hand.peer, body))
    assert made.desk.count(e.Compose) == 1 and made.state == "running"
    made.desk.restart()
    made.desk.settle()
    assert made.desk.count(e.Compose) == 1
    assert made.state == "done" and made.desk.values() == right()


def test_a_host_that_fails_ends_the_job(bench):
    made = bench()
    made.desk.host.fails[e.Differ] = Failure("box", "the job host has ended")
    made.work("liar", at17=5)
    made.work("bob")
    assert made.state == "failed" and made.desk.view.reason == "the job host has ended"


def test_the_calls_are_named_where_a_job_fails_for_its_results(bench):
    made = bench("majority:2/2", replicas=2, quorum=2)
    for number in range(20):
        if made.state != "running":
            break
        made.work(f"odd{number}", at3=number + 1)
    assert made.state == "failed"
    assert "they differ in call 3;" in made.desk.view.reason
    assert "the function does not always return the same" in made.desk.view.reason


# --- what is taken back later ---


def prove(made, **checks):
    """Let peers have passed checks: two make one believed alone at 0.9, but not against a newcomer."""
    for name, count in checks.items():
        for _ in range(count):
            made.desk.owner.trust.passed(made.hand(name).peer, JOBS, 1.0, None)


@pytest.fixture
def ended(bench):
    """A job that has ended: bob is believed alone, the liar is wrong in one call, and carol was asked for that."""
    made = bench("confidence:0.9")
    prove(made, bob=2, carol=20)
    made.work("liar", at17=5)
    made.work("bob")
    assert made.work("carol").only == (17,)
    assert made.state == "done"
    return made


def block(made, name):
    made.desk.do(lambda: made.desk.owner.trust.block(made.hand(name).peer, True))
    made.desk.settle()


@pytest.mark.parametrize(("name", "believed"), [("liar", True), ("bob", False), ("carol", True)])
def test_a_slice_of_an_ended_job_is_retracted_where_nobody_is_left_who_had_the_whole(ended, name, believed):
    if name == "carol":
        prove(ended, bob=20)
    block(ended, name)
    assert (ended.evidence.retracted is None) == believed


def test_a_liar_that_differs_in_the_calls_in_dispute_is_no_doubt_of_the_others(ended):
    parts = {part.peer: part for part in ended.evidence.parts}
    assert parts[ended.hand("liar").peer].shares
    assert not parts[ended.hand("bob").peer].shares and not parts[ended.hand("carol").peer].shares


def test_an_accepted_slice_remembers_its_parts_after_a_restart(bench):
    made = bench("confidence:0.9", calls=2 * CALLS, slice_size=CALLS)
    prove(made, bob=2, carol=20)
    grant = made.lend("liar")
    lie = {f"at{open_input(grant.input.inline)[3]}": 1}
    made.hand("liar").give(made.result("liar", grant, **lie), want=0)
    assert made.work("bob").input == grant.input
    assert made.work("carol").only == (3,)
    before = next(iter(made.desk.running.slices.retained.of(made.hand("carol").peer)))
    made.desk.restart()
    made.desk.settle()
    (after,) = made.desk.running.slices.retained.of(made.hand("carol").peer)
    assert after.key == before.key == after.decide(made.desk.running.policy)
    assert {vote.peer: (vote.calls, vote.signed) for vote in after.votes.values()} == {
        vote.peer: (vote.calls, vote.signed) for vote in before.votes.values()
    }
    block(made, "bob")
    assert made.desk.running.slices.undecided[after.index].state == "disputed"
    again(made)
    while made.state == "running":
        made.work(f"more{len(made.grants)}")
    assert b"".join(made.desk.values()) == b"".join(
        encode([number**2 for number in range(first, first + CALLS)]) for first in (0, CALLS)
    )


# --- as good as whole executions ---

POLICIES = ("plain", "majority:2/3", "majority:3/5", "confidence:0.9", "confidence:0.99", "adaptive", "poco:0.9")


def played(make_desk, policy, names, liars, seed, share):
    """One slice, executed by these peers, each at most once, until it is decided or all have had their turn."""
    work = replace(WORK, narrow_share=share)
    desk = make_desk(
        Listing(calls=CALLS, slice_size=CALLS), Config(trust=TrustConfig(policy=policy), work=work), seed=seed
    )
    desk.submit(patience=5.0)
    made = Bench(desk)
    made.rest(*names)
    for name in names:
        made.hand(name).pull(want=1)
    for _ in range(4 * len(names)):
        for name in names:
            hand = made.hand(name)
            for lease in list(hand.held):
                grant = next(grant for grant in made.grants[name] if grant.lease == lease)
                hand.give(made.result(name, grant, **liars.get(name, {})), want=0)
    return made


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", range(12))
def test_what_whole_executions_decide_is_decided_with_narrowed_ones_too(make_desk, policy, seed):
    source = random.Random(seed)
    names = [f"p{number}" for number in range(source.randint(3, 14))]
    liars = {
        name: {
            f"at{source.randrange(CALLS)}": source.randint(1, 3) for _ in range(source.choice((1, 1, 2, CALLS)))
        }
        for name in names[: source.randint(1, max(1, len(names) // 4))]
    }
    source.shuffle(names)
    whole = played(make_desk, policy, names, liars, seed, 0.0)
    narrowed = played(make_desk, policy, names, liars, seed, WORK.narrow_share)
    if whole.state == "done":
        assert narrowed.state == "done", (names, liars)
    for made in (whole, narrowed):
        assert made.desk.values() in ([], right())
        assert all(len(grants) <= 1 for grants in made.grants.values())
        assert all(name in liars for name, count in made.strikes.items() if count)
