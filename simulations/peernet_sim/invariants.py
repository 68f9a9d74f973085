"""What must hold at every moment of every run. A broken one stops the run with its name and the story.

Each is a class with a name, in the table `INVARIANTS`. Some look at peers now and then (`look`), some at each
record that an owner commits (`saved`). They read what the cores hold and never change it.
"""

from __future__ import annotations

from itertools import islice
from typing import ClassVar

import msgspec

from peernet.core.node import NodeCore
from peernet.core.records import JobRecord, LeaseRecord, OutcomeRecord, Record
from peernet.core.work.owner.leases import OUT
from peernet.core.work.policies import Quorum, Scores, choose
from peernet.core.work.trust import function_named
from peernet.types import JobId, PeerId
from peernet_sim.bounds import BOUNDS, running_jobs
from peernet_sim.looking import LiveWorld, Player
from peernet_sim.violations import Broken

LOOKS = 250
"""Peers looked at in one round at most; the next round goes on behind them. To look at 10,000 takes seconds."""

AROUND = 8
"""Rounds in which everybody is looked at once, in a run that is small enough."""


class Invariant:
    """One thing that must hold. `world` is the run."""

    name: ClassVar[str] = ""

    def __init__(self, world: LiveWorld) -> None:
        self.world = world

    def look(self, machine: Player, core: NodeCore) -> None:
        """Look at a live peer. Raises Broken."""

    def saved(self, machine: Player, record: Record) -> None:
        """Look at a record of a job that was just committed. Raises Broken."""

    def round(self) -> None:
        """Look at the run as a whole. Raises Broken."""

    def broken(self, text: str, *peers: int) -> Broken:
        """Return what is to be raised."""
        return Broken(self.name, text, peers)


class RoutingTable(Invariant):
    """Routing tables are sound: buckets partition the ids, contacts are in their places, nobody waits in vain."""

    name = "routing table sound"

    def look(self, machine: Player, core: NodeCore) -> None:
        try:
            core.kad.table.check()
        except AssertionError as error:
            raise self.broken(f"the routing table of peer {machine.index}: {error}", machine.index) from error


class Bounds(Invariant):
    """Every table with a bound in the config is within it."""

    name = "bounds kept"

    def look(self, machine: Player, core: NodeCore) -> None:
        for what, size, bound in BOUNDS:
            count, limit = size(machine, core), bound(core)
            if count > limit:
                raise self.broken(f"peer {machine.index} has {count} {what}, at most {limit}", machine.index)


class NoSliceLost(Invariant):
    """Every slice that was cut for a live job is open, leased, disputed or accepted, and can go on from there."""

    name = "no slice lost"

    def look(self, machine: Player, core: NodeCore) -> None:
        for job in running_jobs(core):
            accounted = job.slices.accepted + len(job.slices.undecided)
            if accounted != job.slices.cut:
                text = f"{job.slices.cut} slices were cut, {accounted} are accounted for"
                raise self.broken(f"peer {machine.index}, job {job.id.hex()[:8]}: {text}", machine.index)
            try:
                job.slices.validate()
                job.leases.validate()
            except AssertionError as error:
                text = f"peer {machine.index}, job {job.id.hex()[:8]}: its tables do not agree: {error}"
                raise self.broken(text, machine.index) from error
            for entry in job.slices.undecided.values():
                out = any(lease.state in OUT or lease.claim is not None for lease in entry.leases.values())
                slices = job.slices
                waits = any(entry.index in pool for pool in (slices.fresh, slices.partial, slices.held))
                if not (out or waits or entry.asking or entry.state == "failed"):
                    text = f"slice {entry.index} is {entry.state}, and nobody has it or will get it"
                    raise self.broken(f"peer {machine.index}: {text}", machine.index)


class OneReplicaAPeer(Invariant):
    """No peer holds two replicas of a slice, at once or one after its vote, nor a part of it and the whole. All
    parts of a slice are of the same calls: votes on them could not be counted together else."""

    name = "no peer holds two replicas of a slice"

    def look(self, machine: Player, core: NodeCore) -> None:
        for job in running_jobs(core):
            for entry in job.slices.undecided.values():
                holders = list(entry.peers())
                twice = next((peer for place, peer in enumerate(holders) if peer in holders[:place]), None)
                if twice is not None:
                    text = f"slice {entry.index} of job {job.id.hex()[:8]} is twice at one peer"
                    raise self.broken(text, machine.index, *indexes(self.world, (twice,)))
                lent = {lease.calls for lease in entry.leases.values() if lease.part is not None}
                if len(lent) > 1:
                    text = f"of slice {entry.index} of job {job.id.hex()[:8]} different calls were lent"
                    raise self.broken(text, machine.index)


class Evidence(Invariant):
    """A result is accepted only with evidence on record: enough distinct peers returned it, or a trusted one, and
    one of them the whole of it; of those who returned a part, what they signed."""

    name = "no accepted result without its evidence"

    def __init__(self, world: LiveWorld) -> None:
        super().__init__(world)
        # What was returned, by job, slice and peer: to search the journal for each slice takes O(slices**2).
        self._returned: dict[JobId, dict[int, dict[PeerId, LeaseRecord]]] = {}

    def saved(self, machine: Player, record: Record) -> None:
        match record:
            case LeaseRecord() if record.state == "returned":
                slices = self._returned.setdefault(record.job, {})
                slices.setdefault(record.index, {})[record.peer] = record
            case OutcomeRecord():
                self._accepted(machine, record)
            case JobRecord() if record.state != "running":
                self._returned.pop(record.job, None)

    def _accepted(self, machine: Player, record: OutcomeRecord) -> None:
        job = machine.journal.get(JobRecord, record.job)
        if job is None:
            raise self.broken(f"peer {machine.index} accepted a slice of a job it does not know", machine.index)
        if job.state != "running":
            return  # which breaks another rule: `EndsOnce`
        policy = (
            choose(job.policy, machine.core.owner.trust, Scores(0), function_named(job.name))
            if machine.core is not None
            else None
        )
        peers = dict.fromkeys(record.agreeing)
        if len(peers) != len(record.agreeing):
            raise self._without(machine, record, "one peer counts twice")
        mine = machine.core.context.mine if machine.core is not None else {}
        trusted = [peer for peer in peers if peer == machine.id or peer in job.trusted or peer in mine]
        needed = policy.quorum if isinstance(policy, Quorum) else 1
        if len(peers) < needed and not (policy is not None and policy.believes and trusted):
            raise self._without(machine, record, f"{len(peers)} of {needed} peers agreed")
        returned = self._returned.get(record.job, {}).get(record.index, {})
        for peer in peers:
            lease = returned.get(peer)
            if lease is None:
                raise self._without(machine, record, "a peer that agreed has returned nothing", peer)
            if lease.value is not None and lease.value.digest != record.value.digest:
                raise self._without(machine, record, "a peer that agreed has returned something else", peer)
            if lease.calls and lease.said is None:
                raise self._without(machine, record, "what a peer signed of some calls is not on record", peer)
        if all(returned[peer].calls for peer in peers):
            raise self._without(machine, record, "nobody has returned it as a whole")

    def _without(self, machine: Player, record: OutcomeRecord, text: str, *peers: PeerId) -> Broken:
        return self.broken(
            f"peer {machine.index} accepted slice {record.index} of job {record.job.hex()[:8]}: {text}",
            machine.index,
            *indexes(self.world, peers or record.agreeing),
        )


class EndsOnce(Invariant):
    """A job ends exactly once, and nothing of it is accepted or lent afterwards. That results of it are retracted
    is all that may become of it."""

    name = "a job ends exactly once"

    def __init__(self, world: LiveWorld) -> None:
        super().__init__(world)
        self._ended: dict[JobId, JobRecord] = {}

    def saved(self, machine: Player, record: Record) -> None:
        job = getattr(record, "job", None)
        before = self._ended.get(job) if job is not None else None
        goes_on = isinstance(record, OutcomeRecord)
        if before is not None and isinstance(record, JobRecord):
            goes_on = msgspec.structs.replace(record, retracted=before.retracted) != before
        if before is not None and goes_on:
            text = f"job {before.job.hex()[:8]} of peer {machine.index} is {before.state} already"
            raise self.broken(f"{text}, and goes on", machine.index)
        if isinstance(record, JobRecord) and record.state != "running":
            self._ended[record.job] = record


class VirtualTime(Invariant):
    """Virtual time only goes forward, and never waits: the engine has no clock but its own."""

    name = "virtual time"

    def __init__(self, world: LiveWorld) -> None:
        super().__init__(world)
        self._last = 0.0

    def round(self) -> None:
        now = self.world.engine.now
        if now < self._last:
            raise self.broken(f"it is {now} s, and was {self._last} s before")
        self._last = now

    def look(self, machine: Player, core: NodeCore) -> None:
        seen = core.context.now.mono
        if seen > self.world.engine.now:
            raise self.broken(
                f"peer {machine.index} has seen {seen} s, and it is {self.world.engine.now} s", machine.index
            )


INVARIANTS: tuple[type[Invariant], ...] = (
    RoutingTable,
    Bounds,
    NoSliceLost,
    OneReplicaAPeer,
    Evidence,
    EndsOnce,
    VirtualTime,
)
"""All that are checked."""


def indexes(world: LiveWorld, peers: tuple[PeerId, ...]) -> tuple[int, ...]:
    """Return the places of peers in the topology, as far as known."""
    return tuple(machine.index for peer in peers if (machine := world.find(peer)) is not None)


class Inspector:
    """Holds a run against all invariants. A `looking.Watcher`. checked: looks made so far."""

    def __init__(self, world: LiveWorld, kinds: tuple[type[Invariant], ...] = INVARIANTS) -> None:
        self._world = world
        self._invariants = [kind(world) for kind in kinds]
        self._saved = [one for one in self._invariants if type(one).saved is not Invariant.saved]
        self._next = 0
        self.checked = 0

    @property
    def names(self) -> list[str]:
        """The names of all that are checked."""
        return [one.name for one in self._invariants]

    def saved(self, machine: Player, record: Record) -> None:
        """A record of a job was committed."""
        self.checked += 1
        for one in self._saved:
            one.saved(machine, record)

    def answered(self, machine: Player, number: int, value: object) -> None:
        """Answers break nothing."""

    def look(self, everybody: bool = False) -> None:
        """Look at the run, at the owners of jobs, and at the next peers in turn (or all)."""
        machines = self._world.machines
        for one in self._invariants:
            one.round()
        owners = dict.fromkeys(plan.submitter for plan in self._world.plan.workload.jobs)
        turn = len(machines) if everybody else min(LOOKS, -(-len(machines) // AROUND))
        order = islice((*range(self._next, len(machines)), *range(self._next)), turn)
        for index in dict.fromkeys((*owners, *order)):
            self._look_at(machines[index])
        self._next = (self._next + turn) % max(1, len(machines))

    def _look_at(self, machine: Player) -> None:
        core = machine.core
        if core is None or not machine.honest:
            return
        self.checked += 1
        for one in self._invariants:
            one.look(machine, core)
