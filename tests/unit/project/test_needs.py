"""What a project says that it needs: sizes, requirements, reuse, and how results come back."""

from __future__ import annotations

import operator
from typing import Any

import pytest

import peernet
from peernet.errors import CannotDecodeError, CannotEncodeError, ProjectError
from peernet.project import collect, make_options, override, run_slice
from peernet.project.pickledresults import load_result, load_results, pickle_result
from peernet.project.sizes import format_size, read_size
from peernet.project.wanted import wanted_by

MIB = 1 << 20


@pytest.mark.parametrize(
    ("given", "size"),
    [
        *((None, None), (0, 0), (512, 512), ("512", 512), ("512MiB", 512 * MIB), ("1.5 GiB", 1536 * MIB)),
        *(("2GB", 2 * 10**9), ("3 kb", 3000), ("1TiB", 1 << 40), (" 7 B ", 7)),
    ],
)
def test_sizes_are_numbers_or_texts_with_a_unit(given: object, size: int | None) -> None:
    assert read_size("memory", given, 0, 1 << 50) == size


@pytest.mark.parametrize(
    "given", ["", "MiB", "12 parsecs", "-1", "1e9", "1,5GiB", 1.5, True, b"5", "9" * 30, "½GiB"]
)
def test_what_is_no_size_is_named_with_the_remedy(given: object) -> None:
    with pytest.raises(ProjectError, match=r'memory=.*: it must be a number of bytes, or a text such as "512MiB"'):
        read_size("memory", given, 0, 1 << 50)


def test_sizes_out_of_range_are_named_with_the_range() -> None:
    with pytest.raises(ProjectError, match=r"memory='1MiB': it must be from 16 MiB to 1 PiB"):
        make_options(memory="1MiB")
    with pytest.raises(ProjectError, match=r"scratch='2000TiB': it must be from 1 B to 1 PiB"):
        make_options(scratch="2000TiB")


def test_sizes_for_people() -> None:
    assert [format_size(size) for size in (0, 1023, 1024, 1536, 5 * MIB, 3 << 30)] == [
        "0 B",
        "1023 B",
        "1 KiB",
        "1.5 KiB",
        "5 MiB",
        "3 GiB",
    ]


def test_the_decorator_takes_needs() -> None:
    @peernet.parallel(over=[1], memory="64MiB", scratch=5, requirements=["numpy>=1"], reuse=True, results="pickle")
    def f(n: int) -> int:
        return n

    options = f.options
    assert (options.memory, options.scratch, options.requirements) == (64 * MIB, 5, ("numpy>=1",))
    assert (options.reuse, options.results) == (True, "pickle")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"requirements": "numpy"}, r"requirements='numpy': it must be a list of them, as in \['numpy'\]"),
        ({"requirements": [1]}, r"requirements: 1 stands where texts belong"),
        ({"requirements": ["a"] * 65}, "requirements: there are 65, and 64 are allowed"),
        ({"reuse": 1}, "reuse=1: it must be True or False"),
        ({"results": "json"}, 'results=\'json\': it must be "data" or "pickle"'),
        ({"timeout": 2e8}, "timeout=200000000.0: it must be a finite number of seconds above 0"),
    ],
)
def test_wrong_needs_are_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ProjectError, match=words):
        make_options(**given)


def test_the_command_line_overrides_sizes_and_leaves_the_rest() -> None:
    declared = make_options(memory="64MiB", scratch=7, requirements=["a"], reuse=True, results="pickle")
    assert override(declared) == declared
    changed = override(declared, memory=32 * MIB, timeout=3)
    assert (changed.memory, changed.scratch, changed.timeout) == (32 * MIB, 7, 3.0)
    assert (changed.requirements, changed.reuse, changed.results) == (("a",), True, "pickle")


def test_needs_of_the_block_and_of_the_decorator_are_joined(workshop: Any) -> None:
    path = workshop.write(
        main="# /// script\n# requires-python = '>=3.11'\n# dependencies = ['B_c>=2', 'a']\n# ///\n"
    )
    wanted = wanted_by(collect(path, None, []), ("A", "zlib-ng==1"))
    assert wanted.python == ">=3.11"
    assert wanted.packages == ("a", "b-c>=2", "zlib-ng==1")


def test_a_wrong_block_is_told_with_its_file_and_line(workshop: Any) -> None:
    path = workshop.write(main="\n# /// script\n# dependencies = ['https://example.org/x.whl']\n# ///\n")
    with pytest.raises(ProjectError, match=r"main\.py: line 3: the requirement 'https://example\.org/x\.whl'"):
        wanted_by(collect(path, None, []))


def test_a_block_is_read_in_the_coding_of_its_file(workshop: Any) -> None:
    path = workshop.write(main="")
    path.write_bytes(
        "# -*- coding: latin-1 -*-\n# ü\n# /// script\n# dependencies = ['a']\n# ///\n".encode("latin-1")
    )
    assert wanted_by(collect(path, None, [])).packages == ("a",)


def test_pickled_results_go_both_ways(workshop: Any) -> None:
    path = workshop.write(
        main="import peernet\n@peernet.parallel(over=[1], results='pickle')\ndef f(n): return lambda: n + 1\n"
    )
    results = run_slice(workshop.function(collect(path, None, [])), [1, 2])
    assert all(type(result) is bytes for result in results)
    assert [value() for value in load_results(results)] == [2, 3]


def test_a_function_made_interactively_keeps_how_its_results_travel(workshop: Any) -> None:
    from peernet.project import bundle_project

    def make() -> Any:
        @peernet.parallel(over=[1], results="pickle", reduce=operator.add)
        def g(n: int) -> complex:
            return n * 1j

        return g

    _, worker = bundle_project(make())
    assert load_results(run_slice(workshop.function(worker), [3])) == [3j]


def test_results_that_can_not_be_pickled_or_loaded_are_named() -> None:
    with pytest.raises(CannotEncodeError, match=r"a result of type _thread\.lock can't be pickled"):
        import threading

        pickle_result(threading.Lock())
    with pytest.raises(CannotDecodeError, match="1 is not a pickled result"):
        load_result(1)
    with pytest.raises(CannotDecodeError, match="a pickled result can't be loaded here"):
        load_result(b"junk")
