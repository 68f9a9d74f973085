"""Strangers at the door: silent ones, garbage, and a system without descriptors."""

from __future__ import annotations

import errno
from collections import Counter

import pytest
import trio

from peernet.config.net import NetConfig
from peernet.errors import HandshakeError, UnreachableError
from peernet.identity.multiaddr import Multiaddr
from peernet.net import MemoryTransport, TcpTransport
from peernet.net.door import Door
from peernet.wire.kad import Alive


async def test_silent_strangers_do_not_keep_a_peer_out(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    crowd = MemoryTransport(world.network, "10.6.6.6")
    silent = [await crowd.dial(alice.host, alice.port) for _ in range(300)]
    start = trio.current_time()
    assert await bob.probe(alice) == Alive()
    assert trio.current_time() - start < 0.1
    assert alice.pool._door.strangers <= 64
    assert alice.pool.counters["strangers evicted"] >= 300 - 64
    for stream, _ in silent:
        await stream.aclose()


@pytest.mark.real
async def test_silent_strangers_on_real_sockets(world):
    alice = await world.node(transport=TcpTransport(), host="127.0.0.1")
    bob = await world.node(transport=TcpTransport(), host="127.0.0.1")
    silent = [await trio.open_tcp_stream("127.0.0.1", alice.port) for _ in range(300)]
    with trio.fail_after(2):
        assert await bob.probe(alice) == Alive()
    for stream in silent:
        await stream.aclose()


async def test_a_silent_stranger_is_sent_away_after_four_seconds(world, autojump_clock):
    alice = await world.node()
    stream, _ = await MemoryTransport(world.network, "10.6.6.6").dial(alice.host, alice.port)
    start = trio.current_time()
    assert await stream.receive_some() == b""
    assert trio.current_time() - start == pytest.approx(4.0)
    await trio.sleep(1)
    assert alice.pool.counters["handshakes failed"] == 1
    assert alice.pool._door.strangers == 0


async def test_a_slow_stranger_has_no_more_time_than_a_silent_one(world, autojump_clock):
    alice = await world.node()
    stream, _ = await MemoryTransport(world.network, "10.6.6.6").dial(alice.host, alice.port)
    start = trio.current_time()
    with pytest.raises(trio.BrokenResourceError):
        while True:
            await stream.send_all(b"x")
            await trio.sleep(0.5)
    assert trio.current_time() - start <= 5.0


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n" * 10, bytes(32), b"\x16\x03\x01" + bytes(500)])
async def test_garbage_is_counted_and_the_peer_goes_on(world, autojump_clock, garbage):
    alice, bob = await world.node(), await world.node()
    stream, _ = await MemoryTransport(world.network, "10.6.6.6").dial(alice.host, alice.port)
    await stream.send_all(garbage)
    while await stream.receive_some():
        pass
    await trio.sleep(1)
    assert alice.pool.counters["handshakes failed"] == 1
    assert await bob.probe(alice) == Alive()


async def test_who_answers_garbage_is_no_peer(world, autojump_clock):
    alice = await world.node()
    listener = await MemoryTransport(world.network, "10.6.6.6").listen("10.6.6.6", 80, 1)
    async with trio.open_nursery() as nursery:

        async def answer() -> None:
            stream, _ = await listener.accept()
            await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)

        nursery.start_soon(answer)
        with pytest.raises(UnreachableError, match="no peer"):
            await alice.pool.dial(Multiaddr("10.6.6.6", 80))
    await listener.aclose()


class FailingListener:
    """Raises what it was given, one by one, then closes."""

    port = 1
    hosts = ()

    def __init__(self, *errors: OSError) -> None:
        self.errors = list(errors)

    async def accept(self):
        await trio.lowlevel.checkpoint()
        if self.errors:
            raise self.errors.pop(0)
        raise trio.ClosedResourceError

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_accepting_survives_a_lack_of_descriptors(autojump_clock):
    counters: Counter[str] = Counter()

    async def welcome(stream, host):
        raise HandshakeError("nobody")

    door = Door(NetConfig(), welcome, counters)
    start = trio.current_time()
    await door.run(
        FailingListener(OSError(errno.EMFILE, "full"), OSError(errno.ENFILE, "full"), OSError(errno.EPROTO, ""))
    )
    assert counters["accept errors"] == 3
    assert trio.current_time() - start == pytest.approx(0.2)
