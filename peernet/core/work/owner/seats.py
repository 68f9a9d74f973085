"""The workers of one job: who has pulled, how much they want, and who could not take part and why."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from peernet.config import WorkConfig
from peernet.core.work.owner.leases import LeaseTable
from peernet.core.work.owner.pool import Pool
from peernet.types import Instance, PeerId


@dataclass(slots=True, eq=False)
class Seat:
    """One worker that has pulled.

    want: slices it still wants. prefix: of the address it was seen at. instance: of its run, as its connection
    says. heard: monotonic time of its last call. gone: not connected. recalling: asked to give slices back.
    """

    peer: PeerId
    prefix: bytes
    instance: Instance | None
    heard: float
    want: int = 0
    gone: bool = False
    recalling: bool = False


class SeatTable:
    """The seats of a job, and which of them may get a slice now.

    networks: the seated workers by the prefix of their address.
    """

    def __init__(self, config: WorkConfig, leases: LeaseTable) -> None:
        self._config = config
        self._leases = leases
        self.all: dict[PeerId, Seat] = {}
        self.networks: dict[bytes, dict[PeerId, None]] = {}
        self.ready: Pool[PeerId] = Pool()
        self.unfit: OrderedDict[PeerId, str] = OrderedDict()
        self.wanted = 0

    @property
    def full(self) -> bool:
        """No further worker can be seated."""
        return len(self.all) >= self._config.seats

    def sit(self, peer: PeerId, host: str, instance: Instance | None, now: float) -> Seat:
        """Return the seat of a worker that pulls, a new one if it has none."""
        self.unfit.pop(peer, None)
        seat = self.all.get(peer)
        if seat is None:
            seat = self.all[peer] = Seat(peer, address_prefix(host), instance, now)
        else:
            self._leave_network(seat)
        seat.prefix, seat.instance = address_prefix(host), instance
        self.networks.setdefault(seat.prefix, {})[peer] = None
        seat.heard, seat.gone = now, False
        return seat

    def refuse(self, peer: PeerId, why: str) -> None:
        """Remember why a worker can't take part. why: what it lacks, as in "lacks Python 3.11"."""
        self.unfit[peer] = why
        self.unfit.move_to_end(peer)
        if len(self.unfit) > self._config.unfit:
            self.unfit.popitem(last=False)

    def want(self, seat: Seat, want: int) -> None:
        """Set how many slices a worker still wants."""
        want = min(want, self._config.peer_leases)
        self.wanted += want - seat.want
        seat.want = want

    def refresh(self, seat: Seat, *, newcomer: bool) -> None:
        """Note whether a worker may get a slice, after what it wants or holds has changed.

        newcomer: nothing has come back from it yet, so it holds one slice at a time.
        """
        room = (1 if newcomer else self._config.peer_leases) - len(self._leases.of(seat.peer).out)
        if not seat.gone and seat.want > 0 and room > 0:
            self.ready.add(seat.peer)
        else:
            self.ready.discard(seat.peer)

    def away(self, seat: Seat) -> None:
        """A worker's connection ended: what it wanted is void."""
        self.want(seat, 0)
        seat.gone = True
        self.ready.discard(seat.peer)

    def leave(self, seat: Seat) -> None:
        """Give up a seat."""
        self.away(seat)
        if self.all.pop(seat.peer, None) is not None:
            self._leave_network(seat)

    def _leave_network(self, seat: Seat) -> None:
        members = self.networks[seat.prefix]
        members.pop(seat.peer, None)
        if not members:
            del self.networks[seat.prefix]

    def candidates(self, now: float) -> Iterator[Seat]:
        """Go through those who work, or may be expected to take work."""
        for seat in self.all.values():
            waiting = seat.want > 0 or now - seat.heard <= self._config.seat_seconds
            if not seat.gone and (waiting or self._leases.of(seat.peer).out):
                yield seat


def address_prefix(host: str) -> bytes:
    """Return what neighbours in one network share: the /24 of IPv4, the /64 of IPv6, else the text itself."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.encode("utf-8", "surrogatepass")
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return address.packed[:8] if mapped is None else mapped.packed[:3]
    return address.packed[:3]
