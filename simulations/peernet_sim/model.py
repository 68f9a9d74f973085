"""The words of the simulator that its parts share: peers, topology, parcels, rules, behaviours, reports.

`scenario` reads what a user wants; `topology` and `faults` turn it into the objects below; `engine` (scale mode)
and `fidelity` run them; `metrics`, `trace` and `invariants` watch. Everything random comes from one seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from peernet.types import PeerId
from peernet_sim.jitter import LinkJitter

Nat = Literal["open", "restricted", "closed"]
"""open: anybody can dial it. restricted: only those it has dialled before. closed: nobody can dial it."""


@dataclass(frozen=True, slots=True)
class PeerSpec:
    """A peer of the topology. up, down: bytes a second of its access link; cores: slices at once; speed:
    relative to a reference core; region: a name of the latency matrix, or empty."""

    index: int
    region: str = ""
    access: str = "office"
    nat: Nat = "open"
    up: float = 12.5e6
    down: float = 12.5e6
    cores: int = 2
    speed: float = 1.0


class Topology(Protocol):
    """Who there is and how far apart."""

    @property
    def peers(self) -> tuple[PeerSpec, ...]:
        """All peers; a peer's index is its place here."""
        ...

    def delay(self, one: int, other: int) -> float:
        """One-way delay in seconds between two peers, without jitter; the same both ways."""
        ...

    def introducers(self, index: int) -> tuple[int, ...]:
        """Whom a peer knows when it first joins; none for the first peer of a network."""
        ...


class Parcel(NamedTuple):
    """A message on its way. kind: name of its type; size: bytes on the wire, estimated without `--wire`."""

    source: int
    target: int
    kind: str
    size: int
    now: float


class Verdict(NamedTuple):
    """What a rule does to a parcel. copies: 0 drops it, 2 duplicates it; delay: seconds on top."""

    copies: int = 1
    delay: float = 0.0


PASS = Verdict()


class Rule(Protocol):
    """A fault of the network, composable: verdicts of all rules are added up (copies multiply, delays add)."""

    @property
    def name(self) -> str:
        """What kind of fault it is, for people."""
        ...

    @property
    def window(self) -> tuple[float, float]:
        """From when until when it holds, in virtual seconds, the end not included. Outside of it nobody asks."""
        ...

    def judge(self, parcel: Parcel, rng: random.Random) -> Verdict:
        """Say what happens to a parcel. Outside of its window or peers a rule returns PASS."""
        ...


class World(Protocol):
    """What scheduled happenings and hostile behaviours may do to the simulation."""

    @property
    def now(self) -> float:
        """Virtual seconds since the start."""
        ...

    @property
    def rng(self) -> random.Random:
        """The run's stream of randomness for faults."""
        ...

    def crash(self, index: int) -> None:
        """End a peer at once, connections and all; its journal stays."""
        ...

    def restart(self, index: int, *, with_state: bool = True) -> None:
        """Start a crashed peer again, from its journal or as new (with a fresh key)."""
        ...

    def freeze(self, index: int, seconds: float) -> None:
        """Stop a peer as SIGSTOP does: its connections stay, it answers later."""
        ...

    def slow(self, index: int, factor: float) -> None:
        """Make a peer's slices take `factor` times as long from now on."""
        ...

    def skew(self, index: int, seconds: float) -> None:
        """Set a peer's wall clock off by so much."""
        ...

    def fill_disk(self, index: int, full: bool) -> None:
        """Make a peer's journal and blobs refuse writes, or accept them again."""
        ...

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Schedule something of the scenario's own."""
        ...

    def peer_id(self, index: int) -> PeerId:
        """The key under which a peer runs now (or ran last): what anybody who met it knows."""
        ...

    def addresses(self, index: int) -> tuple[str, ...]:
        """The full multiaddrs at which a peer says it can be dialled; none behind a closed NAT."""
        ...

    def sign(self, index: int, data: bytes) -> bytes:
        """Sign with a peer's own key. A behaviour asks only for the peer that it is the behaviour of."""
        ...

    def wall(self, index: int) -> float:
        """A peer's own wall clock, in seconds since 1970, with its skew."""
        ...


@dataclass(frozen=True, slots=True)
class Happening:
    """Something scheduled. at: virtual seconds."""

    at: float
    name: str
    act: Callable[[World], None]


class Behaviour(Protocol):
    """A hostile (or lazy) peer: its core is the product's own; this changes what goes in and out of it."""

    @property
    def name(self) -> str:
        """What kind of hostility it is, for people."""
        ...

    def outgoing(self, index: int, effect: Any, world: World) -> list[Any]:
        """Return the effects that are carried out in place of one that the core wants."""
        ...

    def incoming(self, index: int, event: Any, world: World) -> list[Any]:
        """Return the events that the core is told in place of one that happened."""
        ...

    def compute(self, index: int, values: list[Any], world: World) -> list[Any] | None:
        """Return the results of a slice as this peer reports them; None to report nothing, ever."""
        ...


@dataclass(frozen=True, slots=True)
class Minted:
    """How a Sybil made its key. victim: the peer near whose place in the DHT, which is that of its advert too, it
    wants to be; bits: leading bits that it shares with that place, found by trying 2**bits keys
    (`faults.minting`); host: the IPv4 address of the operator whose machines all look alike from outside, or empty
    for one of its own."""

    victim: int
    bits: int = 0
    host: str = ""


@dataclass(slots=True)
class Faults:
    """All that goes wrong in a scenario, compiled for a topology. jitter: of access links, None for none. minted:
    peers with keys made on purpose."""

    rules: list[Rule] = field(default_factory=list)
    jitter: LinkJitter | None = None
    happenings: list[Happening] = field(default_factory=list)
    behaviours: dict[int, Behaviour] = field(default_factory=dict)
    minted: dict[int, Minted] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobPlan:
    """A job of the scenario. at: virtual seconds; follows: counted from the end of the job before it in the plan;
    submitter: a peer's index; seconds: of one slice on the
    reference core; project: a bundle to run for real instead of the model (a sum over a range); calls and
    slice_size are 0 then, and the project decides. policy: how results are verified, by its name, in place of what
    the project and the numbers say."""

    at: float
    submitter: int
    calls: int
    slice_size: int
    seconds: float
    replicas: int | None = None
    quorum: int | None = None
    project: bytes | None = None
    patience: float = 10.0
    policy: str = ""
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Workload:
    """What happens on purpose. lookups, puts: how many in all, spread over the time after `settle`; broadcasts:
    gossip messages of full reach, for coverage. put_seconds: the values are put within so many seconds, or within
    the first half of the time that is left."""

    settle: float = 30.0
    lookups: int = 0
    puts: int = 0
    put_seconds: float | None = None
    broadcasts: int = 0
    jobs: tuple[JobPlan, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario compiled for a number of peers and a seed: all that a mode needs to run it.

    join_seconds: time over which the peers join. formed: they need not, as they have stood for long when the run
    begins (`forming`). features: which concerns run ("dht", "gossip", "adverts",
    "work"); a plan of 100,000 peers leaves some out. check_every: virtual seconds between looks at invariants.
    stop_with_jobs: end the run soon after the last job has ended, `seconds` being the longest that it may take.
    """

    name: str
    about: str
    seed: int
    seconds: float
    topology: Topology
    faults: Faults
    workload: Workload
    join_seconds: float = 10.0
    formed: bool = False
    features: tuple[str, ...] = ("dht", "gossip", "adverts", "work")
    check_every: float = 5.0
    expectations: tuple[tuple[str, str, float], ...] = ()
    stop_with_jobs: bool = False


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run a plan. wire: encode and decode every message; crypto: real signatures; trace_sample: the
    share of events that the trace file keeps (the digest is over all of them); progress: told virtual seconds
    now and then; trace: told the JSON of each event that is kept, without a newline; None keeps none."""

    mode: Literal["scale", "fidelity"] = "scale"
    wire: bool = False
    crypto: bool = False
    trace_sample: float = 1.0
    progress: Callable[[float], None] | None = None
    trace: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken invariant: its name, when (virtual seconds), the peers concerned, their last events, and a replay
    command for people."""

    name: str
    at: float
    text: str
    peers: tuple[int, ...]
    story: tuple[str, ...]


@dataclass(slots=True)
class Report:
    """What a run found: `metrics` is what `metrics.json` holds (see the command's documentation), `series` what
    the pictures are drawn from: name -> list of (virtual seconds, value) or of values. Names of series:

    hops, latency: a value a lookup (latency in seconds). gossip_coverage: (seconds since it was sent, share of
    the peers that have it), over all broadcasts. job_progress/N: (virtual seconds, share of the slices accepted)
    of the N-th job. detected_liars: (virtual seconds, liars struck or banned so far). work_per_peer,
    messages_per_peer, bytes_per_peer: a value a peer, in the order of the topology (slices executed; sent).
    """

    metrics: dict[str, Any]
    series: dict[str, list[Any]]
    violations: list[Violation]
    failed_expectations: list[str]
