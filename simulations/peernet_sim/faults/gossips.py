"""Peers that are hostile in gossip: spam, forged adverts, and those that pass nothing on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peernet.core import effects as fx
from peernet.core import events as ev
from peernet.identity.envelope import seal
from peernet.types import Instance, PeerId
from peernet.wire.codec import encode_body
from peernet.wire.gossip import MAX_DEPTH, Graft, IHave, Rumour, Shuffle, Shuffled
from peernet.wire.signed import ADVERT, Advert
from peernet_sim.faults.hostile import Honest
from peernet_sim.model import World

LIFETIME = 120.0
"""Seconds that the adverts of a spammer hold: what the product's own hold."""

MOST_AT_ONCE = 50
"""Messages that a spammer adds to one effect of its core, however long that was quiet."""


class Spam(Honest):
    """Sends rumours for everybody to all it is connected to, `rate` a second, whenever its core acts.

    Its adverts are new and signed with its own key, so nothing is wrong with any one of them.
    """

    name = "spam"

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._peers: dict[PeerId, None] = {}
        self._since: float | None = None
        self._sent = 0

    def incoming(self, index: int, event: Any, world: World) -> list[Any]:
        """Remember who is connected."""
        if isinstance(event, ev.PeerConnected):
            self._peers[event.peer] = None
        elif isinstance(event, ev.PeerLost):
            self._peers.pop(event.peer, None)
        return [event]

    def outgoing(self, index: int, effect: Any, world: World) -> list[Any]:
        """Add what is due."""
        since = world.now if self._since is None else self._since
        due = min(MOST_AT_ONCE, int((world.now - since) * self._rate))
        if due == 0 or not self._peers:
            self._since = since
            return [effect]
        self._since = world.now
        extra: list[Any] = []
        for _ in range(due):
            rumour = Rumour(self._envelope(index, world), 0, MAX_DEPTH)
            extra += [fx.Send(peer, (), rumour) for peer in self._peers]
        return [effect, *extra]

    def _envelope(self, index: int, world: World) -> bytes:
        self._sent += 1
        return advert(world, index, world.peer_id(index), self._sent, lambda data: world.sign(index, data))


class ForgedAdverts(Spam):
    """Spreads adverts in other peers' names, with signatures that do not hold."""

    name = "forged adverts"

    def __init__(self, rate: float, victims: tuple[int, ...]) -> None:
        super().__init__(rate)
        self._victims = victims

    def _envelope(self, index: int, world: World) -> bytes:
        self._sent += 1
        victim = self._victims[world.rng.randrange(len(self._victims))]
        return advert(world, index, world.peer_id(victim), self._sent, lambda data: world.rng.randbytes(64))


class Mute(Honest):
    """Takes part in gossip and passes nothing on."""

    name = "mute"

    def outgoing(self, index: int, effect: Any, world: World) -> list[Any]:
        """Keep rumours, and what is known of rumours, to itself."""
        if isinstance(effect, fx.Send) and isinstance(effect.body, Rumour | IHave | Graft | Shuffle | Shuffled):
            return []
        return [effect]


def advert(world: World, index: int, author: PeerId, number: int, sign: Callable[[bytes], bytes]) -> bytes:
    """Return an advert that promises a lot. number: of this advert, so that no two are alike."""
    body = Advert(
        instance=Instance(world.rng.randbytes(16)),
        cores=64,
        memory=2**36,
        slots=64,
        free=64,
        load=0.0,
        speed=10.0,
        python="3.11",
        platform="linux-x86_64",
        tier="A",
        serves="anyone",
        paused="",
    )
    now = world.wall(index)
    return seal(
        sign, author, ADVERT, encode_body(body), sequence=int(now * 1000) + number, issued=now, lifetime=LIFETIME
    )
