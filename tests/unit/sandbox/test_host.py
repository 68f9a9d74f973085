"""The job host in a real process: the user's iterable and reduce, and what they print."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from peernet.config import BoxConfig
from peernet.errors import (
    BoxError,
    CannotDecodeError,
    CannotEncodeError,
    CannotTravelError,
    ProjectError,
    TaskError,
)
from peernet.project import open_input
from peernet.results import decode, digest_of, encode
from peernet.sandbox import BoxExecutor, HostBox

pytestmark = pytest.mark.real

OpenHost = Callable[..., Awaitable[HostBox]]

PLAIN = "def task(n):\n    return n\n"


async def test_what_the_project_declares_is_told(open_host: OpenHost) -> None:
    options = ", slice_size=10, replicas=3, quorum=2, timeout=1.5, name='a name', reduce=max"
    host = await open_host(PLAIN, over="range(1000)", options=options)
    opened = host.opened
    assert (opened.name, opened.length, opened.slice_size) == ("a name", 1000, 10)
    assert (opened.replicas, opened.quorum, opened.timeout) == (3, 2, 1.5)
    assert (opened.whole_slice, opened.reduces) == (False, True)


async def test_what_is_not_declared_is_none_and_may_be_overridden(open_host: OpenHost) -> None:
    opened = (await open_host(PLAIN, over="iter([1])", options=", whole_slice=True")).opened
    assert (opened.name, opened.length, opened.slice_size, opened.replicas) == ("task", None, None, None)
    assert (opened.timeout, opened.whole_slice, opened.reduces) == (None, True, False)
    overridden = {"slice_size": 7, "replicas": 4, "quorum": 3, "timeout": 2}
    opened = (await open_host(PLAIN, overridden)).opened
    assert (opened.slice_size, opened.replicas, opened.quorum, opened.timeout) == (7, 4, 3, 2.0)


@pytest.mark.parametrize(("overrides", "told"), [({"slice_size": 0}, "slice_size=0"), ({"colour": 1}, "colour")])
async def test_a_wrong_override_is_told(open_host: OpenHost, overrides: dict[str, object], told: str) -> None:
    with pytest.raises(ProjectError, match=told):
        await open_host(PLAIN, overrides)


async def test_the_input_is_cut_in_order(open_host: OpenHost) -> None:
    host = await open_host(PLAIN, over="(str(n) for n in range(7))")
    first = await host.cut(2, 2)
    assert [(calls, open_input(data)) for calls, data in first.cuts] == [(2, ["0", "1"]), (2, ["2", "3"])]
    assert not first.end
    rest = await host.cut(2, 10)
    assert [(calls, open_input(data)) for calls, data in rest.cuts] == [(2, ["4", "5"]), (1, ["6"])]
    assert rest.end
    assert await host.cut(1, 1) == type(rest)((), True)


async def test_an_answer_stops_when_it_grows_large(open_host: OpenHost) -> None:
    host = await open_host(PLAIN, over="(bytes(3_000_000) for _ in range(8))")
    sizes = []
    end = False
    while not end:
        cuts = await host.cut(1, 100)
        end = cuts.end
        sizes.append(len(cuts.cuts))
    assert sizes == [3, 3, 2]


async def test_more_slices_than_an_answer_holds_come_in_several(open_host: OpenHost) -> None:
    host = await open_host(PLAIN, over="range(3000)")
    counts = [len((await host.cut(1, 3000)).cuts) for _ in range(3)]
    assert counts == [1024, 1024, 952]


async def test_a_replay_passes_over_what_was_cut_before(open_host: OpenHost) -> None:
    over = "(str(n) for n in range(2500))"
    cuts = []
    host = await open_host(PLAIN, over=over)
    while len(cuts) < 2400:
        cuts += (await host.cut(1, 800)).cuts
    again = await open_host(PLAIN, over=over)
    await again.replay([(calls, digest_of(data)) for calls, data in cuts])
    [(_, data)] = (await again.cut(1, 1)).cuts
    assert open_input(data) == ["2400"]


async def test_a_replay_notices_another_input(open_host: OpenHost) -> None:
    host = await open_host(PLAIN, over="iter('ab')")
    with pytest.raises(ProjectError, match="not deterministic"):
        await host.replay([(1, digest_of(b"something else"))])


async def test_results_are_folded_in_the_order_of_the_input(open_host: OpenHost) -> None:
    host = await open_host(PLAIN, options=", reduce=lambda a, b: a + b")
    for index in (2, 0, 1):
        await host.fold(index, encode([f"{index}a", f"{index}b"]))
    assert decode((await host.finish(3)).data) == "0a0b1a1b2a2b"


async def test_results_that_are_kept_are_the_value_in_the_order_of_the_input(open_host: OpenHost) -> None:
    host = await open_host(PLAIN, options=", keep_if=lambda text: 'x' in text")
    assert host.opened.reduces
    for index, values in ((2, ["x2", "y"]), (0, ["y", "y"]), (1, ["x0", "x1"])):
        await host.fold(index, encode(values))
    assert decode((await host.finish(3)).data) == ["x0", "x1", "x2"]


async def test_what_is_kept_of_a_result_that_is_taken_back_is_kept_no_more(open_host: OpenHost) -> None:
    host = await open_host(PLAIN, options=", keep_if=lambda text: 'x' in text")
    await host.fold(0, encode(["a liar's x"]), keep=True)
    await host.fold(1, encode(["x"]), keep=True)
    await host.fold(0, encode(["y"]), keep=True)
    assert decode((await host.finish(2)).data) == ["x"]


async def test_a_hit_is_told_and_what_is_taken_back_is_left_out_of_an_early_end(open_host: OpenHost) -> None:
    host = await open_host(PLAIN, options=", stop_when=lambda text: 'x' in text")
    assert host.opened.reduces
    told = [await host.fold(index, encode([text]), keep=True) for index, text in ((6, "x6"), (2, "y"), (4, "lie"))]
    assert told == [True, False, False]
    assert decode((await host.finish(9, partial=True, without=(4, 5))).data) == ["y", "x6"]
    assert decode((await host.finish(9, partial=True)).data) == ["y", "lie", "x6"]


async def test_differing_calls_are_found_and_put_together(open_host: OpenHost) -> None:
    host = await open_host(PLAIN, over="range(100, 120)")
    given = (await host.cut(20, 1)).cuts[0][1]
    right, wrong = encode(list(range(20))), encode([*range(13), -1, *range(14, 20)])
    found = await host.differ(given, 20, [right, wrong, b"\xff"], (2,), 5)
    assert found.counts == (0, 1, None) and found.places == ((), (13,), ())
    assert found.narrowed == (2, 13) and open_input(found.input) == [102, 113]
    assert await host.compose(wrong, (13,), encode([13])) == right
    assert await host.compose(wrong, (13,), b"\xff") is None
    none = await host.differ(given, 20, [right, wrong], (), 0)
    assert none.counts == (0, 1) and none.narrowed == () and none.input == b""


async def test_a_reduce_that_raises_is_the_users_failure(open_host: OpenHost) -> None:
    host = await open_host("def join(a, b):\n    return a / b\n\n" + PLAIN, options=", reduce=join")
    with pytest.raises(TaskError, match="ZeroDivisionError") as caught:
        await host.fold(0, encode([1, 0]))
    assert "return a / b" in caught.value.traceback
    await host.fold(0, encode([1, 1]))


async def test_bytes_that_are_no_results_are_refused(open_host: OpenHost) -> None:
    host = await open_host(PLAIN, options=", reduce=max")
    for wrong in (b"\xff", encode("no list"), encode([])):
        with pytest.raises(CannotDecodeError):
            await host.fold(0, wrong)


async def test_a_value_that_is_no_plain_data_is_refused(open_host: OpenHost) -> None:
    host = await open_host(PLAIN, options=", reduce=lambda a, b: object()")
    await host.fold(0, encode([1, 2]))
    with pytest.raises(CannotEncodeError, match="object"):
        await host.finish(1)


async def test_an_argument_that_cannot_travel_is_named(open_host: OpenHost) -> None:
    host = await open_host("import threading\n" + PLAIN, over="[1, threading.Lock()]")
    with pytest.raises(CannotTravelError, match=r"argument 1 .*lock"):
        await host.cut(2, 1)


async def test_a_project_that_raises_is_told_with_its_traceback(open_host: OpenHost) -> None:
    with pytest.raises(ProjectError, match="RuntimeError: no luck") as caught:
        await open_host("raise RuntimeError('no luck')\n" + PLAIN)
    assert "project.py" in caught.value.traceback


async def test_an_iterable_that_raises_is_told_with_its_traceback(open_host: OpenHost) -> None:
    host = await open_host("def numbers():\n    yield 1\n    1 / 0\n\n" + PLAIN, over="numbers")
    with pytest.raises(ProjectError, match="ZeroDivisionError") as caught:
        await host.cut(5, 1)
    assert "1 / 0" in caught.value.traceback


async def test_prints_never_mix_with_frames(open_host: OpenHost) -> None:
    lines: list[str] = []
    source = """
    import os, sys
    print('on loading')
    sys.stdout.write('x' * 10_000 + '\\n')
    def numbers():
        os.write(1, b'below python\\n')
        print('an error', file=sys.stderr)
        yield 1
        print('no newline', end='')
    """
    host = await open_host(f"{source}\n    def task(n):\n        return n\n", lines=lines, over="numbers")
    assert (await host.cut(1, 2)).end
    await host.aclose()
    assert [line for line in lines if "x" not in line] == [
        "on loading",
        "below python",
        "an error",
        "no newline",
    ]
    assert sum(line.count("x") for line in lines) == 10_000
    assert max(map(len, lines)) <= 4096


async def test_a_host_that_exits_is_an_error_of_the_box(open_host: OpenHost) -> None:
    host = await open_host("import os\ndef numbers():\n    os._exit(3)\n    yield\n\n" + PLAIN, over="numbers")
    with pytest.raises(BoxError, match="has ended"):
        await host.cut(1, 1)
    with pytest.raises(BoxError, match="has ended"):
        await host.finish(0)


async def test_a_host_that_writes_to_its_socket_harms_nobody(open_host: OpenHost) -> None:
    source = """
    import os, stat
    def numbers():
        for name in os.listdir('/proc/self/fd'):
            if int(name) > 2 and os.path.exists(f'/proc/self/fd/{name}'):
                if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                    os.write(int(name), b'garbage' * 100)
        yield 1
    """
    host = await open_host(f"{source}\n    def task(n):\n        return n\n", over="numbers")
    with pytest.raises(BoxError, match="over its bound"):
        await host.cut(1, 1)


async def test_a_host_whose_iterator_blocks_is_ended_all_the_same(tmp_path: Any, make_bundle: Any) -> None:
    executor = BoxExecutor(None, tmp_path / "blocking", BoxConfig(close_seconds=0.1))
    source = "import time\ndef numbers():\n    print('waiting')\n    time.sleep(600)\n    yield\n\n" + PLAIN
    waiting = trio.Event()
    host: Any = await executor.open_host(make_bundle(source, over="numbers"), {}, lambda line: waiting.set())
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(host.cut, 1, 1)
            await waiting.wait()
            scope.cancel()
    with pytest.raises(BoxError, match="has ended"):
        await host.cut(1, 1)
    await executor.aclose()
    with pytest.raises(ProcessLookupError):
        os.kill(host.pid, 0)
