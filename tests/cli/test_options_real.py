"""What projects declare, as real jobs on real peers."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.real

DRAWING = """
@peernet.parallel(over=[5] * 6, slice_size=2)
def draw(x):
    return peernet.rng().randrange(10**12)
"""


def test_each_call_draws_something_else_though_the_inputs_are_equal(installed: Any) -> None:
    ran = installed.run("submit", installed.write(DRAWING), "--local", "2", "--json")
    assert ran.returncode == 0, ran
    done = json.loads(ran.stdout.splitlines()[-1])
    assert len(set(done["value"])) == 6


KEEPING = """
def perfect(pair):
    return pair[0] == pair[1]
@peernet.parallel(over=range(2, 600), slice_size=40, keep_if=perfect)
def divisors(n):
    return (n, sum(d for d in range(1, n) if n % d == 0))
"""


def test_the_result_is_the_list_of_what_is_kept(lone_peer: Any) -> None:
    ran = lone_peer.run("submit", lone_peer.write(KEEPING), "-o", "kept")
    assert ran.returncode == 0, ran
    assert json.loads((lone_peer.folder / "kept/results.json").read_text()) == [[6, 6], [28, 28], [496, 496]]


def test_a_keep_if_that_raises_ends_the_job_with_its_traceback(lone_peer: Any) -> None:
    ran = lone_peer.run("submit", lone_peer.write(KEEPING.replace("pair[0] == pair[1]", "pair.first")))
    assert ran.returncode == 1
    assert "keep_if raised AttributeError" in ran.stderr and "in perfect" in ran.stderr


SEARCHING = """
def is_square(found):
    return found[0] > 1 and found[1] ** 2 == 2 * found[0] ** 2 - 1
@peernet.parallel(over=range(10_000_000), slice_size=25, stop_when=is_square{more})
def pair(n):
    return (n, round((2 * n * n - 1) ** 0.5) if n else 0)
"""
"""Solutions of y² = 2x² - 1: (1, 1), (5, 7), (29, 41), ..."""


def test_a_search_ends_with_its_first_hit(lone_peer: Any) -> None:
    ran = lone_peer.run("submit", lone_peer.write(SEARCHING.format(more="")), "-o", "found")
    assert ran.returncode == 0, ran
    found = json.loads((lone_peer.folder / "found/results.json").read_text())
    numbers = [n for n, _ in found]
    hits = [n for n, m in found if n > 1 and m**2 == 2 * n**2 - 1]
    assert hits and numbers == sorted(numbers)
    assert not {n + 1 for n in hits} & set(numbers), "a slice ends with its hit"


def test_a_search_gives_what_it_keeps(lone_peer: Any) -> None:
    more = ", keep_if=is_square, reduce=min"
    ran = lone_peer.run("submit", lone_peer.write(SEARCHING.format(more=more)), "--json")
    assert ran.returncode == 0, ran
    n, m = json.loads(ran.stdout.splitlines()[-1])["value"]
    assert n > 1 and m**2 == 2 * n**2 - 1


def test_a_stop_when_that_raises_ends_the_job_with_its_traceback(lone_peer: Any) -> None:
    ran = lone_peer.run("submit", lone_peer.write(SEARCHING.replace("found[0] > 1", "found.x").format(more="")))
    assert ran.returncode == 1
    assert "stop_when raised AttributeError" in ran.stderr and "in is_square" in ran.stderr


FAILING = """
@peernet.parallel(over=range(200), slice_size=20{more})
def inverse(n):
    return 1000 // (n - 57)
"""


def test_one_bad_call_of_two_hundred_is_skipped_and_its_traceback_is_kept(lone_peer: Any) -> None:
    ran = lone_peer.run("submit", lone_peer.write(FAILING.format(more=', on_error="skip"')), "-o", "skipped")
    assert ran.returncode == 0, ran
    values = json.loads((lone_peer.folder / "skipped/results.json").read_text())
    good = [1000 // (n - 57) for n in range(200) if n != 57]
    assert values[:57] + values[58:] == good
    [name, fields] = values[57]["$dataclass"]
    assert name.endswith("FailedCall") and fields == {"error": "ZeroDivisionError", "call": 17}
    text = (lone_peer.folder / "skipped/tracebacks.txt").read_text()
    assert text.startswith("slice 2, call 17 of the slice: Traceback") and "1000 // (n - 57)" in text


def test_the_calls_that_a_value_lacks_are_counted(lone_peer: Any) -> None:
    project = lone_peer.write(FAILING.format(more=', on_error="skip", reduce=max'))
    ran = lone_peer.run("submit", project, "-o", "most")
    assert ran.returncode == 0 and "1 call skipped" in ran.stdout, ran
    assert json.loads((lone_peer.folder / "most/stats.json").read_text())["skipped"] == 1
    project = lone_peer.write(FAILING.format(more=', on_error="skip", keep_if=lambda value: value > 900'))
    ran = lone_peer.run("submit", project, "--json")
    done = json.loads(ran.stdout.splitlines()[-1])
    assert (done["value"], done["skipped"]) == ([1000], 1)


def test_the_command_line_says_what_becomes_of_errors(lone_peer: Any) -> None:
    ran = lone_peer.run("submit", lone_peer.write(FAILING.format(more="")), "--on-error", "skip")
    assert ran.returncode == 0, ran
    ran = lone_peer.run("submit", lone_peer.write(FAILING.format(more=', on_error="skip"')), "--on-error", "fail")
    assert ran.returncode == 1 and "ZeroDivisionError" in ran.stderr


BROKEN = """
@peernet.parallel(over=range(4), slice_size=1, on_error="retry")
def broken(n):
    if n == 2:
        raise RuntimeError("this machine lacks something")
    return n
"""


def test_a_slice_that_fails_is_tried_again_before_the_job_fails(lone_peer: Any) -> None:
    ran = lone_peer.run("submit", lone_peer.write(BROKEN), "--json")
    assert ran.returncode == 1
    assert "this machine lacks something" in ran.stdout
    job = json.loads(ran.stdout.splitlines()[0])["job"]
    shown = json.loads(lone_peer.run("show", job, "--json").stdout.splitlines()[-1])
    assert shown["executions"] >= 4
