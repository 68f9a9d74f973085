"""How slices end in a real box: each way, with what is told about it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from peernet.sandbox import Limits, Outcome

pytestmark = pytest.mark.real

LIMITS = Limits(seconds=30.0)

Run = Callable[..., Awaitable[Outcome]]
Values = Callable[[Outcome], Any]


async def test_the_function_is_called_for_each_input(run: Run, values: Values) -> None:
    outcome = await run("def task(n):\n    return n * n\n", 1, 2, 3)
    assert values(outcome) == [1, 4, 9]
    assert outcome.error == outcome.traceback == ""
    assert outcome.cpu_seconds > 0 and outcome.wall_seconds > 0 and outcome.max_rss > 1 << 20


async def test_a_whole_slice_is_called_once(run: Run, values: Values) -> None:
    source = "def task(batch):\n    return sum(batch)\n"
    assert values(await run(source, 1, 2, 3, options=", whole_slice=True")) == [6]


NARROWED = """
import random
def task(n):
    if n == 5:
        raise ValueError("no")
    return n, peernet.rng().random()
"""


async def test_some_calls_of_a_slice_run_as_they_do_within_it(open_box: Any, inputs: Any, values: Values) -> None:
    box = await open_box(NARROWED, options=", on_error='skip'")

    async def results(*given: int, calls: tuple[int, ...] = ()) -> Any:
        return values(await box.run(inputs(*given), LIMITS, lambda: None, seed=b"s" * 16, calls=calls))

    whole = await results(*range(8))
    assert await results(3, 5, 6, calls=(3, 5, 6)) == [whole[3], whole[5], whole[6]]


async def test_a_failure_of_a_call_alone_has_its_number_in_the_slice(open_box: Any, inputs: Any) -> None:
    box = await open_box(NARROWED)
    outcome = await box.run(inputs(4, 5), LIMITS, lambda: None, calls=(14, 15))
    assert (outcome.status, outcome.call) == ("error", 15)


async def test_inputs_that_are_not_those_of_the_calls_are_an_error(open_box: Any, inputs: Any) -> None:
    box = await open_box(NARROWED)
    outcome = await box.run(inputs(1, 2, 3), LIMITS, lambda: None, calls=(1, 2))
    assert outcome.status == "error" and "3 inputs came for 2 calls" in outcome.error


async def test_a_task_that_raises_is_told_with_the_users_frames(run: Run) -> None:
    source = """
    def task(n):
        return helper(n)

    def helper(n):
        return 1 // (n - 2)
    """
    outcome = await run(source, 1, 2, 3)
    assert (outcome.status, outcome.value, outcome.call) == ("error", None, 1)
    assert outcome.error == "ZeroDivisionError: integer division or modulo by zero"
    assert 'File "project.py", line 8, in helper' in outcome.traceback
    assert "return 1 // (n - 2)" in outcome.traceback
    assert "peernet/box" not in outcome.traceback


async def test_a_project_that_cannot_be_imported_is_an_error_of_the_task(run: Run) -> None:
    outcome = await run("import no_such_package\ndef task(n):\n    return n\n")
    assert outcome.status == "error" and "no_such_package" in outcome.error
    assert "import no_such_package" in outcome.traceback


async def test_a_message_that_is_no_unicode_is_told_all_the_same(run: Run) -> None:
    outcome = await run("def task(n):\n    raise ValueError('\\ud800' + 'x' * 100_000)\n")
    assert outcome.status == "error" and outcome.error.startswith("ValueError")
    assert len(outcome.error) < 5000 and len(outcome.traceback) < 20_000


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("sys.exit(3)", "SystemExit: 3"),
        ("os._exit(3)", "exit code 3"),
        ("os._exit(0)", "exit code 0"),
        ("os.abort()", "SIGABRT"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("os.kill(os.getpid(), signal.SIGRTMIN + 5)", "signal"),
    ],
)
async def test_a_process_that_ends_by_itself(run: Run, statement: str, told: str) -> None:
    outcome = await run(f"import os, signal, sys\ndef task(n):\n    {statement}\n")
    assert outcome.status == "exited" and told in outcome.error
    assert outcome.value is None


async def test_an_endless_loop_meets_its_deadline(run: Run) -> None:
    outcome = await run("def task(n):\n    while True: pass\n", limits=Limits(seconds=0.2))
    assert outcome.status == "timeout" and "0.2 s" in outcome.error
    assert 0.2 <= outcome.wall_seconds < 5 and outcome.cpu_seconds > 0.05


async def test_a_task_that_ignores_signals_meets_its_deadline(run: Run) -> None:
    source = """
    import signal, time
    def task(n):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(60)
    """
    assert (await run(source, limits=Limits(seconds=0.2))).status == "timeout"


async def test_processor_time_is_limited(run: Run) -> None:
    outcome = await run("def task(n):\n    while True: pass\n", limits=Limits(seconds=30, cpu_seconds=1))
    assert outcome.status == "timeout" and "processor time" in outcome.error
    assert outcome.wall_seconds < 20


async def test_a_task_that_ignores_the_limit_of_its_processor_time_is_killed(run: Run) -> None:
    source = """
    import signal
    def task(n):
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)
        while True: pass
    """
    outcome = await run(source, limits=Limits(seconds=30, cpu_seconds=0.5))
    assert outcome.status == "timeout" and "processor time" in outcome.error


async def test_a_memory_bomb_is_stopped(run: Run, values: Values) -> None:
    limits = Limits(memory=64 << 20, seconds=30)
    outcome = await run(
        "def task(n):\n    held = []\n    while True: held.append(bytearray(1 << 20))\n", limits=limits
    )
    assert (outcome.status, outcome.call) == ("memory", 0)
    assert outcome.max_rss < 200 << 20
    assert values(await run("def task(n):\n    return len(bytes(32 << 20))\n", limits=limits)) == [32 << 20]


async def test_memory_that_runs_out_in_small_pieces(run: Run) -> None:
    source = "def task(n):\n    held = []\n    while True: held.append([held] * 10)\n"
    assert (await run(source, limits=Limits(memory=32 << 20, seconds=30))).status == "memory"


async def test_a_result_that_is_no_plain_data_names_its_type(run: Run) -> None:
    outcome = await run("class Thing: pass\ndef task(n):\n    return {'a': Thing()}\n")
    assert outcome.status == "unencodable" and "Thing" in outcome.error


async def test_a_large_result_comes_back_whole(run: Run, values: Values) -> None:
    source = "import hashlib\ndef task(n):\n    return hashlib.shake_256(b'seed').digest(50_000_000)\n"
    [large] = values(await run(source))
    assert large == hashlib.shake_256(b"seed").digest(50_000_000)


async def test_a_large_input_arrives_whole(run: Run, values: Values) -> None:
    large = bytes(range(256)) * 200_000
    source = "import hashlib\ndef task(data):\n    return hashlib.sha256(data).hexdigest()\n"
    assert values(await run(source, large)) == [hashlib.sha256(large).hexdigest()]


async def test_a_result_over_its_limit(run: Run) -> None:
    outcome = await run("def task(n):\n    return bytes(2000)\n", limits=Limits(seconds=30, result=1000))
    assert outcome.status == "too_large" and "1000 are allowed" in outcome.error


async def test_a_file_over_the_limit_is_told(tier: str, run: Run) -> None:
    source = "def task(n):\n    open('f', 'wb').write(bytes(2 << 20))\n"
    outcome = await run(source, limits=Limits(seconds=30, scratch=1 << 20))
    if tier == "B":
        assert outcome.status == "error" and "in tier B it writes no files" in outcome.error
        return
    assert outcome.status == "scratch" and f"{1 << 20} bytes are allowed" in outcome.error


async def test_the_end_of_what_was_printed_is_kept(run: Run) -> None:
    source = """
    import os, sys
    def task(n):
        print('x' * 1_000_000)
        os.write(2, b'below python\\n')
        print('the end', file=sys.stderr)
        raise ValueError
    """
    outcome = await run(source)
    assert outcome.output.endswith("xxx\nbelow python\nthe end\n")
    assert len(outcome.output) <= 8 * 1024


async def test_what_was_printed_before_a_sudden_end_is_kept(run: Run) -> None:
    outcome = await run("import os\ndef task(n):\n    print('so far')\n    os._exit(1)\n")
    assert (outcome.status, outcome.output) == ("exited", "so far\n")


@pytest.mark.parametrize(
    "lie",
    [
        "b'garbage' * 10",
        "bytes([255]) * 64",
        "b''.join(Report('ok', '', None, '', b'').encode()) * 2",
        "b''.join(Report('timeout', '', None, '', b'').encode())",
        "b''.join(Order(Limits(), b'').encode())",
        "b''.join(Report('ok', '', None, '', bytes(5000)).encode())",
        "b''.join(Report('ok', '', None, '', b'').encode())[:-3]",
    ],
)
async def test_a_child_that_lies_on_its_socket_harms_nobody_else(
    open_box: Callable[..., Awaitable[Any]], inputs: Callable[..., bytes], values: Values, lie: str
) -> None:
    source = f"""
    import os, stat
    from peernet.box.limits import Limits
    from peernet.box.messages import Order, Report
    def task(n):
        if n == 0:
            return 'honest'
        for name in os.listdir('/proc/self/fd'):
            if int(name) > 2 and os.path.exists(f'/proc/self/fd/{{name}}'):
                if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                    os.write(int(name), {lie})
        os._exit(0)
    """
    box = await open_box(source)
    outcome = await box.run(inputs(1), Limits(seconds=30, result=4000), lambda: None)
    assert outcome.status == "exited" and outcome.value is None
    assert values(await box.run(inputs(0), Limits(seconds=30), lambda: None)) == ["honest"]
