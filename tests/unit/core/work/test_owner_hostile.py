"""Workers that do what no worker should: each is refused and counted, and the job's result is exact."""

from __future__ import annotations

import pytest

from peernet.core import effects as e
from peernet.core.events import Done, Failure
from peernet.core.records import LeaseRecord, OutcomeRecord
from peernet.wire.work import INLINE_LIMIT, Parked, Recall, Recalled, Return, Taken


@pytest.fixture
def desk(make_desk, make_host):
    desk = make_desk(make_host(calls=4))
    desk.submit(patience=5.0)
    return desk


@pytest.fixture
def mallory(desk):
    hand = desk.hand("mallory")
    hand.pull(want=1)
    return hand


def first(hand):
    return next(iter(hand.held))


def refusals(desk):
    return {kind: number for kind, number in desk.ctx.counters.items() if kind.startswith("results: ")}


def untouched(desk):
    view = desk.view
    return (view.executions, view.accepted, view.disagreements) == (0, 0, 0)


def test_a_lease_that_was_never_given(desk, mallory):
    answer = mallory.give(mallory.result(b"x" * 16))
    assert answer == "a result for a lease that was never given"
    assert refusals(desk) == {"results: a result for a lease that was never given": 1}
    assert untouched(desk)


def test_another_peers_lease(desk, mallory):
    bob = desk.hand("bob")
    bob.pull(want=1)
    answer = mallory.give(mallory.result(first(bob), b"wrong"))
    assert answer == "a result for another peer's lease"
    assert untouched(desk)
    bob.work(want=0)
    assert desk.view.executions == 1


def test_results_for_another_job(desk, mallory):
    lease = first(mallory)
    result, inline = mallory.result(lease)
    batch = mallory.batch(result, job=b"j" * 32)
    assert mallory.give((result, inline), batch=batch) == "a batch of another job"
    assert mallory.give((result, inline), job=b"j" * 32) == "there is no such job here"
    assert untouched(desk)


def test_a_changed_signature_body_or_author(desk, mallory):
    result, inline = mallory.result(first(mallory))
    good = mallory.batch(result)
    bob = desk.hand("bob")
    broken = [
        good[:-1] + bytes([good[-1] ^ 1]),
        good[:100] + bytes([good[100] ^ 1]) + good[101:],
        mallory.batch(result, author=bob.peer),
        bob.batch(result),
        b"",
    ]
    for batch in broken:
        assert isinstance(mallory.give((result, inline), batch=batch), str)
    assert sum(refusals(desk).values()) == len(broken)
    assert untouched(desk)
    assert first(mallory) == result.lease  # and the lease still stands
    assert isinstance(mallory.give((result, inline)), Taken)


def test_a_repeated_batch_is_answered_again_and_counted_once(desk, mallory):
    lease = first(mallory)
    pair = mallory.result(lease)
    first_answer, second = mallory.give(pair, want=0), mallory.give(pair, want=0)
    assert isinstance(first_answer, Taken) and isinstance(second, Taken)
    assert desk.view.executions == 1
    assert desk.ctx.counters["results: repeated"] == 1


def test_a_second_result_that_differs_from_the_first(desk, mallory):
    lease = first(mallory)
    mallory.give(mallory.result(lease), want=0)
    answer = mallory.give(mallory.result(lease, b"another"), want=0)
    assert answer == "a result that was returned before, changed"
    assert desk.view.executions == 1


def test_one_lease_twice_in_a_batch(desk, mallory):
    lease = first(mallory)
    answer = mallory.give(mallory.result(lease), mallory.result(lease, b"another"), want=0)
    assert isinstance(answer, Taken)
    assert refusals(desk) == {"results: a result that was returned before, changed": 1}
    assert desk.view.executions == 1


def test_a_repetition_after_the_slice_was_decided(desk, mallory):
    lease = first(mallory)
    pair = mallory.result(lease)
    mallory.give(pair, want=0)
    me = desk.hand("me")
    me.pull(want=4)
    index = {record.lease: record.index for record in desk.records(LeaseRecord)}
    others = [held for held in me.held if index[held] != index[lease]]
    me.give(*(me.result(held) for held in me.held if held != others[0]), want=0)
    assert index[lease] in {record.index for record in desk.records(OutcomeRecord)}
    executions = desk.view.executions
    assert desk.view.state == "running"
    assert isinstance(mallory.give(pair, want=0), Taken)
    assert desk.view.executions == executions


@pytest.mark.parametrize(
    "change",
    [{"size": 3}, {"size": INLINE_LIMIT + 1}, {"digest": b"d" * 32}, {"size": 1 << 40}],
)
def test_bytes_that_are_not_what_was_signed(desk, mallory, change):
    lease = first(mallory)
    pair = mallory.result(lease, **change)
    answer = mallory.give(pair, want=1)
    assert isinstance(answer, str)
    assert untouched(desk)
    # It is barred from that slice, which goes to others.
    assert desk.view.leased == 0
    me = desk.hand("me")
    me.pull(want=4)
    me.work()
    assert desk.view.state == "done"


def test_inline_bytes_with_a_failure(desk, mallory):
    result, _ = mallory.failure(first(mallory))
    assert isinstance(mallory.give((result, b"extra")), str)
    assert untouched(desk)


def test_values_and_results_differ_in_number(desk, mallory):
    result, inline = mallory.result(first(mallory))
    assert isinstance(mallory.give((result, inline), inlines=(inline, inline)), str)
    assert untouched(desk)


def test_a_blob_counts_once_its_bytes_are_here(desk):
    me = desk.hand("me")
    me.pull(want=1)
    lease = first(me)
    pair = me.result(lease, b"v" * (INLINE_LIMIT + 1))
    batch = me.batch(pair[0])
    body = Return(desk.job, batch, (b"",), 0)
    answer = desk.do(lambda: desk.owner.handlers[Return](me.peer, body))
    assert isinstance(answer, Taken)
    assert desk.view.accepted == 0
    assert isinstance(desk.queue[0], e.Fetch)
    desk.settle()
    assert desk.view.accepted == 1
    pins = [effect for effect in desk.seen if isinstance(effect, e.PinBlob) and effect.digest == pair[0].digest]
    assert {pin.job for pin in pins} == {desk.job, desk.view.host}


def test_withheld_bytes_are_a_failure_of_the_lease(desk, mallory):
    lease = first(mallory)
    pair = mallory.result(lease, b"v" * (INLINE_LIMIT + 1))
    desk.blobs[pair[0].digest] = Failure("missing", "it does not hold the blob")
    assert isinstance(mallory.give(pair, want=1), Taken)
    assert untouched(desk)
    assert desk.ctx.counters["results: bytes withheld"] == 1
    me = desk.hand("me")
    me.pull(want=4)
    me.work()
    assert desk.view.state == "done"


def test_a_full_disk_here_is_not_the_workers_fault(desk):
    me = desk.hand("me")
    me.pull(want=1)
    pair = me.result(first(me), b"v" * (INLINE_LIMIT + 1))
    desk.blobs[pair[0].digest] = Failure("storage", "the disk is full")
    me.give(pair)
    assert (desk.view.state, desk.view.reason_kind, desk.view.reason) == ("failed", "storage", "the disk is full")


def test_starting_anothers_lease(desk, mallory):
    bob = desk.hand("bob")
    bob.pull(want=1)
    mallory.started(first(bob))
    assert desk.ctx.counters["started: another peer's lease"] == 1


def test_giving_back_what_was_not_asked_for(desk, make_host):
    me, bob = desk.hand("me"), desk.hand("bob")
    me.pull(want=4)
    me.started(first(me))
    real = me.take

    def greedy(body):
        answer = real(body)
        return Recalled((*answer.leases, b"y" * 16)) if isinstance(answer, Recalled) else answer

    me.take = greedy
    bob.pull(want=1)
    desk.settle()
    assert desk.ctx.counters.get("recall: not asked for") == 1


def test_a_wrong_answer_to_a_recall(desk):
    me, bob = desk.hand("me"), desk.hand("bob")
    me.pull(want=4)
    me.started(first(me))
    real = me.take
    me.take = lambda body: Parked(b"") if isinstance(body, Recall) else real(body)
    bob.pull(want=1)
    desk.settle()
    assert desk.ctx.counters["recall: wrong answer"] >= 1
    assert desk.view.state == "running"
    me.take = real
    me.work()
    assert desk.view.state == "done"


def test_a_hoarder_does_not_keep_slices_for_hours(make_desk, make_host):
    desk = make_desk(make_host(calls=64))
    mallory, bob = desk.hand("mallory"), desk.hand("bob")
    desk.submit(patience=5.0, trusted=(mallory.peer, bob.peer))
    bob.pull(want=0)
    mallory.gives_back = False
    mallory.pull(want=256)
    assert len(mallory.held) > 20
    desk.wait(130)  # a limit of 60 s, as long again for the queue, and a margin
    while bob.pull(want=64) and bob.held:
        bob.work(want=0)
    assert desk.view.state == "done"


def test_bytes_that_come_drop_by_drop_hold_up_neither_the_slice_nor_others(make_desk, make_host):
    desk = make_desk(make_host(calls=8))
    mallory, bob = desk.hand("mallory"), desk.hand("bob")
    desk.submit(patience=5.0, trusted=(mallory.peer, bob.peer))
    bob.pull(want=0)
    mallory.pull(want=8)
    pairs = [mallory.result(lease, bytes([n]) * (INLINE_LIMIT + 1)) for n, lease in enumerate(mallory.held)]
    body = Return(desk.job, mallory.batch(*(result for result, _ in pairs)), (b"",) * len(pairs), 0)
    assert isinstance(desk.do(lambda: desk.owner.handlers[Return](mallory.peer, body)), Taken)
    stalled = [effect for effect in desk.queue if isinstance(effect, e.Fetch)]
    desk.queue.clear()
    assert len(stalled) == desk.config.work.fetches_each < len(pairs)
    desk.wait(130)
    bob.pull(want=8)
    bob.work(want=0)
    assert desk.view.state == "done"
    # What came too late in the end does no harm.
    for effect in stalled:
        desk.do(lambda effect=effect: desk.ctx.settle(Done(effect.id, None)))
    assert desk.view.state == "done"


def test_a_slow_result_counts_while_its_slice_is_undecided(make_desk, make_host):
    desk = make_desk(make_host(calls=1))
    desk.submit(patience=1000.0)
    mallory, bob, carol = (desk.hand(name) for name in ("mallory", "bob", "carol"))
    for hand in (bob, carol):
        hand.pull(want=0)
    mallory.pull(want=1)
    big = b"v" * (INLINE_LIMIT + 1)
    body = Return(desk.job, mallory.batch(mallory.result(first(mallory), big)[0]), (b"",), 0)
    desk.do(lambda: desk.owner.handlers[Return](mallory.peer, body))
    (fetch,) = desk.queue
    desk.queue.clear()
    desk.wait(130)
    bob.pull(want=1)
    bob.give(bob.result(first(bob), big), want=0)
    assert desk.view.state == "running"
    desk.do(lambda: desk.ctx.settle(Done(fetch.id, None)))
    desk.settle()
    assert desk.view.state == "done"


def test_one_peer_that_comes_and_goes_can_not_make_a_slice_look_deadly(make_desk, make_host):
    desk = make_desk(make_host(calls=1))
    desk.submit(patience=1000.0)
    mallory = desk.hand("mallory")
    for run in range(2 * desk.config.work.slice_losses):
        mallory.instance = bytes([run]) * 16
        mallory.connect()
        mallory.pull(want=1)
        if mallory.held:
            mallory.started()
        mallory.held.clear()
        mallory.disconnect()
        desk.wait(4)
    assert mallory.grants == 3
    for hand in (desk.hand("bob"), desk.hand("carol")):
        hand.pull(want=1)
        hand.work(want=0)
    assert desk.view.state == "done"
