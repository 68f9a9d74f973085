"""A network that stands when the run begins: what its peers know, and that it behaves as one that has joined."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from peernet.config import Config, KadConfig
from peernet.core.kad.contact import ID_BITS, place
from peernet.core.kad.records import record_key
from peernet.wire.signed import ADVERT
from peernet_sim.machine import Machine
from peernet_sim.model import Faults, Happening, Plan, RunOptions
from peernet_sim.scale import Run, run_scale

K = 4
SMALL_TABLES = Config(kad=replace(KadConfig(), k=K))


def begun(plan: Plan, config: Config = SMALL_TABLES) -> Run:
    """A run whose peers have just started."""
    run = Run(plan, RunOptions(), config=config)
    run.world.engine.run(0.0)
    return run


def number(machine: Machine) -> int:
    return place(machine.id)[1]


def known(run: Run, machine: Machine) -> list[Machine]:
    assert machine.core is not None
    found = [run.world.find(contact.peer) for contact in machine.core.kad.table.contacts()]
    return [one for one in found if one is not None]


@pytest.fixture
def formed(make_plan: Callable[..., Plan]) -> Callable[..., Plan]:
    def make(count: int = 150, nats: tuple[str, ...] = ("open",), **rest: Any) -> Plan:
        plan = replace(make_plan(count=count, **{"jobs": (), "broadcasts": 0, "lookups": 0} | rest), formed=True)
        for index in range(1, count):
            plan.topology.change(index, nat=nats[index % len(nats)])  # type: ignore[attr-defined]
        return plan

    return make


@pytest.mark.parametrize("nats", [("open",), ("open", "closed", "restricted")])
def test_a_table_holds_what_kademlia_wants_of_each_range(
    formed: Callable[..., Plan], nats: tuple[str, ...]
) -> None:
    run = begun(formed(nats=nats))
    dialable = [machine for machine in run.world.machines if machine.spec.nat == "open"]
    for machine in run.world.machines:
        assert machine.core is not None
        me, others = number(machine), [one for one in dialable if one is not machine]
        contacts = known(run, machine)
        machine.core.kad.table.check()
        assert all(contact in others for contact in contacts)
        nearest = sorted(others, key=lambda one: number(one) ^ me)[:K]
        assert all(one in contacts for one in nearest), "the k nearest are known all"
        for bits in range(ID_BITS - 10, ID_BITS):
            there = [one for one in others if (number(one) ^ me).bit_length() == bits + 1]
            chosen = [one for one in contacts if (number(one) ^ me).bit_length() == bits + 1]
            assert len(chosen) >= min(K, len(there))
        for bucket in machine.core.kad.table.buckets:
            there = [one for one in others if bucket.lower <= number(one) < bucket.lower + (1 << bucket.bits)]
            assert len(bucket) == min(K, len(there)), "up to k of each bucket's range"


def test_those_who_are_known_are_drawn_evenly_and_by_each_anew(formed: Callable[..., Plan]) -> None:
    run = begun(formed(count=200))
    middle = 1 << (ID_BITS - 1)
    low = [machine for machine in run.world.machines if number(machine) < middle]
    far = [frozenset(one.index for one in known(run, m) if number(one) >= middle) for m in low]
    assert all(len(one) == K for one in far)
    assert len(set(far)) > 0.9 * len(far)
    counts = [sum(one.index in chosen for chosen in far) for one in run.world.machines if number(one) >= middle]
    assert max(counts) <= 16, "four of a hundred draws fall on each on average"


def test_a_network_smaller_than_a_bucket_is_known_whole(formed: Callable[..., Plan]) -> None:
    run = begun(formed(count=9), Config())
    assert all(len(known(run, machine)) == 8 for machine in run.world.machines)


def test_contacts_were_heard_and_buckets_are_refreshed_at_different_times(formed: Callable[..., Plan]) -> None:
    run = begun(formed(), Config())
    config = run.world.config.kad
    for machine in run.world.machines[:20]:
        assert machine.core is not None
        ages = [-contact.last_seen for contact in machine.core.kad.table.contacts()]
        assert 0.0 <= min(ages) < 0.3 * config.stale_seconds < 0.7 * config.stale_seconds < max(ages)
        assert max(ages) <= config.stale_seconds
        due = [bucket.refresh_at for bucket in machine.core.kad.table.buckets]
        assert min(due) > 0.0 and max(due) <= config.refresh_seconds and len(set(due)) == len(due)


def test_what_is_said_of_a_peer_is_shared_by_all_who_know_it(formed: Callable[..., Plan]) -> None:
    run = begun(formed())
    said: dict[bytes, object] = {}
    for machine in run.world.machines:
        assert machine.core is not None
        for contact in machine.core.kad.table.contacts():
            assert said.setdefault(contact.peer, contact.wire) is contact.wire
            assert contact.addresses == run.world.addresses(run.world.by_id[contact.peer].index)


def behaves(plan: Plan, options: RunOptions | None = None) -> dict[str, Any]:
    report = run_scale(plan, options or RunOptions())
    assert report.violations == []
    return report.metrics


def test_a_formed_network_behaves_as_one_that_joined(formed: Callable[..., Plan], job_plan: Any) -> None:
    """Hops may be more by a half, and times by half of them: those who have just joined are connected to nearly
    all others."""
    wanted: dict[str, Any] = {"lookups": 60, "puts": 20, "broadcasts": 10, "settle": 25.0}
    wanted["jobs"] = (replace(job_plan, at=25.0, calls=400),)
    stands = formed(count=60, nats=("open", "open", "closed"), seconds=75.0, **wanted)
    stood, joined = behaves(stands), behaves(replace(stands, formed=False, join_seconds=10.0))
    for one in (stood, joined):
        assert one["lookups"]["success"] == one["values"]["success"] == one["gossip"]["coverage"] == 1.0
        assert one["values"]["stored"] == 20 and one["values"]["lost"] == 0
        assert (one["jobs"][0]["state"], one["jobs"][0]["accepted"]) == ("done", 40)
        assert one["jobs"][0]["wrong"] == 0
    assert stood["lookups"]["hops_mean"] <= joined["lookups"]["hops_mean"] + 0.5
    for part, key in (("lookups", "latency_p50"), ("values", "latency_p50"), ("gossip", "t99")):
        assert stood[part][key] <= 1.5 * joined[part][key] + 0.05
    assert stood["gossip"]["copies_per_delivery"] <= 1.1, "the tree of gossip was there"
    assert stood["jobs"][0]["seconds"] <= 1.5 * joined["jobs"][0]["seconds"]
    assert stood["messages"] < joined["messages"]


@pytest.mark.parametrize(("nats", "least"), [(("open",), 7), (("open", "closed"), 1)])
def test_all_have_neighbours_and_adverts_soon(
    formed: Callable[..., Plan], nats: tuple[str, ...], least: int
) -> None:
    run = Run(formed(count=40, nats=nats, seconds=20.0), RunOptions())
    assert run.go().violations == []
    for machine in run.world.machines:
        assert machine.core is not None
        neighbours = machine.core.gossip.neighbourhood.members()
        assert len(neighbours) >= least
        assert set(neighbours) <= {one.peer for one in machine.core.adverts.known()}, "they told of themselves"
        key = record_key(ADVERT, machine.id)
        holders = sum(
            other.core is not None and other.core.kad.store.get(key, run.world.clock(other)) is not None
            for other in run.world.machines
        )
        assert holders > run.world.config.kad.advert_holders


def happen(plan: Plan, *acts: tuple[float, Callable[[Any], None]]) -> Plan:
    return replace(plan, faults=Faults(happenings=[Happening(at, "test", act) for at, act in acts]))


def test_peers_that_come_back_or_come_new_get_in(formed: Callable[..., Plan]) -> None:
    plan = happen(
        formed(count=40, seconds=45.0),
        (10.0, lambda world: world.crash(3)),
        (10.0, lambda world: world.crash(4)),
        (15.0, lambda world: world.restart(3)),
        (15.0, lambda world: world.restart(4, with_state=False)),
    )
    run = Run(plan, RunOptions())
    assert run.go().violations == []
    for index in (3, 4):
        machine = run.world.machines[index]
        assert machine.core is not None
        assert len(machine.core.kad.table) >= 20
        assert machine.core.gossip.neighbourhood.members()
        assert any(machine in known(run, other) for other in run.world.machines)


def test_wire_and_crypto_work_as_ever(formed: Callable[..., Plan]) -> None:
    plan = formed(count=12, seconds=20.0, lookups=5, broadcasts=2)
    for options in (RunOptions(), RunOptions(wire=True, crypto=True)):
        metrics = behaves(plan, options)
        assert metrics["lookups"]["success"] == metrics["gossip"]["coverage"] == 1.0


@pytest.mark.parametrize("features", [("dht",), ("dht", "gossip")])
def test_concerns_may_be_left_out(formed: Callable[..., Plan], features: tuple[str, ...]) -> None:
    plan = replace(formed(count=30, nats=("open", "closed"), seconds=40.0, lookups=10), features=features)
    run = Run(plan, RunOptions())
    assert run.go().metrics["lookups"]["success"] == 1.0
    assert all(machine.links for machine in run.world.machines), "nobody is alone, behind a NAT either"


CHILD = """
    import sys
    from pathlib import Path
    from peernet_sim.model import RunOptions
    from peernet_sim.scale import run_scale
    from peernet_sim.scenario import compile_plan, load

    plan = compile_plan(load(Path(sys.argv[1])), seed=int(sys.argv[2]))
    print(run_scale(plan, RunOptions()).metrics["trace_digest"])
"""

SCENARIO = """
about = "stands, and some leave"
peers = 40
seconds = 25
formed = true
[access]
home = 1.0
[workload]
settle = 8
lookups = 5
broadcasts = 2
[[fault]]
kind = "churn"
percent_per_minute = 50
"""


def test_one_seed_gives_one_trace_whatever_pythons_hash_seed(tmp_path: Any) -> None:
    file = tmp_path / "formed.toml"
    file.write_text(SCENARIO)
    digests = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(CHILD), str(file), seed],
            env={**os.environ, "PYTHONHASHSEED": hashing},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hashing, seed in (("1", "5"), ("4242", "5"), ("1", "6"))
    ]
    assert digests[0] == digests[1] != digests[2]
    assert len(digests[0].strip()) == 64


def test_a_standing_network_asks_its_contacts_seldom(formed: Callable[..., Plan]) -> None:
    """Each contact is probed once in `stale_seconds`. Connections that are opened for it lead to no others;
    two or three of each peer are probed for those whom it dials and has no place for: tables are tiny here."""
    seconds = 100.0
    plan = replace(formed(seconds=seconds), features=("dht", "gossip", "adverts", "work"))
    run = Run(plan, RunOptions(), config=SMALL_TABLES)
    metrics = run.go().metrics
    contacts = sum(len(machine.core.kad.table) for machine in run.world.machines if machine.core is not None)
    due = contacts * seconds / SMALL_TABLES.kad.stale_seconds
    assert 0 < metrics["messages_by_kind"]["Probe"]["count"] <= due + 2.5 * len(run.world.machines)
