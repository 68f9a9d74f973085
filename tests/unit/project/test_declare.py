"""The decorator and its options."""

from __future__ import annotations

import math
import operator
import subprocess
import sys
from typing import Any

import pytest

from peernet.errors import ProjectError
from peernet.project import MISSING, Options, Project, make_options, override, parallel


def test_a_project_is_still_the_function() -> None:
    @parallel(over=range(3), reduce=operator.add, slice_size=2)
    def triple(number: int) -> int:
        """Three times."""
        return 3 * number

    assert triple(3) == 9
    assert (triple.__name__, triple.__doc__, triple.name) == ("triple", "Three times.", "triple")
    assert isinstance(triple, Project) and triple.over == range(3) and triple.initial is MISSING
    assert triple.options == Options(slice_size=2, has_reduce=True)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"slice_size": 0}, "slice_size=0: it must be a whole number from 1"),
        ({"slice_size": True}, "slice_size=True"),
        ({"slice_size": 2.0}, r"slice_size=2\.0"),
        ({"slice_size": "9"}, "slice_size='9'"),
        ({"slice_size": 10**400}, "slice_size=a large int"),
        ({"replicas": 0}, "replicas=0"),
        ({"replicas": 1000}, "replicas=1000: it must be a whole number from 1 to 64"),
        ({"quorum": 0}, "quorum=0"),
        ({"replicas": 2, "quorum": 3}, "quorum=3 can't be reached with replicas=2"),
        ({"timeout": 0}, "timeout=0: it must be a finite number of seconds above 0"),
        ({"timeout": -1.5}, "timeout"),
        ({"timeout": math.inf}, "timeout=inf"),
        ({"timeout": math.nan}, "timeout=nan"),
        ({"timeout": True}, "timeout=True"),
        ({"timeout": 10**400}, "timeout"),
        ({"timeout": "1m"}, "timeout='1m'"),
        ({"name": ""}, "name=''"),
        ({"name": "a\nb"}, "name="),
        ({"name": 3}, "name=3"),
        ({"name": "x" * 201}, "200 printable"),
        ({"whole_slice": 1}, "whole_slice=1"),
        ({"over": 5}, "over=5: it must be an iterable"),
        ({"over": None}, "over=None"),
        ({"reduce": 5}, "reduce=5: it must be a function of two results, such as operator.add"),
        ({"check": 5}, "check=5: it must be a function of an input and its result"),
        ({"equal": "close"}, "equal='close': it must be \"allclose\", or a function of two results"),
        ({"reduce": "allclose"}, "reduce='allclose'"),
        ({"on_error": "ignore"}, "on_error='ignore': it must be"),
        ({"on_error": "skip", "check": max}, 'on_error="skip" and check'),
        ({"keep_if": "odd"}, "keep_if='odd': it must be a function of a result"),
        ({"stop_when": "odd"}, "stop_when='odd': it must be a function of a result"),
        ({"initial": 0}, "initial=0: it has a meaning only together with reduce"),
    ],
)
def test_wrong_values_are_named_with_the_remedy(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ProjectError, match=words) as refused:
        parallel(**{"over": [1], **wrong})
    assert refused.value.exit_code == 2


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(ProjectError, match="can't be called"):
        parallel(over=[1])(7)  # type: ignore[arg-type]
    with pytest.raises(ProjectError, match="declared parallel twice"):
        parallel(over=[1])(parallel(over=[2])(len))


@pytest.mark.parametrize(
    ("given", "replicas", "quorum"),
    [
        ({}, None, None),
        ({"replicas": 1}, 1, 1),
        ({"replicas": 2}, 2, 2),
        ({"replicas": 5}, 5, 2),
        ({"quorum": 1}, 2, 1),
        ({"quorum": 3}, 3, 3),
        ({"replicas": 5, "quorum": 4}, 5, 4),
    ],
)
def test_replicas_and_quorum_complete_each_other(
    given: dict[str, int], replicas: int | None, quorum: int | None
) -> None:
    options = make_options(**given)
    assert (options.replicas, options.quorum) == (replicas, quorum)


def test_overrides_are_checked_like_the_project() -> None:
    options = make_options(slice_size=5, replicas=5, quorum=4, timeout=9, whole_slice=True, has_reduce=True)
    assert override(options) == options
    assert override(options, slice_size=7).slice_size == 7
    fewer = override(options, replicas=2)
    assert (fewer.replicas, fewer.quorum, fewer.whole_slice, fewer.has_reduce) == (2, 2, True, True)
    assert override(make_options(), replicas=3).quorum == 2
    with pytest.raises(ProjectError, match="quorum=6 can't be reached with replicas=5"):
        override(options, quorum=6)
    with pytest.raises(ProjectError, match="slice_size=0"):
        override(options, slice_size=0)
    with pytest.raises(ProjectError, match="replicas=0"):
        override(options, replicas=0)


def test_over_is_not_touched_by_the_declaration() -> None:
    def explode() -> list[int]:
        raise AssertionError("called")

    class Lazy:
        def __iter__(self) -> Any:
            raise AssertionError("iterated")

        def __len__(self) -> int:
            raise AssertionError("measured")

    for over in (explode, Lazy()):
        assert parallel(over=over)(abs).over is over


def test_declaring_loads_nothing_heavy() -> None:
    program = (
        "import sys; before = set(sys.modules); import peernet; peernet.parallel;"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "peernet" in loaded
    heavy = {"asyncio", "concurrent", "cloudpickle", "trio", "nacl", "msgspec", "json", "socket", "ssl", "logging"}
    assert not loaded & heavy
