"""The simulated network of fidelity mode: hosts, access links, NAT, and TCP as the rules of a plan leave it.

What a rule does to a parcel here, where bytes travel in order over TCP:

| the rule | what the connection sees |
|---|---|
| drops it | a stall: it is sent again after 0.2 s and a round trip, then after twice that, and so on; after
  `STALL_SECONDS` without success both ends are reset |
| delays it | it arrives later, and what follows waits behind it |
| duplicates it | nothing: TCP discards copies |
| reorders it | as a delay |

A partition is a run of drops, so a connection outlives one that heals soon; the keep-alive of the product decides
before TCP does. Acknowledgements are not simulated: a one-way partition stalls one direction only.
"""

from __future__ import annotations

import random
from collections import deque

import trio

from peernet.errors import PortInUseError, UnreachableError, UsageError
from peernet.net.sleeper import Sleeper
from peernet_sim.faults.rules import judge_all
from peernet_sim.fidelity.clock import VirtualClock
from peernet_sim.fidelity.stream import SimStream, pair
from peernet_sim.model import Faults, Parcel, PeerSpec, Topology, Verdict

SYN_RETRIES = (1.0, 2.0, 4.0)
"""Seconds between the attempts to open a connection (RFC 6298, section 2)."""

SYN_BYTES = 60


class Site:
    """Where a peer is: its host, its access link, and what runs there now.

    up_free, down_free: when each direction of the access link is free. bytes: sent. frozen: it neither sends nor
    reads. streams: its ends of connections.
    """

    def __init__(self, spec: PeerSpec, host: str, port: int) -> None:
        self.spec = spec
        self.index = spec.index
        self.host = host
        self.port = port
        self.up_free = self.down_free = 0.0
        self.bytes = 0
        self.frozen = False
        self.listener: SimListener | None = None
        self.streams: dict[SimStream, None] = {}
        self.dialled: dict[int, None] = {}


class SimNetwork:
    """All sites, and how parcels pass between them."""

    def __init__(
        self,
        clock: VirtualClock,
        topology: Topology,
        faults: Faults,
        rng: random.Random,
        hosts: dict[int, str],
    ) -> None:
        """hosts: of those peers that share a host with others; the others have one each."""
        self.clock = clock
        self.pump = clock.pump
        self.parcels = 0
        self._delay = topology.delay
        self._rules = tuple(faults.rules)
        self._jitter = faults.jitter
        self._rng = rng
        self.sites = [
            Site(spec, hosts.get(spec.index) or _host(spec.index), _port(spec.index)) for spec in topology.peers
        ]
        self._places = {(site.host, site.port): site for site in self.sites}

    def at(self, host: str, port: int) -> Site | None:
        """Whose place this is, or None."""
        return self._places.get((host, port))

    def delay(self, one: Site, other: Site) -> float:
        """One-way seconds."""
        return self._delay(one.index, other.index)

    def judge(self, source: Site, target: Site, kind: str, size: int, when: float) -> Verdict:
        """What the rules do to a parcel that leaves at `when` (of the clock)."""
        self.parcels += 1
        late = 0.0 if self._jitter is None else self._jitter.seconds(source.index, target.index, self._rng)
        if not self._rules:
            return Verdict(1, late)
        parcel = Parcel(source.index, target.index, kind, size, when)
        copies, delay = judge_all(self._rules, parcel, self._rng)
        return Verdict(copies, delay + late)

    def freeze(self, site: Site) -> None:
        """Stop a peer's process: what arrives waits in its buffers, and it sends nothing."""
        site.frozen = True

    def thaw(self, site: Site) -> None:
        """Let it go on."""
        site.frozen = False
        if site.listener is not None:
            site.listener.wake()
        for stream in list(site.streams):
            stream.thaw()

    def sever(self, site: Site) -> None:
        """End a peer's process: the system closes its sockets, without a word of the peer itself."""
        site.frozen = False
        if site.listener is not None:
            site.listener.close()
        for stream in list(site.streams):
            stream.thaw()
            stream.close()


class SimTransport:
    """The network as one peer sees it: a `peernet.net.Transport`."""

    def __init__(self, network: SimNetwork, site: Site) -> None:
        self._network = network
        self._site = site

    async def listen(self, host: str, port: int, backlog: int) -> SimListener:
        """See `Transport.listen`. Only the site's own host and port will do."""
        await trio.lowlevel.checkpoint()
        site = self._site
        if host != site.host or port not in (0, site.port):
            raise UsageError(f"can't listen at {host} port {port}: this place is {site.host} port {site.port}")
        if site.listener is not None:
            raise PortInUseError(f"port {port} is in use by another program")
        site.listener = SimListener(site, backlog)
        return site.listener

    async def dial(self, host: str, port: int) -> tuple[SimStream, str]:
        """See `Transport.dial`. Behind a NAT that lets nobody in a call is not refused: nothing answers."""
        network, site = self._network, self._site
        target = network.at(host, port)
        if target is None:
            await trio.sleep_forever()
        assert target is not None
        site.dialled[target.index] = None
        for retry in (*SYN_RETRIES, None):
            verdict = network.judge(site, target, "connect", SYN_BYTES, network.clock.time)
            if verdict.copies and _lets_in(target, site):
                break
            if retry is None:
                await trio.sleep_forever()
            await trio.sleep(retry)
        await trio.sleep(network.delay(site, target) + verdict.delay)
        near = None if target.listener is None else target.listener.offer(network, site)
        await trio.sleep(network.delay(target, site))
        if near is None:
            raise UnreachableError(f"nobody answers at {host} port {port}: Connection refused")
        return near, host


class SimListener:
    """See `peernet.net.transport.Listener`."""

    def __init__(self, site: Site, backlog: int) -> None:
        self._site = site
        self._backlog = backlog
        self._waiting: deque[tuple[SimStream, str]] = deque()
        self._sleeper = Sleeper()
        self._closed = False

    @property
    def port(self) -> int:
        """The port in use."""
        return self._site.port

    @property
    def hosts(self) -> tuple[str, ...]:
        """See `Listener.hosts`."""
        return (self._site.host,)

    def offer(self, network: SimNetwork, dialler: Site) -> SimStream | None:
        """Make a connection of a dialler, whose end is returned, and queue the other one; None if there is no
        room."""
        if len(self._waiting) >= self._backlog:
            return None
        near, far = pair(network, dialler, self._site)
        self._waiting.append((far, dialler.host))
        self.wake()
        return near

    def wake(self) -> None:
        """Let the peer accept what waits, unless it is frozen."""
        if not self._site.frozen:
            self._sleeper.wake()

    async def accept(self) -> tuple[SimStream, str]:
        """See `Listener.accept`."""
        await trio.lowlevel.checkpoint()
        while not self._closed:
            if self._waiting and not self._site.frozen:
                return self._waiting.popleft()
            await self._sleeper.sleep()
        raise trio.ClosedResourceError("this listener was closed")

    async def aclose(self) -> None:
        """See `Listener.aclose`."""
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """What `aclose` does, at once."""
        if not self._closed:
            self._closed = True
            self._site.listener = None
            for stream, _ in self._waiting:
                stream.close()
            self._waiting.clear()
            self._sleeper.wake()


def _lets_in(target: Site, dialler: Site) -> bool:
    nat = target.spec.nat
    return nat == "open" or (nat == "restricted" and dialler.index in target.dialled)


def _host(index: int) -> str:
    """An address of 10.0.0.0/8 for each peer, in a /16 of its own as far as there are any: peernet takes near
    addresses for one owner's."""
    return f"10.{index % 256}.{index // 256 % 256}.{index // 65536 + 1}"


def _port(index: int) -> int:
    return 20_000 + index % 40_000
