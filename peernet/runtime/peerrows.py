"""This peer and those that it knows, for people."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from peernet import __version__
from peernet.core.advertcache import AdvertView
from peernet.identity.multiaddr import Multiaddr
from peernet.identity.peerid import format_peer_id
from peernet.types import PeerId
from peernet.wire.control import Health, PeerRow, StatusReply, WorkerState

if TYPE_CHECKING:
    from peernet.runtime.node import Node

_ADVERTISED = (
    *("cores", "memory", "slots", "free", "load", "speed"),
    *("python", "platform", "tier", "serves", "numeric"),
)
"""What an advert says of its peer and a row repeats."""


def status(node: Node) -> StatusReply:
    """Return how this peer is."""
    worker = node.core.worker.view()
    return StatusReply(
        peer=node.text_id,
        addresses=node.addresses,
        version=__version__,
        pid=os.getpid(),
        connected=len(node.core.context.links),
        contacts=len(node.core.kad.view()),
        tier=node.findings.tier or "",
        worker=WorkerState(worker.slots, worker.running, worker.queued, worker.done, worker.paused),
        refused=dict(node.core.context.counters),
        warnings=tuple(node.warnings),
        sent=node.pool.sent,
        health=_health(node),
    )


def _health(node: Node) -> Health:
    return Health(
        uptime=node.surroundings.clock().mono - node.started,
        behind=node.vitals.behind,
        compared=node.vitals.compared,
        reached=node.vitals.reached,
        afar=node.vitals.afar,
        blob_bytes=node.blobs.used,
        blob_quota=node.options.config.storage.blob_quota,
    )


def peer_rows(node: Node) -> list[PeerRow]:
    """Return this peer first, then those connected, then those known by advert or contact."""
    core = node.core
    adverts = {view.peer: view for view in core.adverts.known()}
    contacts = {contact.peer: contact.addresses for contact in core.kad.view()}
    others = dict.fromkeys([*core.context.links, *adverts, *contacts])
    others.pop(core.context.me, None)
    rows = [_peer_row(node, core.context.me, adverts, node.addresses)]
    for peer in others:
        link = core.context.links.get(peer)
        addresses = link.addresses if link is not None and link.addresses else contacts.get(peer, ())
        rows.append(_peer_row(node, peer, adverts, addresses))
    return rows


def _peer_row(node: Node, peer: PeerId, adverts: dict[PeerId, AdvertView], addresses: tuple[str, ...]) -> PeerRow:
    context = node.core.context
    link = context.links.get(peer)
    advert = adverts[peer].advert if peer in adverts else None
    if peer == context.me:
        advert = node.core.adverts.current()
    told = {} if advert is None else {name: getattr(advert, name) for name in _ADVERTISED}
    return PeerRow(
        peer=format_peer_id(peer),
        me=peer == context.me,
        mine=peer == context.me or peer in context.mine,
        connected=peer == context.me or link is not None,
        addresses=tuple(str(Multiaddr.parse(address).with_peer(peer)) for address in addresses),
        rtt=link.rtt if link is not None else None,
        paused=advert.paused if advert is not None else None,
        **told,
    )
