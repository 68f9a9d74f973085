"""What a slice finds around it in a real box, and what it can't leave behind."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from peernet.sandbox import Box, Limits, Outcome

pytestmark = pytest.mark.real

Run = Callable[..., Awaitable[Outcome]]
Values = Callable[[Outcome], Any]
OpenBox = Callable[..., Awaitable[Box]]
LIMITS = Limits(seconds=30)


async def until_gone(pid: int) -> None:
    """Wait until a process that is not our child is no more. The test's own time limit is the bound."""
    with trio.fail_after(10):
        while is_alive(pid):
            await trio.lowlevel.checkpoint()


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_no_descriptor_is_inherited(run: Run, values: Values) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    source = """
    import os
    def task(n):
        found = []
        for name in sorted(os.listdir('/proc/self/fd'), key=int):
            try:
                found.append(os.readlink(f'/proc/self/fd/{name}').split(':')[0])
            except FileNotFoundError:
                pass
        return found
    """
    try:
        assert values(await run(source)) == [["/dev/null", "pipe", "pipe", "socket"]]
    finally:
        os.close(reading)
        os.close(writing)


async def test_the_environment_is_clean(run: Run, values: Values, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOLUNTEERS_SECRET", "hunter2")
    source = "import os\ndef task(n):\n    return [dict(os.environ), os.getcwd()]\n"
    [[environment, folder]] = values(await run(source))
    assert "hunter2" not in str(environment)
    assert environment["PATH"] == "/usr/bin:/bin" and environment["OMP_NUM_THREADS"] == "1"
    assert environment["HOME"] == environment["TMPDIR"] == folder


async def test_python_and_c_agree_on_the_temporary_folder(writing_tier: str, run: Run, values: Values) -> None:
    source = "import os, tempfile\ndef task(n):\n    return tempfile.gettempdir() == os.getcwd()\n"
    assert values(await run(source)) == [True]


async def test_two_boxes_hash_alike(run: Run, values: Values) -> None:
    source = "def task(n):\n    return [hash('a'), list({'x', 'y', 'z', 'w'})]\n"
    assert values(await run(source)) == values(await run(source))


async def test_slices_do_not_share_their_randomness(
    open_box: OpenBox, inputs: Callable[..., bytes], values: Values
) -> None:
    box = await open_box("import random\ndef task(n):\n    return random.getrandbits(64)\n")
    first, second = [values(await box.run(inputs(1), LIMITS, lambda: None)) for _ in range(2)]
    assert first != second


async def test_numpys_global_randomness_is_not_shared_either(
    open_box: OpenBox, inputs: Callable[..., bytes], values: Values
) -> None:
    pytest.importorskip("numpy")
    source = "import numpy.random\ndef task(n):\n    return numpy.random.bytes(8)\n"
    box = await open_box(source, imports=("numpy",))
    first, second = [values(await box.run(inputs(1), LIMITS, lambda: None)) for _ in range(2)]
    assert first != second


async def test_nothing_of_a_slice_is_seen_by_the_next(
    writing_tier: str, open_box: OpenBox, inputs: Callable[..., bytes], values: Values
) -> None:
    source = """
    import json, os, sys
    SEEN = []
    def task(n):
        before = [len(SEEN), hasattr(json, 'poison'), 'poison' in os.environ, os.listdir('.'), json.dumps(1)]
        SEEN.append(n)
        json.poison = json.dumps = lambda value: 'poisoned'
        os.environ['poison'] = '1'
        open('left', 'w').close()
        os.makedirs('a/b/c')
        os.chmod('a', 0)
        return before
    """
    box = await open_box(source)
    for _ in range(3):
        outcome = await box.run(inputs(1), LIMITS, lambda: None)
        assert values(outcome) == [[0, False, False, [], "1"]]


async def test_the_scratch_folder_is_wiped(writing_tier: str, run: Run, values: Values) -> None:
    source = """
    import os
    def task(n):
        open('left', 'w').close()
        here = os.getcwd()
        for _ in range(1500):
            os.mkdir('deep')
            os.chdir('deep')
        return here
    """
    [folder] = values(await run(source))
    assert not os.path.exists(folder) or os.listdir(folder) == []


async def test_the_project_is_not_writable(run: Run, values: Values) -> None:
    source = """
    import os, stat
    def task(n):
        folder = os.path.dirname(__file__)
        return [bool(os.stat(path).st_mode & 0o222) for path in (folder, __file__)]
    """
    assert values(await run(source)) == [[False, False]]


@pytest.mark.parametrize("leave", ["pass", "os.setsid()", "os.setsid()\n            if os.fork(): os._exit(0)"])
async def test_a_process_left_behind_is_killed(tier: str, run: Run, values: Values, leave: str) -> None:
    source = f"""
    import os, signal, time
    def task(n):
        reading, writing = os.pipe()
        if os.fork() == 0:
            {leave}
            os.write(writing, str(os.getpid()).encode())
            time.sleep(600)
            os._exit(0)
        return int(os.read(reading, 20))
    """
    outcome = await run(source)
    if tier != "C":
        assert outcome.status == "error" and "a slice starts no processes" in outcome.error
        return
    [pid] = values(outcome)
    await until_gone(pid)


async def test_prints_of_one_slice_are_not_anothers(open_box: OpenBox, inputs: Callable[..., bytes]) -> None:
    box = await open_box("def task(n):\n    print('number', n)\n    raise ValueError\n")
    outcomes: list[Outcome] = []

    async def one(number: int) -> None:
        outcomes.append(await box.run(inputs(number), LIMITS, lambda: None))

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(one, number)
    assert sorted(outcome.output for outcome in outcomes) == [f"number {number}\n" for number in range(6)]
