"""Cutting inputs, opening them again, and walking through them a second time."""

from __future__ import annotations

import fractions
import itertools
import pickle
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peernet.config import project as bounds
from peernet.errors import CannotDecodeError, CannotTravelError, ProjectError
from peernet.project import Cutter, open_input
from peernet.results import digest_of, encode


def cut_all(over: Any, calls: int) -> list[Any]:
    cutter = Cutter(over)
    slices = []
    while (cut := cutter.cut(calls)) is not None:
        opened = open_input(cut.data)
        slices.append(opened)
    assert cutter.cut(calls) is None
    return slices


@pytest.mark.parametrize(
    "over", [range(10), range(10, 0, -3), range(0), range(5, 100, 7)[2:9], range(2**63, 2**63 + 5)]
)
@pytest.mark.parametrize("calls", [1, 3, 100])
def test_ranges_travel_as_ranges(over: range, calls: int) -> None:
    slices = cut_all(over, calls)
    assert all(type(part) is range for part in slices)
    assert [number for part in slices for number in part] == list(over)
    assert Cutter(over).length == len(over)


def test_ranges_beyond_the_machines_integers_are_cut_at_once() -> None:
    cutter = Cutter(range(10**30, 0, -3))
    assert cutter.length == (10**30 + 2) // 3
    first = cutter.cut(2**70)
    second = cutter.cut(2)
    assert first is not None and first.calls == 2**70 and len(first.data) < 50
    assert second is not None and list(open_input(second.data)) == [10**30 - 3 * 2**70, 10**30 - 3 * 2**70 - 3]


@given(st.integers(-(2**70), 2**70), st.integers(-50, 50), st.integers(-7, 7).filter(bool), st.integers(1, 20))
def test_any_range_is_cut_without_loss(start: int, span: int, step: int, calls: int) -> None:
    over = range(start, start + span, step)
    parts = cut_all(over, calls)
    assert list(itertools.chain.from_iterable(parts)) == list(over)
    assert all(len(part) == calls for part in parts[:-1])


def test_arguments_may_repeat_and_be_unhashable() -> None:
    over = [[1], [1], {"a": {2}}, (1, 2), None, [1]]
    assert cut_all(over, 4) == [over[:4], over[4:]]
    assert cut_all(iter(over), 4) == [over[:4], over[4:]]


def test_other_objects_travel_as_pickles() -> None:
    over = [fractions.Fraction(1, 3), range(3), 5, frozenset({1})]
    cut = Cutter(over).cut(9)
    assert cut is not None and cut.data[:1] == b"P"
    assert list(open_input(cut.data)) == over


def test_an_input_may_have_no_end() -> None:
    cutter = Cutter(itertools.count)
    assert cutter.length is None
    cuts = [cutter.cut(3), cutter.cut(2)]
    assert [open_input(cut.data) for cut in cuts if cut] == [[0, 1, 2], [3, 4]]


def test_a_function_makes_the_input_only_in_the_host() -> None:
    made = []

    def make() -> list[int]:
        made.append(1)
        return [1, 2]

    assert cut_all(make, 5) == [[1, 2]] and made == [1]


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")

    def __reduce__(self) -> Any:
        raise ValueError("stays here")


def test_an_argument_that_can_not_travel_is_named_by_its_position() -> None:
    cutter = Cutter(iter([1, 2, 3, threading.Lock(), 5]))
    cutter.cut(2)
    with pytest.raises(
        CannotTravelError,
        match=r"argument 3 of the input can't travel .*<unlocked.* of type _thread\.lock: TypeError",
    ):
        cutter.cut(10)
    with pytest.raises(
        CannotTravelError, match=r"argument 0 .*whose repr raises RuntimeError.*Rude: ValueError: stays"
    ):
        Cutter([Rude()]).cut(1)


def test_a_slice_that_is_too_large_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peernet.project.cut.MAX_INPUT_BYTES", 1000)
    with pytest.raises(CannotTravelError, match=r"a slice of 20 arguments is .* use a smaller slice_size"):
        Cutter([str(n) * 50 for n in range(100)]).cut(20)
    with pytest.raises(CannotTravelError, match=r"argument 0 of the input is .* bytes"):
        Cutter([fractions.Fraction(1, 10**5000)]).cut(20)
    assert bounds.MAX_INPUT_BYTES == 64 << 20


def test_what_the_iterable_raises_is_told_with_its_traceback() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise KeyError("lost")

    cutter = Cutter(broken)
    assert cutter.cut(1) is not None
    with pytest.raises(ProjectError, match="reading the input raised KeyError: 'lost'") as told:
        cutter.cut(1)
    assert "in broken" in told.value.traceback and "peernet/project" not in told.value.traceback

    def exits() -> Any:
        raise SystemExit(2)

    with pytest.raises(ProjectError, match="making the input raised SystemExit: 2"):
        Cutter(exits)
    with pytest.raises(ProjectError, match=r"over returned builtins\.int, which is not an iterable"):
        Cutter(lambda: 5)


def test_replay_walks_to_where_it_was() -> None:
    words = [{"w": str(n)} for n in range(10)]
    before = Cutter(iter(words))
    cuts = [before.cut(size) for size in (3, 1, 4)]
    after = Cutter(iter(words))
    after.replay([(cut.calls, digest_of(cut.data)) for cut in cuts if cut])
    rest = after.cut(100)
    assert rest is not None and rest == before.cut(100) and open_input(rest.data) == words[8:]


@pytest.mark.parametrize(
    ("again", "words"),
    [([1, 2, 3, 5], "slice 1 differs"), ([1, 2], "slice 1 is missing"), ([1, 2, 3], "slice 1 differs")],
)
def test_replay_notices_another_input(again: list[int], words: str) -> None:
    before = Cutter([1, 2, 3, 4])
    cuts = [before.cut(2), before.cut(2)]
    with pytest.raises(ProjectError, match=f"not deterministic: {words} after the restart"):
        Cutter(again).replay([(cut.calls, digest_of(cut.data)) for cut in cuts if cut])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"X",
        b"R" + encode([1, 2]),
        b"R" + encode([1, 2, 0]),
        b"R" + encode([1, 2, True]),
        b"R" + encode((1, 2, 3)),
        b"R\xff",
        b"V" + encode({}),
        b"V\x9f",
        b"P" + pickle.dumps(5),
    ],
)
def test_bytes_that_are_no_input_are_refused(data: bytes) -> None:
    with pytest.raises(CannotDecodeError):
        open_input(data)


def test_a_pickle_that_needs_what_is_not_here_is_told() -> None:
    with pytest.raises(CannotTravelError, match="can't be loaded on the worker: ModuleNotFoundError"):
        open_input(b"P" + b"cnot_installed_anywhere\nthing\n.")
