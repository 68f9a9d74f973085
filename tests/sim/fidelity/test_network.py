"""TCP as fidelity mode has it: the contract of streams, and what rules do to it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from peernet.errors import PortInUseError, UnreachableError, UsageError
from peernet_sim.faults.rules import Duplicate, Loss, Partition, Reorder, Scope
from peernet_sim.fidelity.clock import VirtualClock
from peernet_sim.fidelity.determinism import run_seeded
from peernet_sim.fidelity.network import SimNetwork, SimTransport
from peernet_sim.fidelity.stream import STALL_SECONDS, WINDOW
from peernet_sim.model import Faults, PeerSpec, Rule


class PatientClock(VirtualClock):
    """Lets `trio.testing.wait_all_tasks_blocked` work, which the suite of streams uses: trio does not look whether
    all tasks are blocked when it is told not to sleep at all."""

    def deadline_to_sleep_time(self, deadline: float) -> float:
        runner: Any = trio._core._run.GLOBAL_RUN_CONTEXT.runner
        if runner.waiting_for_idle:
            return 1.0
        return super().deadline_to_sleep_time(deadline)


class Net:
    """Two or more sites, and the means to connect them. The one-way delay between any two is 5 to 15 ms."""

    def __init__(self, topology: Any, rules: list[Rule]) -> None:
        self.clock = PatientClock()
        self.network = SimNetwork(self.clock, topology, Faults(rules=rules), random.Random(1), {})
        self.sites = self.network.sites
        self.transports = [SimTransport(self.network, site) for site in self.sites]

    async def listen(self, index: int = 0) -> Any:
        site = self.sites[index]
        return await self.transports[index].listen(site.host, site.port, 8)

    async def dial(self, source: int = 1, target: int = 0) -> Any:
        site = self.sites[target]
        stream, host = await self.transports[source].dial(site.host, site.port)
        assert host == site.host
        return stream

    async def connected(self) -> tuple[Any, Any]:
        listener = await self.listen()
        near = await self.dial()
        far, host = await listener.accept()
        assert host == self.sites[1].host
        await listener.aclose()
        return near, far


@pytest.fixture
def make_net(small_world: Any) -> Callable[..., Net]:
    def make(*rules: Rule, nat: Any = "open", up: float = 12.5e6, peers: int = 2) -> Net:
        specs = (PeerSpec(0, nat=nat), *(PeerSpec(index, up=up) for index in range(1, peers)))
        return Net(small_world(specs), list(rules))

    return make


def play(net: Net, main: Callable[[], Awaitable[Any]]) -> Any:
    return run_seeded(1, main, net.clock)


async def read_all(stream: Any) -> bytes:
    got = b""
    while data := await stream.receive_some():
        got += data
    return got


def test_a_stream_behaves_as_streams_do(make_net: Callable[..., Net]) -> None:
    net = make_net()

    async def make_clogged() -> tuple[Any, Any]:
        near, far = await net.connected()
        for stream in (near, far):
            with trio.move_on_after(1.0):
                await stream.send_all(bytes(2 * WINDOW))
        return near, far

    async def main() -> None:
        await trio.testing.check_two_way_stream(net.connected, make_clogged)

    play(net, main)


def test_a_message_takes_the_delay_and_the_bandwidth(make_net: Callable[..., Net]) -> None:
    net = make_net(up=100_000.0)

    async def main() -> tuple[float, float]:
        near, far = await net.connected()
        began = net.clock.time
        await near.send_all(b"x")
        await far.receive_some()
        small = net.clock.time - began
        await near.send_all(bytes(50_000))
        await near.aclose()
        await read_all(far)
        return small, net.clock.time - began - small

    small, large = play(net, main)
    assert small == pytest.approx(0.01, abs=0.001)
    assert large == pytest.approx(0.51, abs=0.01)


def test_the_access_link_is_shared_by_all_connections(make_net: Callable[..., Net]) -> None:
    net = make_net(up=100_000.0)

    async def main() -> float:
        ends = [await net.connected() for _ in range(2)]
        began = net.clock.time
        for near, _ in ends:
            await near.send_all(bytes(50_000))
            await near.aclose()
        for _, far in ends:
            assert len(await read_all(far)) == 50_000
        return net.clock.time - began

    assert play(net, main) == pytest.approx(1.01, abs=0.02)


@pytest.mark.parametrize(
    "rule",
    [Loss(Scope(), 0.3), Duplicate(Scope(), 0.5), Reorder(Scope(), 0.5, 2.0)],
    ids=["loss", "duplicate", "reorder"],
)
def test_bytes_stay_whole_and_in_order(make_net: Callable[..., Net], rule: Rule) -> None:
    net = make_net(rule)
    data = random.Random(2).randbytes(300_000)

    async def main() -> bytes:
        near, far = await net.connected()
        got: list[bytes] = []

        async def read() -> None:
            got.append(await read_all(far))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            for start in range(0, len(data), 7000):
                await near.send_all(data[start : start + 7000])
                await trio.sleep(0.01)
            await near.aclose()
        return got[0]

    assert play(net, main) == data


def test_a_connection_outlives_a_short_partition(make_net: Callable[..., Net]) -> None:
    net = make_net(Partition(1.0, 6.0, frozenset({0}), frozenset({1})))

    async def main() -> float:
        near, far = await net.connected()
        await trio.sleep_until(2.0)
        await near.send_all(b"hello")
        assert await far.receive_some() == b"hello"
        return net.clock.time

    assert 6.0 < play(net, main) < 6.0 + 8.0


def test_a_long_partition_ends_it(make_net: Callable[..., Net]) -> None:
    net = make_net(Partition(1.0, 1e9, frozenset({0}), frozenset({1}), one_way=True))

    async def main() -> float:
        far, near = await net.connected()
        await trio.sleep_until(2.0)
        await far.send_all(b"this way is open")
        assert await near.receive_some() == b"this way is open"
        await near.send_all(b"this way is not")
        with pytest.raises(trio.BrokenResourceError):
            await far.receive_some()
        return net.clock.time

    assert STALL_SECONDS < play(net, main) < 2 * STALL_SECONDS


def test_a_lost_call_is_made_again(make_net: Callable[..., Net]) -> None:
    net = make_net(Partition(0.0, 2.5, frozenset({0}), frozenset({1})))

    async def main() -> float:
        await net.listen()
        await net.dial()
        return net.clock.time

    assert play(net, main) == pytest.approx(3.02, abs=0.01)


def test_nobody_listens(make_net: Callable[..., Net]) -> None:
    net = make_net()

    async def main() -> None:
        with pytest.raises(UnreachableError, match="refused"):
            await net.dial()
        with trio.move_on_after(100.0) as scope:
            await net.transports[1].dial("10.99.0.1", 1)
        assert scope.cancelled_caught
        listener = await net.listen()
        with pytest.raises(PortInUseError):
            await net.listen()
        await listener.aclose()
        with pytest.raises(UsageError, match="this place is"):
            await net.transports[0].listen("10.99.0.1", 1, 8)

    play(net, main)


@pytest.mark.parametrize("nat", ["closed", "restricted"])
def test_a_nat_lets_in_whom_it_should(make_net: Callable[..., Net], nat: str) -> None:
    net = make_net(nat=nat)

    async def main() -> tuple[bool, bool]:
        await net.listen(0)
        await net.listen(1)

        async def reached() -> bool:
            with trio.move_on_after(5.0):
                await net.dial()
                return True
            return False

        before = await reached()
        await net.dial(0, 1)
        return before, await reached()

    assert play(net, main) == (False, nat == "restricted")


def test_a_frozen_site_neither_reads_nor_sends(make_net: Callable[..., Net]) -> None:
    net = make_net()

    async def main() -> list[float]:
        near, far = await net.connected()
        times: list[float] = []

        async def answer() -> None:
            assert await far.receive_some() == b"ping"
            times.append(net.clock.time)

        net.network.freeze(net.sites[0])
        await near.send_all(b"ping")
        await far.send_all(b"said while frozen")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            await trio.sleep_until(5.0)
            assert not times
            net.network.thaw(net.sites[0])
        assert await near.receive_some() == b"said while frozen"
        times.append(net.clock.time)
        return times

    first, second = play(net, main)
    assert first == 5.0
    assert second == pytest.approx(5.01, abs=0.001)


def test_a_severed_site_is_seen_to_end(make_net: Callable[..., Net]) -> None:
    net = make_net()

    async def main() -> None:
        near, far = await net.connected()
        net.network.sever(net.sites[0])
        assert await near.receive_some() == b""
        with pytest.raises(trio.ClosedResourceError):
            await far.receive_some()
        await near.send_all(b"into the void")
        await trio.sleep(1.0)
        with pytest.raises(trio.BrokenResourceError):
            await near.send_all(b"again")

    play(net, main)
