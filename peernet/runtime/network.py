"""Carries out the core's effects on the network: calls, notices, dials, blobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from peernet.core.effects import Call, Dial, Disconnect, Fetch, Hold, Knock, Reply, Send
from peernet.core.events import Done, Event, Failed
from peernet.errors import PeernetError
from peernet.identity.multiaddr import Multiaddr
from peernet.net import Pool
from peernet.runtime.failures import to_failure
from peernet.storage.blobs import BlobStore
from peernet.wire.link import Body

NetEffect = Send | Call | Reply | Dial | Disconnect | Hold | Knock | Fetch


class Network:
    """The network of one peer, over its connection pool.

    Args:
        pool: the connections. blobs: where pulled blobs go. post: takes outcomes. nursery: where calls run.
        fetches: blobs pulled at once; further ones wait. Fewer than the blob store takes writers, or own blobs
            would be refused.
    """

    def __init__(
        self, pool: Pool, blobs: BlobStore, post: Callable[[Event], None], nursery: trio.Nursery, fetches: int
    ) -> None:
        self._pool = pool
        self._blobs = blobs
        self._post = post
        self._nursery = nursery
        self._fetches = trio.CapacityLimiter(fetches)

    def carry(self, effect: NetEffect) -> None:
        """Carry out one effect; its outcome, if it has one, is posted later."""
        match effect:
            case Send():
                self._pool.send(effect.peer, effect.addresses, effect.body)
            case Reply():
                self._pool.reply(effect.peer, effect.call, effect.body)
            case Call():
                self._call(effect)
            case Dial():
                self._start(effect.id, lambda: self._pool.dial(Multiaddr.parse(effect.address)))
            case Knock():
                self._start(effect.id, lambda: self._pool.knock(Multiaddr.parse(effect.address)))
            case Fetch():
                self._start(effect.id, lambda: self._fetch(effect))
            case Disconnect():
                self._pool.disconnect(effect.peer, effect.reason)
            case Hold():
                self._pool.hold(effect.peer, effect.why, effect.on)

    def _start(self, number: int, work: Callable[[], Awaitable[object]]) -> None:
        self._nursery.start_soon(self._settle, number, work)

    async def _settle(self, number: int, work: Callable[[], Awaitable[object]]) -> None:
        try:
            outcome: Done | Failed = Done(number, await work())
        except PeernetError as error:
            outcome = Failed(number, to_failure(error))
        self._post(outcome)

    def _call(self, effect: Call) -> None:
        def answered(answer: Body | PeernetError) -> None:
            if isinstance(answer, PeernetError):
                self._post(Failed(effect.id, to_failure(answer)))
            else:
                self._post(Done(effect.id, answer))

        self._pool.call_soon(effect.peer, effect.addresses, effect.body, effect.timeout, answered)

    async def _fetch(self, effect: Fetch) -> None:
        if self._blobs.has(effect.digest):
            return
        async with self._fetches:
            with self._blobs.writer(effect.digest, effect.size) as writer:
                await self._pool.fetch(effect.peer, effect.addresses, effect.digest, effect.size, writer.write)
                writer.finish()
