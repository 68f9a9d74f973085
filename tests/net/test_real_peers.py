"""Two pools over TCP, and one in another process that is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
import trio
import trio.testing

from peernet.core.events import PeerLost
from peernet.errors import PortInUseError
from peernet.identity.multiaddr import Multiaddr
from peernet.net import TcpTransport
from peernet.wire.kad import Alive

pytestmark = pytest.mark.real

PEER = """
import os, random, time, trio
from peernet.config.net import NetConfig
from peernet.core.events import Requested
from peernet.identity.keys import KeyPair, verify
from peernet.net import Pool, TcpTransport
from peernet.wire.kad import Alive

def told(event):
    if isinstance(event, Requested):
        pool.reply(event.peer, event.call, Alive())

pool = Pool(KeyPair.from_seed(os.urandom(32)), os.urandom(16), TcpTransport(), NetConfig(), None, told,
            random.Random(), os.urandom, verify, time.time)

async def main():
    async with trio.open_nursery() as nursery:
        print(await nursery.start(pool.run, "127.0.0.1", 0), flush=True)

trio.run(main)
"""


async def test_peers_call_and_fetch_over_tcp(world):
    alice = await world.node(transport=TcpTransport(), host="127.0.0.1")
    bob = await world.node(transport=TcpTransport(), host="127.0.0.1")
    data = os.urandom(3_000_000)
    bob.blobs.held[bytes(32)] = data
    got = bytearray()
    assert await alice.probe(bob) == Alive()
    await alice.pool.fetch(bob.peer, (), bytes(32), len(data), got.extend)
    assert got == data
    await alice.pool.aclose()
    with trio.fail_after(5):
        while not bob.told(PeerLost):
            await trio.testing.wait_all_tasks_blocked(0.01)
    assert bob.told(PeerLost)[0].clean


async def test_a_port_in_use(world):
    alice = await world.node(transport=TcpTransport(), host="127.0.0.1")
    with pytest.raises(PortInUseError):
        await world.node(transport=TcpTransport(), host="127.0.0.1", port=alice.port)


async def test_a_stopped_process_is_noticed(world):
    # The bounds by which it is noticed are a tenth of the default, whose figures are tested on a virtual clock.
    alice = await world.node(transport=TcpTransport(), host="127.0.0.1", ping_seconds=0.2, dead_seconds=0.8)
    process = await trio.lowlevel.open_process([sys.executable, "-c", PEER], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        port = int(await process.stdout.receive_some())
        peer = await alice.pool.dial(Multiaddr("127.0.0.1", port))
        alice.pool.hold(peer, "worker", True)
        process.send_signal(signal.SIGSTOP)
        start = trio.current_time()
        with trio.fail_after(5):
            while not alice.told(PeerLost):
                await trio.testing.wait_all_tasks_blocked(0.01)
        assert trio.current_time() - start < 1.5
        assert not alice.told(PeerLost)[0].clean
    finally:
        process.kill()
        await process.wait()
        await process.stdout.aclose()
