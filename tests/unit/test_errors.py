"""The tree of errors: families, exit codes, and the way through the core's failures and back."""

from __future__ import annotations

import inspect
from typing import get_args

import pytest

from peernet import errors
from peernet.core.events import Failure, FailureKind
from peernet.runtime.failures import to_error, to_failure

MEMBERS = inspect.getmembers(errors, inspect.isclass)
CLASSES = [kind for _, kind in MEMBERS if issubclass(kind, errors.PeernetError)]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_has_an_exit_code_and_says_when_it_comes(kind: type[errors.PeernetError]) -> None:
    expected = 1
    if issubclass(kind, errors.UsageError):
        expected = 2
    if issubclass(kind, errors.NetworkError):
        expected = 3
    if issubclass(kind, errors.JobStoppedError):
        expected = 130
    assert kind.exit_code == expected
    assert kind.__doc__


@pytest.mark.parametrize("kind", get_args(FailureKind))
def test_a_failure_of_each_kind_is_an_error_that_becomes_it_again(kind: FailureKind) -> None:
    error = to_error(Failure(kind, "what happened", "where"))
    assert str(error) == "what happened"
    assert error.traceback == "where"
    assert to_failure(error) == Failure(kind, "what happened", "where")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.NetworkError("x"), "unreachable"),
        (errors.NoPeerRunningError("x"), "unreachable"),
        (errors.ProtocolError("x"), "lost"),
        (errors.HandshakeError("x"), "lost"),
        (errors.CannotTravelError("x"), "usage"),
        (errors.ResultsError("x"), "box"),
        (errors.RemoteError("x"), "lost"),
    ],
)
def test_families_stand_for_their_members(error: errors.PeernetError, kind: str) -> None:
    assert to_failure(error).kind == kind
