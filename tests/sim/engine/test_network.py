from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from peernet.config import Config, GossipConfig, NetConfig
from peernet.core.kad.contact import number, place
from peernet_sim.model import PASS, Faults, Happening, Parcel, Plan, RunOptions, Verdict
from peernet_sim.scale import Run


def run(plan: Plan, **options: Any) -> Run:
    made = Run(plan, RunOptions(**options))
    made.report = made.go()  # type: ignore[attr-defined]
    assert made.violations == []
    return made


def linked(made: Run, index: int) -> set[int]:
    world = made.world
    return {link.other(world.machines[index]).index for link in world.machines[index].links.values()}


def at(when: float, act: Callable[[Any], None]) -> Faults:
    return Faults(happenings=[Happening(when, "test", act)])


class Cut:
    """Nothing passes to or from a peer from a time on."""

    name = "partition"

    def __init__(self, peer: int, begin: float, end: float = 1e9) -> None:
        self.peer, self.window = peer, (begin, end)

    def judge(self, parcel: Parcel, rng: random.Random) -> Verdict:
        hit = self.peer in (parcel.source, parcel.target) and self.window[0] <= parcel.now < self.window[1]
        return Verdict(copies=0) if hit else PASS


class Twice:
    name = "duplicate"
    window = (0.0, float("inf"))

    def judge(self, parcel: Parcel, rng: random.Random) -> Verdict:
        return Verdict(copies=2)


class Shuffle:
    """Delays some; as jitter it must keep the order on a connection, as reordering it must not."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.window = (0.0, float("inf"))

    def judge(self, parcel: Parcel, rng: random.Random) -> Verdict:
        return Verdict(delay=rng.choice((0.0, 0.08)))


def test_all_find_each_other_and_work(make_plan: Callable[..., Plan]) -> None:
    made = run(make_plan(seconds=90.0))
    metrics = made.report.metrics  # type: ignore[attr-defined]
    assert metrics["lookups"]["success"] == 1.0
    assert metrics["gossip"]["coverage"] == 1.0
    assert metrics["jobs"][0]["accepted"] == 12
    assert linked(made, 3) == {0, 1, 2, 4, 5, 6, 7}


def test_a_plan_may_leave_concerns_out(make_plan: Callable[..., Plan]) -> None:
    plan = replace(make_plan(jobs=(), broadcasts=0, puts=3), features=("dht",))
    metrics = run(plan).report.metrics  # type: ignore[attr-defined]
    assert metrics["lookups"]["success"] == metrics["values"]["success"] == 1.0
    assert set(metrics["messages_by_kind"]) <= {"FindNode", "FindValue", "Nodes", "Values", "Store", "Stored"}


def test_a_newcomer_soon_holds_the_values_that_it_is_nearest_to(make_plan: Callable[..., Plan]) -> None:
    def replaced(world: Any) -> None:
        world.crash(3)
        world.restart(3, with_state=False)

    plan = make_plan(30, seconds=60.0, faults=at(45.0, replaced), jobs=(), broadcasts=0, lookups=0, puts=12)
    machines = run(replace(plan, features=("dht",))).world.machines
    keys = {key for machine in machines for key in machine.core.kad.store.lasting}
    places = {machine.index: place(machine.id)[1] for machine in machines}
    near = [key for key in keys if 3 in sorted(places, key=lambda one: places[one] ^ number(key))[:20]]
    assert len(near) > 3
    assert set(near) <= set(machines[3].core.kad.store.lasting)


def test_connections_that_nobody_needs_are_closed(make_plan: Callable[..., Plan]) -> None:
    bounds = replace(NetConfig(), spare_connections=2, spare_seconds=20.0)
    gossip = replace(GossipConfig(), near=1, random=1, limit=3)
    plan = make_plan(count=12, seconds=120.0, jobs=(), lookups=0, broadcasts=0)
    made = Run(plan, RunOptions(), config=replace(Config(), net=bounds, gossip=gossip))
    assert made.go().violations == []
    world = made.world
    assert world.network.links.closed > 12
    for machine in world.machines:
        unneeded = [
            link
            for link in machine.links.values()
            if not (link.b.id in link.a.holds or link.a.id in link.b.holds) and link.used < world.now - 26.0
        ]
        assert len(unneeded) <= 2
        assert machine.core is not None
        assert len(list(machine.core.kad.table.contacts())) == 11, "they are known all the same"


def test_nobody_dials_into_a_closed_nat(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan()
    for index in (3, 5):
        plan.topology.change(index, nat="closed")  # type: ignore[attr-defined]
    made = run(plan)
    assert 5 not in linked(made, 3), "neither of the two can be dialled"
    assert 0 in linked(made, 3) and 0 in linked(made, 5)
    for link in made.world.machines[3].links.values():
        assert link.a.index == 3, "it dialled itself"


def test_a_restricted_nat_lets_in_whom_it_has_dialled(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan()
    plan.topology.change(3, nat="restricted")  # type: ignore[attr-defined]
    made = run(plan)
    machine = made.world.machines[3]
    for link in machine.links.values():
        assert link.a is machine or link.a.id in (machine.dialled or {})


def test_a_crash_is_noticed_at_once_and_a_silent_one_after_the_keep_alive(make_plan: Callable[..., Plan]) -> None:
    for silent, still_there in ((False, False), (True, True)):
        plan = make_plan(faults=at(14.0, lambda world, silent=silent: world.crash(4, silent=silent)), jobs=())
        early = run(replace(plan, seconds=16.0))
        assert (4 in linked(early, 2)) is still_there
        late = run(replace(plan, seconds=24.0))
        assert 4 not in linked(late, 2)


def test_a_short_freeze_loses_nothing_and_a_long_one_the_connections(make_plan: Callable[..., Plan]) -> None:
    short = run(make_plan(faults=at(10.0, lambda world: world.freeze(4, 5.0)), jobs=(), seconds=20.0))
    assert 4 in linked(short, 2)
    assert short.world.machines[4].backlog is None
    long = run(make_plan(faults=at(10.0, lambda world: world.freeze(4, 30.0)), jobs=(), seconds=20.0))
    assert linked(long, 4) == set()
    assert 4 not in linked(long, 2)
    back = run(make_plan(faults=at(10.0, lambda world: world.freeze(4, 15.0)), jobs=(), seconds=45.0))
    assert linked(back, 4)


def test_a_peer_that_is_cut_off_is_given_up_by_the_keep_alive_and_comes_back(
    make_plan: Callable[..., Plan],
) -> None:
    cut = make_plan(faults=Faults(rules=[Cut(4, 10.0)]), jobs=(), seconds=40.0)
    assert linked(run(cut), 4) == set()
    healed = make_plan(faults=Faults(rules=[Cut(4, 10.0, 30.0)]), jobs=(), seconds=90.0)
    assert linked(run(healed), 4)


def test_duplicates_and_reordering_harm_nobody(make_plan: Callable[..., Plan]) -> None:
    for rule in (Twice(), Shuffle("reorder"), Shuffle("jitter")):
        made = run(make_plan(faults=Faults(rules=[rule])))
        job = made.report.metrics["jobs"][0]  # type: ignore[attr-defined]
        assert job["state"] == "done" and job["wrong"] == 0


def keeps_order(made: Run) -> bool:
    """Whether messages arrived on each connection in the order in which they were sent."""
    network = made.world.network
    carry, arrive = network._carry, network._arrive
    sent: dict[tuple[int, int], list[object]] = {}
    came: dict[tuple[int, int], list[object]] = {}

    def note_sent(link: Any, source: Any, target: Any, *rest: Any) -> None:
        sent.setdefault((id(link), target.index), []).append(rest[-1])
        carry(link, source, target, *rest)

    def note_came(link: Any, source: Any, target: Any, *rest: Any) -> None:
        came.setdefault((id(link), target.index), []).append(rest[-1])
        arrive(link, source, target, *rest)

    network._carry = note_sent  # type: ignore[method-assign]
    network._arrive = note_came  # type: ignore[method-assign]
    assert made.go().violations == []
    assert sum(map(len, came.values())) > 200
    return all(
        len(found) <= len(sent[key]) and all(one is other for one, other in zip(sent[key], found, strict=False))
        for key, found in came.items()
    )


def test_order_is_kept_on_a_connection_unless_a_rule_reorders(make_plan: Callable[..., Plan]) -> None:
    for name, kept in (("jitter", True), ("reorder", False)):
        plan = make_plan(faults=Faults(rules=[Shuffle(name)]), seconds=12.0, jobs=())
        assert keeps_order(Run(plan, RunOptions())) is kept


def test_estimated_sizes_are_near_the_encoded_ones(make_plan: Callable[..., Plan]) -> None:
    by_kind = [
        run(make_plan(), wire=wire).report.metrics["messages_by_kind"]  # type: ignore[attr-defined]
        for wire in (False, True)
    ]
    for kind, counted in by_kind[1].items():
        guess = by_kind[0][kind]
        assert guess["bytes"] / guess["count"] == pytest.approx(counted["bytes"] / counted["count"], rel=0.2), kind


def test_a_slow_line_takes_its_time(make_plan: Callable[..., Plan]) -> None:
    times = []
    for rate in (12.5e6, 20e3):
        plan = make_plan(jobs=())
        for index in range(8):
            plan.topology.change(index, up=rate, down=rate)  # type: ignore[attr-defined]
        times.append(run(plan).report.metrics["lookups"]["latency_p50"])  # type: ignore[attr-defined]
    assert times[1] > times[0]


def test_connections_are_bounded_and_the_least_used_makes_room(make_plan: Callable[..., Plan]) -> None:
    config = replace(Config(), net=replace(NetConfig(), connections=6))
    made = Run(make_plan(count=14, jobs=()), RunOptions(), config=config)
    report = made.go()
    assert report.violations == []
    assert max(len(machine.links) for machine in made.world.machines) <= 6
    assert report.metrics["lookups"]["success"] == 1.0
