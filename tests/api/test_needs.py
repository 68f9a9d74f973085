"""Limits and tiers from Python, and results that are pickles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import peernet
from peernet.api.jobs import Job
from peernet.api.submitting import submit, submit_request
from peernet.errors import CannotDecodeError, ProjectError, UsageError
from peernet.project.pickledresults import pickle_result
from peernet.results import encode
from peernet.storage.home import Home
from peernet.wire.control import FinalValue, SliceValue, Submit


@peernet.parallel(over=[1])
def one(n: int) -> int:
    return n


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"memory": "lots"}, "memory='lots': it must be a number of bytes"),
        ({"scratch": 0}, "scratch=0: it must be from 1 B to 1 PiB"),
        ({"require_sandbox": "C"}, "require_sandbox='C': it must be 'A' or 'B'"),
    ],
)
def test_wrong_options_of_submit_are_named(tmp_path: Path, given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        submit(one, home=tmp_path, start_local=False, **given)


def test_wrong_limits_of_a_peer_are_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="memory='1KiB': it must be from 16 MiB to 1 PiB"):
        peernet.Peer(home=tmp_path, memory="1KiB")


def test_a_tier_is_for_a_local_swarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peernet.api.client.ControlClient.running", lambda self: True)
    with pytest.raises(
        UsageError, match="sandbox tier B: it is that of a local swarm, and a peer runs here already"
    ):
        submit_request(Submit(b"", b""), Home.open(tmp_path), local=None, start_local=True, sandbox_tier="B")


class Client:
    """A peer that streams these results."""

    def __init__(self, *replies: object) -> None:
        self.replies = replies

    def stream(self, request: object) -> Any:
        return iter(self.replies)


def results(*replies: object) -> list[Any]:
    return list(Job("j", Client(*replies)).results())  # type: ignore[arg-type]


def test_pickles_are_loaded_if_the_peer_says_that_they_are_pickles() -> None:
    pickled = encode([pickle_result(value) for value in (1j, {3: len})])
    assert results(SliceValue(0, pickled, pickles=True)) == [1j, {3: len}]
    assert results(FinalValue(encode(pickle_result(len)), pickles=True)) == [len]


def test_bytes_that_happen_to_be_a_pickle_are_left_alone() -> None:
    data = pickle_result(1j)
    assert results(SliceValue(0, encode([data]))) == [data]
    assert results(FinalValue(encode(data))) == [data]


def test_what_is_no_pickle_is_named() -> None:
    with pytest.raises(CannotDecodeError, match="1 is not a pickled result, as the project asks for"):
        results(SliceValue(0, encode([1]), pickles=True))
