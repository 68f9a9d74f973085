"""Seeds of slices: one for all replicas, another for each slice, the same after a restart."""

from __future__ import annotations

from peernet.core import effects as e
from peernet.core.work.owner.seeds import job_secret, slice_seed
from peernet.types import JobId
from peernet.wire.work import SEED_BYTES, Grant


def granted(desk) -> list[tuple[bytes | None, bytes]]:
    """The inputs and seeds that workers have been granted since the start."""
    grants = [seen.body for seen in desk.seen if isinstance(seen, e.Send) and isinstance(seen.body, Grant)]
    return [(lease.input.inline, lease.seed) for grant in grants for lease in grant.leases]


def test_seeds_differ_by_slice_and_by_job():
    secrets = [job_secret(JobId(bytes([number]) * 32)) for number in range(3)]
    seeds = {slice_seed(secret, index) for secret in secrets for index in range(100)}
    assert len(seeds) == 300 and {len(seed) for seed in seeds} == {SEED_BYTES}


def test_a_job_of_before_there_were_seeds_has_some_too():
    assert slice_seed(b"", 0) != slice_seed(b"", 1)


def test_each_slice_is_granted_with_a_seed_of_its_own(make_desk, make_host):
    desk = make_desk(make_host(calls=4))
    bob = desk.hand("bob")
    desk.submit(trusted=(bob.peer,))
    bob.pull(want=4)
    assert len(set(dict(granted(desk)).values())) == 4


def test_replicas_get_one_seed_and_a_restart_does_not_change_it(make_desk, make_host):
    desk = make_desk(make_host(calls=1, replicas=2, quorum=2))
    bob, carol = desk.hand("bob", "10.0.0.1"), desk.hand("carol", "10.1.0.1")
    desk.submit()
    bob.pull(want=1)
    before = granted(desk)
    desk.restart()
    desk.settle()
    bob.connect()
    carol.connect().pull(want=1)
    assert granted(desk) == before and len(before) == 1
