"""The first figures of peernet, measured in one run: `make bench`, or `python tests/benchmarks/bench.py [--json]`.

Calls a second and latency go through a local swarm of two workers, over the whole path: control socket, job host,
leases, boxes, signatures, journal. The blob figure is a pull between two connection pools on loopback beside plain
trio TCP in the same run; give the ratio, not the rate, when you quote it: machines differ and are shared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import trio
import trio.testing

from peernet.api.jobs import Job
from peernet.api.swarm import LocalSwarm
from peernet.config.net import NetConfig
from peernet.identity.keys import KeyPair, verify
from peernet.identity.multiaddr import Multiaddr
from peernet.net import Pool, TcpTransport
from peernet.project import collect
from peernet.storage.home import Home
from peernet.types import Digest, Instance
from peernet.wire.control import Submit, Submitted

WORKERS = 2
BLOB = 64 * 1024 * 1024
PROJECT = """
import sys
import peernet

@peernet.parallel(over=range(int(sys.argv[1])), slice_size=int(sys.argv[2]))
def noop(number):
    return number
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each figure; the median counts")
    given = parser.parse_args()
    figures = swarm_figures(given.repeat) | trio.run(blob_figures, given.repeat)
    if given.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:<58} {value:>12,.2f}")
    return 0


def swarm_figures(repeat: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="peernet-bench-") as folder:
        project = Path(folder) / "noop.py"
        project.write_text(PROJECT)
        home = Home.open(Path(folder) / "home")
        started = time.perf_counter()
        with LocalSwarm(WORKERS, home) as swarm:
            ready = time.perf_counter() - started

            def run(calls: int, slice_size: int) -> float:
                bundle = collect(project, None, [str(calls), str(slice_size)]).encode()
                request = Submit(host_bundle=bundle, worker_bundle=bundle, trusted=swarm.worker_ids)
                begun = time.perf_counter()
                job = Job(swarm.client.ask(request, Submitted).job, swarm.client)
                values = list(job.results())
                taken = time.perf_counter() - begun
                assert values == list(range(calls))
                return taken

            run(10, 1)
            idle = median(repeat, lambda: memory_of(swarm))
            return {
                "start of a local swarm of two workers (s)": ready,
                "no-op calls a second, batched (1,000,000 in slices of 10,000)": 1e6
                / median(repeat, lambda: run(1_000_000, 10_000)),
                "no-op calls a second, one slice each (1,000)": 1e3 / median(repeat, lambda: run(1000, 1)),
                "latency of a job of one call (ms)": 1e3 * median(repeat * 3, lambda: run(1, 1)),
                "resident memory of an idle peer (MiB)": idle,
            }


def memory_of(swarm: LocalSwarm) -> float:
    """The median resident memory of the swarm's peers, without their boxes."""
    children = psutil.Process().children()
    return statistics.median(child.memory_info().rss for child in children) / 2**20


def median(repeat: int, measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(repeat))


class OneBlob:
    """A blob source that holds one blob in memory: the disk is not measured."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.digest = Digest(hashlib.sha256(data).digest())

    def size(self, digest: Digest) -> int | None:
        return len(self.data) if digest == self.digest else None

    def read(self, digest: Digest, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


async def blob_figures(repeat: int) -> dict[str, float]:
    blob = OneBlob(os.urandom(BLOB))
    plain: list[float] = []
    noise: list[float] = []
    async with trio.open_nursery() as nursery:
        pools = [pool(number, blob) for number in (1, 2)]
        ports = [await nursery.start(one.run, "127.0.0.1", 0) for one in pools]
        peer = await pools[0].dial(Multiaddr("127.0.0.1", ports[1]))
        for _ in range(repeat):
            plain.append(BLOB / 1e6 / await timed_plain())
            begun = time.perf_counter()
            await pools[0].fetch(peer, (), blob.digest, BLOB, lambda data: None)
            noise.append(BLOB / 1e6 / (time.perf_counter() - begun))
        nursery.cancel_scope.cancel()
    return {
        "blob over a connection, 64 MiB on loopback (MB/s)": statistics.median(noise),
        "plain trio TCP, the same bytes (MB/s)": statistics.median(plain),
        "ratio": statistics.median(noise) / statistics.median(plain),
    }


def pool(number: int, blob: OneBlob) -> Pool:
    return Pool(
        KeyPair.from_seed(bytes([number]) * 32),
        Instance(bytes([number]) * 16),
        TcpTransport(),
        NetConfig(),
        blob,
        lambda event: None,
        random.Random(number),
        os.urandom,
        verify,
        time.time,
    )


async def timed_plain() -> float:
    """Seconds to pass the same bytes over plain trio TCP in 64 KiB pieces."""
    piece = bytes(65536)
    async with trio.open_nursery() as nursery:

        async def serve(stream: trio.SocketStream) -> None:
            for _ in range(BLOB // len(piece)):
                await stream.send_all(piece)

        (listener, *_) = await nursery.start(trio.serve_tcp, serve, 0)
        client = await trio.testing.open_stream_to_socket_listener(listener)
        begun, got = time.perf_counter(), 0
        while got < BLOB:
            got += len(await client.receive_some(65536))
        taken = time.perf_counter() - begun
        nursery.cancel_scope.cancel()
    return taken


if __name__ == "__main__":
    sys.exit(main())
