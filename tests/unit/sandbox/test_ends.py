"""However a box ends, no process and no folder of it is left, and whoever waits is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from peernet.config import BoxConfig
from peernet.errors import BoxError
from peernet.sandbox import Box, BoxExecutor, Limits, Outcome

pytestmark = pytest.mark.real

Bundler = Callable[..., bytes]
Values = Callable[[Outcome], Any]
OpenBox = Callable[..., Awaitable[Box]]
LIMITS = Limits(seconds=60)

SLEEPER = """
import time
def task(n):
    time.sleep(600)
"""


def children_of(pid: int) -> list[int]:
    """The living children of a process of one thread, the oldest first."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def zygote_of(pid: int) -> int:
    """The zygote of a box, whose first processes in tier A are bubblewrap's."""
    while Path(f"/proc/{pid}/comm").read_text().strip() == "bwrap":
        [pid] = children_of(pid)
    return pid


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(15):
        while not condition():
            await trio.lowlevel.checkpoint()


async def test_a_cancelled_run_kills_its_slice_and_frees_its_slot(open_box: OpenBox, inputs: Bundler) -> None:
    box: Any = await open_box(SLEEPER, slots=1)
    zygote = zygote_of(box.pid)
    for _ in range(3):
        async with trio.open_nursery() as nursery:
            started = trio.Event()
            nursery.start_soon(box.run, inputs(1), LIMITS, started.set)
            await started.wait()
            pid = children_of(zygote)[0]
            nursery.cancel_scope.cancel()
        await until(lambda pid=pid: not is_alive(pid))


async def test_a_run_cancelled_before_it_started_does_not_start_later(open_box: OpenBox, inputs: Bundler) -> None:
    box = await open_box(SLEEPER, slots=1)
    begun: list[str] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        await box.run(inputs(1), LIMITS, lambda: begun.append("late"))
    with trio.CancelScope() as scope:
        await box.run(inputs(1), LIMITS, scope.cancel)
    assert scope.cancelled_caught and begun == []


async def test_the_start_of_a_slice_is_told_once_and_slices_over_the_slots_wait(
    open_box: OpenBox, inputs: Bundler, values: Values
) -> None:
    box = await open_box("import time\ndef task(n):\n    time.sleep(0.05)\n    return n\n", slots=2)
    running = most = 0
    results = []

    async def one(number: int) -> None:
        nonlocal running, most

        def on_start() -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)

        outcome = await box.run(inputs(number), LIMITS, on_start)
        running -= 1
        results.extend(values(outcome))

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(one, number)
    assert sorted(results) == list(range(8))
    assert most == 2 and running == 0


async def test_a_killed_zygote_is_an_error_for_every_run_and_leaves_nothing(
    open_box: OpenBox, inputs: Bundler
) -> None:
    box: Any = await open_box(SLEEPER, slots=2)
    zygote = zygote_of(box.pid)
    errors: list[str] = []
    started: list[int] = []

    async def one(number: int) -> None:
        with pytest.raises(BoxError) as caught:
            await box.run(inputs(number), LIMITS, lambda: started.append(number))
        errors.append(str(caught.value))

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(one, number)
        await until(lambda: len(started) == 2)
        pids = children_of(zygote)
        assert len(pids) >= 2
        os.kill(zygote, signal.SIGKILL)
    assert len(errors) == 3 and "the box has ended" in errors[0]
    await until(lambda: not any(map(is_alive, pids)))
    with pytest.raises(BoxError, match="has ended"):
        await box.run(inputs("x"), LIMITS, lambda: None)


async def test_closing_ends_running_slices_and_removes_the_folder(
    executor: BoxExecutor, inputs: Bundler, make_bundle: Bundler, tmp_path: Path
) -> None:
    box: Any = await executor.open_box(make_bundle(SLEEPER), LIMITS, 1)
    zygote = zygote_of(box.pid)
    started = trio.Event()

    async def one() -> None:
        with pytest.raises(BoxError, match="closed"):
            await box.run(inputs(1), LIMITS, started.set)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        await started.wait()
        pids = [zygote, *children_of(zygote)]
        await box.aclose()
        assert not any(map(is_alive, pids))
    await box.aclose()
    assert list((tmp_path / "boxes").glob("*/box-*")) == []


async def test_closing_does_not_wait_for_a_stopped_zygote(tier: str, make_bundle: Bundler, tmp_path: Path) -> None:
    executor = BoxExecutor(tier, tmp_path / "stopped", BoxConfig(close_seconds=0.1))
    box: Any = await executor.open_box(make_bundle("def task(n):\n    return n\n"), LIMITS, 1)
    zygote = zygote_of(box.pid)
    os.kill(zygote, signal.SIGSTOP)
    await executor.aclose()
    assert not is_alive(zygote)
    assert list((tmp_path / "stopped").iterdir()) == []


async def test_a_zygote_that_hangs_is_given_up_after_the_deadline(
    tier: str, make_bundle: Bundler, inputs: Bundler, tmp_path: Path
) -> None:
    config = BoxConfig(close_seconds=0.1, grace_seconds=0.1)
    executor = BoxExecutor(tier, tmp_path / "hanging", config)
    box: Any = await executor.open_box(make_bundle("def task(n):\n    return n\n"), LIMITS, 1)
    os.kill(zygote_of(box.pid), signal.SIGSTOP)
    with pytest.raises(BoxError, match="after its deadline"):
        await box.run(inputs(1), Limits(seconds=0.1), lambda: None)
    await executor.aclose()


async def test_a_killed_peer_takes_its_boxes_along_and_the_next_one_cleans_up(
    tier: str, tmp_path: Path, make_bundle: Bundler, inputs: Bundler
) -> None:
    script = """
import sys, trio
from pathlib import Path
from peernet.config import BoxConfig
from peernet.sandbox import Limits, BoxExecutor

async def main():
    tier, scratch, bundle, data = sys.argv[1:]
    executor = BoxExecutor(tier, Path(scratch), BoxConfig())
    box = await executor.open_box(Path(bundle).read_bytes(), Limits(), 1)
    await box.run(Path(data).read_bytes(), Limits(), lambda: print(box.pid, flush=True))

trio.run(main)
"""
    (tmp_path / "bundle").write_bytes(make_bundle(SLEEPER))
    (tmp_path / "data").write_bytes(inputs(1))
    scratch = tmp_path / "killed"
    command = [sys.executable, "-c", script, tier, str(scratch), str(tmp_path / "bundle"), str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as peer:  # noqa: ASYNC220 - starts in a moment
        assert peer.stdout is not None
        zygote = zygote_of(int(await trio.to_thread.run_sync(peer.stdout.readline)))
        pids = [zygote, *children_of(zygote)]
        assert len(pids) >= 2 and all(map(is_alive, pids))
        peer.kill()
    await until(lambda: not any(map(is_alive, pids)))
    assert len(list(scratch.iterdir())) == 2
    await BoxExecutor(tier, scratch, BoxConfig()).aclose()
    assert list(scratch.iterdir()) == []


async def test_an_executor_leaves_a_living_ones_folders_alone(
    tier: str, open_box: OpenBox, inputs: Bundler, values: Values, tmp_path: Path
) -> None:
    box = await open_box("def task(n):\n    return n\n")
    await BoxExecutor(tier, tmp_path / "boxes", BoxConfig()).aclose()
    assert values(await box.run(inputs(7), LIMITS, lambda: None)) == [7]


async def test_a_bundle_that_is_broken_is_refused(executor: BoxExecutor) -> None:
    with pytest.raises(BoxError, match="bundle"):
        await executor.open_box(b"no bundle", LIMITS, 1)


async def test_a_disk_that_refuses_is_told(executor: BoxExecutor, make_bundle: Bundler, tmp_path: Path) -> None:
    [root] = [path for path in (tmp_path / "boxes").iterdir() if path.is_dir()]
    root.rmdir()
    root.write_bytes(b"")
    with pytest.raises(BoxError, match="a folder for a box can't be made"):
        await executor.open_box(make_bundle("def task(n):\n    return n\n"), LIMITS, 1)
    root.unlink()


async def test_a_full_disk_is_told(tier: str, make_bundle: Bundler, tmp_path: Path) -> None:
    """The peer's own limit on file sizes stands in for a full disk: boxes inherit it."""
    script = """
import resource, signal, sys, trio
from pathlib import Path
from peernet.config import BoxConfig
from peernet.errors import BoxError
from peernet.sandbox import Limits, BoxExecutor

async def main():
    executor = BoxExecutor(sys.argv[3], Path(sys.argv[1]), BoxConfig())
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        await executor.open_box(Path(sys.argv[2]).read_bytes(), Limits(), 1)
    except BoxError as error:
        print(error)
    await executor.aclose()

trio.run(main)
"""
    (tmp_path / "bundle").write_bytes(make_bundle(f"def task(n):\n    return n\n# {'x' * 2000}\n"))
    ended = await trio.run_process(
        [sys.executable, "-c", script, str(tmp_path / "full"), str(tmp_path / "bundle"), tier], capture_stdout=True
    )
    assert b"the box did not open" in ended.stdout and b"File too large" in ended.stdout


async def test_a_cancelled_opening_leaves_nothing(
    executor: BoxExecutor, make_bundle: Bundler, tmp_path: Path
) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await executor.open_box(make_bundle("def task(n):\n    return n\n"), LIMITS, 1)
    assert scope.cancelled_caught
    assert list((tmp_path / "boxes").glob("*/box-*")) == []


async def test_a_closed_executor_opens_no_more(tmp_path: Path, make_bundle: Bundler) -> None:
    executor = BoxExecutor("C", tmp_path / "closed", BoxConfig())
    await executor.aclose()
    await executor.aclose()
    with pytest.raises(BoxError, match="closed"):
        await executor.open_box(make_bundle("def task(n):\n    return n\n"), LIMITS, 1)


async def test_bulk_data_does_not_hold_up_the_loop(open_box: OpenBox, inputs: Bundler, values: Values) -> None:
    box = await open_box("def task(data):\n    return data\n")
    data = inputs(bytes(60_000_000))
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(turn)
        outcome = await box.run(data, LIMITS, lambda: None)
        nursery.cancel_scope.cancel()
    assert len(values(outcome)[0]) == 60_000_000
    assert turns > 200
