"""Scratch, reuse and environments in real boxes of all tiers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from peernet.sandbox import BoxExecutor, Limits, Outcome

pytestmark = pytest.mark.real

Run = Callable[..., Awaitable[Outcome]]
Values = Callable[[Outcome], Any]
MIB = 1 << 20


async def test_many_files_over_the_limit_are_told(writing_tier: str, run: Run) -> None:
    source = """
    def task(n):
        try:
            for number in range(40):
                open(f'f{number}', 'wb').write(bytes(100_000))
        except OSError:
            pass
        return 1
    """
    outcome = await run(source, limits=Limits(seconds=30, scratch=2 * MIB))
    assert outcome.status == "scratch" and f"{2 * MIB} are allowed" in outcome.error


async def test_a_full_folder_is_told_with_what_was_used(
    tier: str, executor: BoxExecutor, make_bundle: Any, inputs: Any
) -> None:
    if tier != "A":
        pytest.skip("only tier A has file systems of its own")
    limits = Limits(seconds=30, scratch=MIB)
    source = "def task(n):\n    for name in 'ab': open(name, 'wb').write(bytes(700_000))\n"
    box = await executor.open_box(make_bundle(source), limits, 1)
    for _ in range(2):
        outcome = await box.run(inputs(1), limits, lambda: None)
        assert outcome.status == "scratch" and f"{MIB} bytes are allowed" in outcome.error
        assert f"{MIB} bytes were used" in outcome.error


async def test_a_flood_of_empty_files_is_stopped(
    tier: str, executor: BoxExecutor, make_bundle: Any, inputs: Any
) -> None:
    if tier != "A":
        pytest.skip("only tier A has file systems of its own")
    limits = Limits(seconds=60, scratch=MIB)
    source = "import itertools\ndef task(n):\n    for i in itertools.count(): open(f'f{i}', 'w').close()\n"
    box = await executor.open_box(make_bundle(source), limits, 1)
    outcome = await box.run(inputs(1), limits, lambda: None)
    assert outcome.status == "scratch" and "1024 are allowed" in outcome.error


REUSED = """
import os
SEEN = []
def task(n):
    before = os.listdir('.')
    SEEN.append(n)
    try:
        open('left', 'w').close()
    except PermissionError:
        pass
    print('slice', n)
    if n == 'fail':
        raise ValueError(n)
    if n == 'exit':
        os._exit(3)
    return [os.getpid(), list(SEEN), before]
"""


async def test_a_reused_child_keeps_its_modules_but_not_its_files(
    executor: BoxExecutor, make_bundle: Any, inputs: Any, values: Values
) -> None:
    box = await executor.open_box(make_bundle(REUSED), Limits(seconds=30), 1, reuse=True)
    limits = Limits(seconds=30, cpu_seconds=20)
    outcomes = [await box.run(inputs(n), limits, lambda: None) for n in ("a", "fail", "b", "exit", "c")]
    assert [outcome.status for outcome in outcomes] == ["ok", "error", "ok", "exited", "ok"]
    assert [outcome.output for outcome in outcomes] == [f"slice {n}\n" for n in ("a", "fail", "b", "exit", "c")]
    [[first, seen, files]], [[second, more, left]] = values(outcomes[0]), values(outcomes[2])
    assert (first, seen, files) == (second, ["a"], []) and (more, left) == (["a", "fail", "b"], [])
    [[third, anew, none]] = values(outcomes[4])
    assert third != first and (anew, none) == (["c"], [])
    assert all(outcome.max_rss > MIB and outcome.cpu_seconds >= 0 for outcome in outcomes)


async def test_a_reused_child_is_limited_in_each_slice(
    executor: BoxExecutor, make_bundle: Any, inputs: Any, values: Values
) -> None:
    source = "def task(n):\n    while n: pass\n    return n\n"
    box = await executor.open_box(make_bundle(source), Limits(), 1, reuse=True)
    limits = Limits(seconds=30, cpu_seconds=1)
    for _ in range(2):
        assert values(await box.run(inputs(0), limits, lambda: None)) == [0]
        outcome = await box.run(inputs(1), limits, lambda: None)
        assert outcome.status == "timeout" and "processor time" in outcome.error


async def test_packages_of_an_environment_come_before_the_systems(
    executor: BoxExecutor, make_bundle: Any, inputs: Any, values: Values, tmp_path: Path
) -> None:
    packages = tmp_path / "packages"
    (packages / "cbor2").mkdir(parents=True)
    (packages / "only_here.py").write_text("VALUE = 'of the environment'\n")
    (packages / "json.py").write_text("VALUE = 'no part of the standard library'\n")
    (packages / "evil.pth").write_text("import sys; sys.ran = True\n")
    source = """
    import json, sys, only_here
    def task(n):
        return [only_here.VALUE, hasattr(sys, 'ran'), hasattr(json, 'dumps')]
    """
    box = await executor.open_box(make_bundle(source), Limits(), 1, environment=packages)
    outcome = await box.run(inputs(1), Limits(seconds=30), lambda: None)
    assert values(outcome) == [["of the environment", False, True]]


async def test_threads_are_limited(tier: str, executor: BoxExecutor, make_bundle: Any, inputs: Any) -> None:
    if tier != "A":
        pytest.skip("only tier A always has a user of its own")
    limits = Limits(seconds=30, threads=8, memory=16 << 30)
    source = """
    import threading, time
    def task(n):
        for _ in range(100):
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    """
    box = await executor.open_box(make_bundle(source), limits, 1)
    outcome = await box.run(inputs(1), limits, lambda: None)
    assert outcome.status == "error" and "8 threads are allowed" in outcome.error
