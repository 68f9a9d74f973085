"""Scenario files: what a user wants to see, read from TOML and compiled into a plan for some peers and a seed.

name, about, peers, seconds, seed, features, check_every
join_seconds or formed   over which time the peers join, or that they have stood for long (forming)
[topology]   kind and what that kind takes (topology.kinds); [access] and [machines] (access, topology.network)
[workload]   settle, lookups, puts, put_seconds, broadcasts; [[job]] at, follows, submitter, calls, slice_size, ...
[sets]       names for sets of peers (faults.selection); [[fault]] kind and what it takes (faults.catalogue)
[expect]     what must hold of the metrics (expectations)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from peernet.core.work.policies import Quorum, read_policy
from peernet.errors import UsageError
from peernet_sim.access import Access, read_access
from peernet_sim.expectations import Expectation, failed_expectations, read_expectations
from peernet_sim.faults.catalogue import read_fault
from peernet_sim.faults.compiling import Apply, compile_faults
from peernet_sim.faults.selection import Sets, read_sets
from peernet_sim.model import JobPlan, Plan, Workload
from peernet_sim.project_plan import job_plan
from peernet_sim.schema import Table, read_toml
from peernet_sim.topology.geometry import GeometrySpec
from peernet_sim.topology.kinds import read_topology
from peernet_sim.topology.network import Joining, Machines, build_network, read_machines

__all__ = ["Scenario", "compile_plan", "failed_expectations", "job_plan", "load"]

JOIN_SECONDS = 10.0
"""Time over which the peers join unless a scenario says otherwise; or half of the run, where that is less."""

FEATURES = ("dht", "gossip", "adverts", "work")
MOST_PEERS = 1_000_000
"""Peers of a plan at most; each costs a few hundred bytes before it runs."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario as its file describes it, checked as far as that goes without peers."""

    source: Table
    name: str
    about: str
    peers: int
    seconds: float
    seed: int
    join_seconds: float
    formed: bool
    features: tuple[str, ...]
    check_every: float
    topology: GeometrySpec
    joining: Joining
    access: Access
    machines: Machines
    workload: Workload
    faults: tuple[Apply, ...]
    expectations: tuple[Expectation, ...]


def load(path: Path) -> Scenario:
    """Read a scenario file.

    Raises:
        UsageError: it can't be read, or something in it is wrong: names file, line, key and remedy.
    """
    table = read_toml(Path(path))
    seconds = table.above("seconds")
    topology, joining = read_topology(table.table("topology"))
    sets = read_sets(table.table("sets"))
    scenario = Scenario(
        source=table,
        name=table.text("name", Path(path).stem),
        about=table.text("about").strip(),
        peers=table.whole("peers", least=2, most=MOST_PEERS),
        seconds=seconds,
        seed=table.whole("seed", 1, most=2**63 - 1),
        join_seconds=table.number("join_seconds", min(JOIN_SECONDS, seconds / 2), most=seconds),
        formed=_read_formed(table),
        features=_read_features(table),
        check_every=table.above("check_every", 5.0),
        topology=topology,
        joining=joining,
        access=read_access(table.table("access")),
        machines=read_machines(table.table("machines")),
        workload=_read_workload(table, seconds),
        faults=tuple(_read_fault(fault, sets, seconds) for fault in table.tables("fault")),
        expectations=read_expectations(table.table("expect")),
    )
    table.done()
    return scenario


def compile_plan(
    scenario: Scenario,
    peers: int | None = None,
    seed: int | None = None,
    *,
    more: tuple[Apply, ...] = (),
    policy: str = "",
) -> Plan:
    """Turn a scenario into a plan: draw the peers and their places, and choose whom the faults befall.

    Args:
        peers: how many, instead of the scenario's own number.
        seed: instead of the scenario's own.
        more: faults besides the scenario's own.
        policy: how all jobs are verified, instead of the scenario's own; empty leaves them.

    Raises:
        UsageError: the scenario names peers that there are not, or a number is out of range.
    """
    count = scenario.peers if peers is None else peers
    if not 2 <= count <= MOST_PEERS:
        raise UsageError(f"a scenario runs with 2 to {MOST_PEERS} peers, not {count}")
    chosen_seed = scenario.seed if seed is None else seed
    if chosen_seed < 0:
        raise UsageError(f"a seed is a whole number of at least 0, not {chosen_seed}")
    submitters = frozenset(job.submitter for job in scenario.workload.jobs)
    for place, job in enumerate(scenario.workload.jobs):
        if job.submitter >= count:
            at = scenario.source.tables("job")[place]
            at.wrong("submitter", f"is {job.submitter}, but with {count} peers the last one is {count - 1}")
    network = build_network(
        count, scenario.topology, scenario.access, scenario.machines, scenario.joining, chosen_seed
    )
    return Plan(
        name=scenario.name,
        about=scenario.about,
        seed=chosen_seed,
        seconds=scenario.seconds,
        topology=network,
        faults=compile_faults(
            (*scenario.faults, *more), scenario.access, network, submitters, scenario.seconds, chosen_seed
        ),
        workload=_verified(scenario.workload, policy),
        join_seconds=scenario.join_seconds,
        formed=scenario.formed,
        features=scenario.features,
        check_every=scenario.check_every,
        expectations=scenario.expectations,
    )


def _verified(workload: Workload, policy: str) -> Workload:
    """The workload with another policy for its jobs."""
    if not policy:
        return workload
    return replace(workload, jobs=tuple(replace(job, policy=policy) for job in workload.jobs))


def _read_fault(table: Table, sets: Sets, seconds: float) -> Apply:
    """Read a fault; one that begins when the run is over would go unnoticed."""
    fault = read_fault(table, sets)
    for key in ("at", "from"):
        if table.has(key) and table.number(key) >= seconds:
            table.wrong(key, f"is {table.number(key):g}, but the run ends at {seconds:g} s: begin it earlier")
    return fault


def _read_formed(table: Table) -> bool:
    formed = table.flag("formed", False)
    if formed and table.has("join_seconds"):
        table.wrong(
            "join_seconds", "has no meaning where formed = true, as nobody joins: leave out one of the two"
        )
    return formed


def _read_features(table: Table) -> tuple[str, ...]:
    features = table.texts("features", FEATURES)
    for feature in features:
        if feature not in FEATURES:
            table.wrong("features", f'names "{feature}"; known are {", ".join(FEATURES)}')
    return tuple(feature for feature in FEATURES if feature in features)


def _read_workload(table: Table, seconds: float) -> Workload:
    inner = table.table("workload")
    usual = Workload()
    workload = Workload(
        settle=inner.number("settle", min(usual.settle, seconds / 2), most=seconds),
        lookups=inner.whole("lookups", 0),
        puts=inner.whole("puts", 0),
        put_seconds=inner.number("put_seconds", most=seconds) if inner.has("put_seconds") else None,
        broadcasts=inner.whole("broadcasts", 0),
        jobs=tuple(_read_job(job, seconds, number) for number, job in enumerate(table.tables("job"))),
    )
    inner.done()
    return workload


def _read_job(table: Table, seconds: float, number: int) -> JobPlan:
    replicas = table.whole("replicas", least=1, most=64) if table.has("replicas") else None
    quorum = table.whole("quorum", least=1, most=64) if table.has("quorum") else None
    try:
        Quorum.of(replicas, quorum)
    except ValueError as error:
        table.wrong("quorum" if quorum is not None else "replicas", f"does not fit: {error}")
    policy = table.text("policy", "")
    if policy:
        try:
            read_policy(policy)
        except ValueError as error:
            table.wrong("policy", f"does not fit: {error}")
    follows = table.flag("follows", False)
    if follows and not number:
        table.wrong("follows", "is set, and there is no job before the first one")
    calls = table.whole("calls", least=1)
    job = JobPlan(
        at=table.number("at", most=seconds),
        submitter=table.whole("submitter", 0),
        calls=calls,
        slice_size=table.whole("slice_size", min(10, calls), least=1),
        seconds=table.above("seconds", 1.0),
        replicas=replicas,
        quorum=quorum,
        patience=table.number("patience", 10.0),
        policy=policy,
        follows=follows,
    )
    table.done()
    return job
