"""Peers that are hostile in the DHT: eclipse attempts, withheld records, and replies as large as they may be."""

from __future__ import annotations

from typing import Any

from peernet.core import effects as fx
from peernet.core import events as ev
from peernet.identity.multiaddr import Multiaddr
from peernet.identity.peerid import dht_id
from peernet.types import DhtKey, PeerId
from peernet.wire.base import ENVELOPE_LIMIT
from peernet.wire.kad import (
    MAX_CONTACTS,
    MAX_RECORDS,
    FindNode,
    FindValue,
    Nodes,
    Probe,
    Store,
    Values,
    WireContact,
)
from peernet_sim.faults.hostile import Honest
from peernet_sim.model import World

ADDRESSES = 8
"""Addresses of a contact at most: the bound that decoding checks."""


class Eclipse(Honest):
    """Answers every question for peers with its accomplices only, the nearest to the target first, and has no
    records.

    Args:
        accomplices: the group's peers, by index.
    """

    name = "eclipse"

    def __init__(self, accomplices: tuple[int, ...]) -> None:
        self._accomplices = accomplices
        self._targets: dict[int, DhtKey] = {}

    def incoming(self, index: int, event: Any, world: World) -> list[Any]:
        """Remember what was asked for until the core has answered, which it does in the same handle."""
        if isinstance(event, ev.Requested):
            if isinstance(event.body, FindNode):
                self._targets[event.call] = event.body.target
            elif isinstance(event.body, FindValue):
                self._targets[event.call] = event.body.key
        return [event]

    def outgoing(self, index: int, effect: Any, world: World) -> list[Any]:
        """Change answers."""
        if not isinstance(effect, fx.Reply):
            return [effect]
        target = self._targets.pop(effect.call, None)
        if target is None or not isinstance(effect.body, Nodes | Values):
            return [effect]
        contacts = self._nearest(target, effect.peer, world)
        body = Nodes(contacts) if isinstance(effect.body, Nodes) else Values((), contacts)
        return [fx.Reply(effect.peer, effect.call, body)]

    def _nearest(self, target: DhtKey, asker: PeerId, world: World) -> tuple[WireContact, ...]:
        wanted = int.from_bytes(target, "big")
        found = []
        for index in self._accomplices:
            peer, addresses = world.peer_id(index), world.addresses(index)
            if peer != asker and addresses:
                found.append((int.from_bytes(dht_id(peer), "big") ^ wanted, WireContact(peer, addresses)))
        found.sort(key=lambda pair: pair[0])
        return tuple(contact for _, contact in found[:MAX_CONTACTS])


class Withhold(Honest):
    """Takes records, says that it holds them, and never gives one out nor publishes it again."""

    name = "withholding"

    def outgoing(self, index: int, effect: Any, world: World) -> list[Any]:
        """Take the records out of answers, and ask for a sign of life where others' records would be stored."""
        if isinstance(effect, fx.Reply) and isinstance(effect.body, Values) and effect.body.records:
            return [fx.Reply(effect.peer, effect.call, Values((), effect.body.contacts))]
        if not isinstance(effect, fx.Call) or not isinstance(effect.body, Store):
            return [effect]
        if effect.body.record.startswith(world.peer_id(index)):  # an envelope begins with its author
            return [effect]
        return [fx.Call(effect.id, effect.peer, effect.addresses, Probe(), effect.timeout)]


class HugeReplies(Honest):
    """Answers with as much as decoding lets through: twenty invented peers with eight addresses each, and rubbish
    for records."""

    name = "huge replies"

    def outgoing(self, index: int, effect: Any, world: World) -> list[Any]:
        """Change answers."""
        if not isinstance(effect, fx.Reply) or not isinstance(effect.body, Nodes | Values):
            return [effect]
        contacts = tuple(_invented(world) for _ in range(MAX_CONTACTS))
        if isinstance(effect.body, Nodes):
            return [fx.Reply(effect.peer, effect.call, Nodes(contacts))]
        rubbish = world.rng.randbytes(64) + bytes(ENVELOPE_LIMIT - 64)
        return [fx.Reply(effect.peer, effect.call, Values((rubbish,) * MAX_RECORDS, contacts))]


def _invented(world: World) -> WireContact:
    """Return a peer that nobody is, at addresses kept for documentation (RFC 5737)."""
    peer = PeerId(world.rng.randbytes(32))
    first = world.rng.randrange(1, 200)
    addresses = (str(Multiaddr(f"203.0.113.{first}", 4000 + place, peer)) for place in range(ADDRESSES))
    return WireContact(peer, tuple(addresses))
