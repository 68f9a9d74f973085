"""Random numbers of tasks."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import Any

import pytest

import peernet
from peernet.project import LoadedFunction, collect, run_slice

SEED, OTHER = b"s" * 16, b"t" * 16


def drawing(whole_slice: bool = False) -> LoadedFunction:
    return LoadedFunction(lambda _: peernet.rng().random(), whole_slice, Path())


def test_a_slice_draws_the_same_wherever_it_runs_and_each_call_and_slice_draws_others() -> None:
    first = run_slice(drawing(), [7, 7, 7], SEED)
    assert run_slice(drawing(), [7, 7, 7], SEED) == first
    assert run_slice(drawing(), [8, 8, 8], SEED) == first  # by slice and call, whatever the inputs
    second = run_slice(drawing(), [7, 7, 7], OTHER)
    assert len({*first, *second}) == 6
    assert run_slice(drawing(whole_slice=True), [7, 7], SEED) == first[:1]


def test_what_a_call_draws_is_the_same_in_every_version_of_python() -> None:
    def task(_: object) -> list[int]:
        return [peernet.rng().getrandbits(32) for _ in range(2)]

    assert run_slice(LoadedFunction(task, False, Path()), [0], SEED) == [[3208455799, 2705695200]]


def test_a_call_has_one_generator_however_often_it_asks() -> None:
    def task(_: object) -> tuple[bool, bool]:
        mine = peernet.rng()
        return mine is peernet.rng(), mine.random() != peernet.rng().random()

    assert run_slice(LoadedFunction(task, False, Path()), [1, 2], SEED) == [(True, True)] * 2


def test_numpy_draws_by_slice_and_call_too() -> None:
    pytest.importorskip("numpy")
    task = LoadedFunction(lambda _: int(peernet.numpy_rng().integers(1 << 62)), False, Path())
    first = run_slice(task, [1, 1], SEED)
    assert first == run_slice(task, [1, 1], SEED) and len({*first, *run_slice(task, [1, 1], OTHER)}) == 4


def test_outside_of_a_slice_it_is_the_processs_own_and_may_be_seeded() -> None:
    serial = peernet.rng()
    run_slice(drawing(), [1], SEED)
    assert peernet.rng() is serial
    serial.seed(1)
    once = [peernet.rng().random() for _ in range(3)]
    peernet.rng().seed(1)
    assert [peernet.rng().random() for _ in range(3)] == once


def test_a_failing_slice_leaves_the_processs_own_in_place() -> None:
    serial = peernet.rng()
    with pytest.raises(peernet.PeernetError):
        run_slice(LoadedFunction(lambda n: 1 // n, False, Path()), [0], SEED)
    assert peernet.rng() is serial


def test_a_forked_process_does_not_repeat_its_parents_numbers() -> None:
    serial = peernet.rng()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(peernet.rng().random()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    assert float(os.read(reading, 100)) != serial.random()
    os.close(reading)


def test_a_project_finds_it_by_its_public_name(workshop: Any) -> None:
    source = """
    import peernet
    @peernet.parallel(over=[1] * 4, slice_size=2)
    def f(n):
        return peernet.rng().randrange(10**9)
    """
    bundle = collect(workshop.write(main=textwrap.dedent(source)), None, [])
    function = workshop.function(bundle)
    assert run_slice(function, [1, 1], SEED) == run_slice(function, [1, 1], SEED)
