"""The plan of `peernet sim job`: one job, whose project the user brings, in a network such as may be expected.

The network: peers in the cities of the published matrix; a third in offices, the rest at home, so about four in
ten of those can be dialled (access.py); machines as in topology/network.py. Peer 0 submits once everybody has
come.
"""

from __future__ import annotations

from peernet.errors import UsageError
from peernet_sim.access import CLASSES, Access
from peernet_sim.faults import lifecycle
from peernet_sim.faults.catalogue import NOT_SUBMITTER
from peernet_sim.faults.compiling import Apply, Compilation, compile_faults
from peernet_sim.faults.selection import ordered
from peernet_sim.lying import LiarKind, checked, lying
from peernet_sim.model import JobPlan, Plan, Workload
from peernet_sim.topology.network import Joining, Machines, build_network
from peernet_sim.topology.regions import RegionSpec, published

PEERS = 100
SEED = 1
SETTLE = 20.0
"""Virtual seconds before the job is submitted: ten to join, ten to get acquainted."""

MEAN_AWAY = 30.0
"""Seconds that a peer which has left stays away, on average."""

_MEMBERS = {"office": 1 / 3, "home": 2 / 3}


def job_plan(
    bundle: bytes,
    *,
    peers: int | None = None,
    liars: float = 0.0,
    liar_kind: LiarKind = "independent",
    churn: float = 0.0,
    seed: int | None = None,
    slice_seconds: float = 0.5,
    seconds: float = 1800.0,
    policy: str = "",
    formed: bool = False,
) -> Plan:
    """Return the plan of one job.

    Args:
        bundle: the project, as it would travel to workers.
        peers: how many, the submitter included; 100 if None.
        liars: share of the others that report wrong results.
        liar_kind: "independent" liars each tell lies of their own, "colluding" ones the same, and a "sleeper" is a
            colluding one that is honest for its first slices; "rejoining" ones come back under fresh keys when
            they are banned.
        churn: per cent of the others that leave each minute without a word, to come back half a minute later.
        seed: of everything that is drawn; 1 if None.
        slice_seconds: how long a slice takes on the reference core, in virtual seconds.
        seconds: virtual seconds after which the run ends if the job has not.
        policy: how results are verified, by its name; as the project says if empty.
        formed: the network has stood for long when the run begins; else all peers join first.

    Raises:
        UsageError: a number is out of range.
    """
    count = PEERS if peers is None else peers
    chosen_seed = SEED if seed is None else seed
    if count < 2:
        raise UsageError(f"a job needs at least 2 peers, not {count}")
    if not 0.0 <= churn <= 6000.0:
        raise UsageError(f"churn is in per cent of the peers a minute, between 0 and 6000, not {churn:g}")
    if chosen_seed < 0:
        raise UsageError(f"a seed is a whole number of at least 0, not {chosen_seed}")
    access = Access(tuple((kind, _MEMBERS[kind.name]) for kind in CLASSES if kind.name in _MEMBERS))
    cities = RegionSpec((1.0,) * len(published().regions), 0.003)
    network = build_network(count, cities, access, Machines(), Joining(), chosen_seed)
    job = JobPlan(
        at=SETTLE,
        submitter=0,
        calls=0,
        slice_size=0,
        seconds=slice_seconds,
        project=bundle,
        policy=checked(policy),
    )
    wanted = (*lying(liars, liar_kind), *_churning(churn))
    return Plan(
        name="job",
        about=f"One job among {count} peers in ten cities: {liars:.0%} lie, {churn:g} % leave each minute.",
        seed=chosen_seed,
        seconds=seconds,
        topology=network,
        faults=compile_faults(wanted, access, network, frozenset({0}), seconds, chosen_seed),
        workload=Workload(settle=SETTLE, jobs=(job,)),
        formed=formed,
        stop_with_jobs=True,
    )


def _churning(percent: float) -> tuple[Apply, ...]:
    if not percent:
        return ()
    sessions = lifecycle.Exponential(lifecycle.mean_session(percent))

    def apply(to: Compilation) -> None:
        members, rng = tuple(ordered(to.members(NOT_SUBMITTER))), to.rng("churn")
        away = lifecycle.Exponential(MEAN_AWAY)
        churn = lifecycle.Churn(members, SETTLE / 2, to.seconds, sessions, away, True, rng)
        to.faults.happenings.append(churn.happening())

    return (apply,)
