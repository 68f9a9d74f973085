"""A test double: a peer of its own key that sends adverts with a bad signature. `python forger.py ADDRESS COUNT`.

It prints a line when they are sent and stays until its standard input ends.
"""

from __future__ import annotations

import os
import random
import sys
import time

import trio

from peernet.config.net import NetConfig
from peernet.core.events import Event, Requested
from peernet.identity.envelope import seal
from peernet.identity.keys import KeyPair, verify
from peernet.identity.multiaddr import Multiaddr
from peernet.net import Pool, TcpTransport
from peernet.types import Digest, Instance
from peernet.wire.codec import encode_body
from peernet.wire.gossip import Befriend, Befriended, Rumour
from peernet.wire.signed import ADVERT, Advert


class NoBlobs:
    """It holds nothing."""

    def size(self, digest: Digest) -> int | None:
        return None

    def read(self, digest: Digest, offset: int, length: int) -> bytes:
        raise AssertionError("nothing is here to be read")


def forged(key: KeyPair, number: int) -> bytes:
    """An advert that was signed, and altered after it."""
    instance = Instance(os.urandom(16))
    advert = Advert(instance, 4096, 1 << 40, 4096, 4096, 0.0, 9.0, "3.11", "linux-x86_64", "A", "anyone", "")
    envelope = seal(
        key.sign,
        key.peer_id,
        ADVERT,
        encode_body(advert),
        sequence=number,
        issued=time.time(),
        lifetime=60.0,
    )
    return envelope[:-1] + bytes([envelope[-1] ^ 1])


async def run(address: str, count: int) -> None:
    key = KeyPair.from_seed(os.urandom(32))

    def told(event: Event) -> None:
        if isinstance(event, Requested):
            pool.reply(event.peer, event.call, "no")

    pool = Pool(
        key,
        Instance(os.urandom(16)),
        TcpTransport(),
        NetConfig(),
        NoBlobs(),
        told,
        random.Random(1),
        os.urandom,
        verify,
        time.time,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(pool.run, "127.0.0.1", 0)
        victim = await pool.dial(Multiaddr.parse(address))
        assert await pool.call(victim, (), Befriend(True), 5.0) == Befriended(True, ())
        for number in range(count):
            pool.send(victim, (), Rumour(forged(key, number), 0, 1))
        print("sent", flush=True)
        await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)
        await pool.aclose()
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(run, sys.argv[1], int(sys.argv[2]))
