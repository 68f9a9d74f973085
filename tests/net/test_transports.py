"""One contract for every transport: TCP on loopback, and memory."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from peernet.errors import PortInUseError, UnreachableError, UsageError
from peernet.net import MemoryNetwork, MemoryTransport, TcpTransport, Transport
from peernet.net.memory import memory_pair

HOST = "127.0.0.1"


@pytest.fixture(params=["memory", pytest.param("tcp", marks=pytest.mark.real)])
def transport(request) -> Transport:
    return MemoryTransport(MemoryNetwork(), HOST) if request.param == "memory" else TcpTransport()


async def connected(transport: Transport):
    """Both ends of a connection, the dialling one first."""
    listener = await transport.listen(HOST, 0, 8)
    near, host = await transport.dial(HOST, listener.port)
    far, from_host = await listener.accept()
    assert host == from_host == HOST
    await listener.aclose()
    return near, far


async def test_bytes_go_both_ways_in_order(transport):
    near, far = await connected(transport)
    data = bytes(range(256)) * 4000

    async def pour(stream) -> None:
        for start in range(0, len(data), 7777):
            await stream.send_all(data[start : start + 7777])

    got = {near: bytearray(), far: bytearray()}

    async def drain(stream) -> None:
        while len(got[stream]) < len(data):
            got[stream] += await stream.receive_some(5000)

    async with trio.open_nursery() as nursery:
        for stream in (near, far):
            nursery.start_soon(pour, stream)
            nursery.start_soon(drain, stream)
    assert got[near] == got[far] == data
    await near.aclose()
    await far.aclose()


async def test_a_stream_behaves_as_streams_do(transport):
    async def make():
        return await connected(transport)

    await trio.testing.check_two_way_stream(make, None)


async def test_the_memory_stream_also_when_it_is_full():
    async def make():
        return memory_pair(100)

    async def make_clogged():
        near, far = memory_pair(100)
        with trio.move_on_after(0.01):
            await near.send_all(bytes(1000))
        with trio.move_on_after(0.01):
            await far.send_all(bytes(1000))
        return near, far

    await trio.testing.check_two_way_stream(make, make_clogged)


async def test_a_sender_waits_for_a_reader(transport):
    near, far = await connected(transport)
    with trio.move_on_after(0.2) as scope:
        await near.send_all(bytes(64 * 1024 * 1024))
    assert scope.cancelled_caught
    await near.aclose()
    await far.aclose()


async def test_the_end_of_one_side_is_seen_by_the_other(transport):
    near, far = await connected(transport)
    await near.send_all(b"last words")
    await near.aclose()
    got = b""
    while data := await far.receive_some():
        got += data
    assert got == b"last words"
    with pytest.raises(trio.BrokenResourceError):
        while True:
            await far.send_all(bytes(100_000))
    await far.aclose()


async def test_nobody_listens(transport):
    listener = await transport.listen(HOST, 0, 8)
    port = listener.port
    await listener.aclose()
    with pytest.raises(UnreachableError, match=f"{HOST} port {port}: Connection refused"):
        await transport.dial(HOST, port)


async def test_a_port_in_use_is_named(transport):
    listener = await transport.listen(HOST, 0, 8)
    with pytest.raises(PortInUseError, match=str(listener.port)):
        await transport.listen(HOST, listener.port, 8)
    await listener.aclose()
    again = await transport.listen(HOST, listener.port, 8)
    await again.aclose()


async def test_a_host_that_is_not_of_this_machine(transport):
    with pytest.raises(UsageError, match=r"192\.0\.2\.1"):
        await transport.listen("192.0.2.1", 0, 8)


async def test_a_wildcard_is_reached_at_the_hosts_it_names(transport):
    listener = await transport.listen("0.0.0.0", 0, 8)
    assert HOST in listener.hosts
    assert "0.0.0.0" not in listener.hosts
    near, _ = await transport.dial(HOST, listener.port)
    far, _ = await listener.accept()
    for closable in (near, far, listener):
        await closable.aclose()


async def test_closing_a_listener_wakes_who_accepts(transport):
    listener = await transport.listen(HOST, 0, 8)
    async with trio.open_nursery() as nursery:

        async def accept() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await listener.accept()

        nursery.start_soon(accept)
        await trio.testing.wait_all_tasks_blocked()
        await listener.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await listener.accept()


async def test_a_full_queue_of_a_memory_listener_refuses():
    transport = MemoryTransport(MemoryNetwork(), HOST)
    listener = await transport.listen(HOST, 0, 1)
    first, _ = await transport.dial(HOST, listener.port)
    with pytest.raises(UnreachableError, match="full"):
        await transport.dial(HOST, listener.port)
    await listener.aclose()
    assert await first.receive_some() == b""


async def test_a_name_that_is_none():
    with pytest.raises(UnreachableError):
        await TcpTransport().dial("not-a-host.invalid", 1)
