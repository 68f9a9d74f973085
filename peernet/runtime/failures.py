"""Errors of the layers below, as the core's failures; and failures, as errors for the caller."""

from __future__ import annotations

from peernet import errors
from peernet.core.events import Failure, FailureKind

_KINDS: tuple[tuple[type[errors.PeernetError], FailureKind], ...] = (
    (errors.WrongPeerError, "wrong-peer"),
    (errors.ConnectionLostError, "lost"),
    (errors.CallTimeoutError, "timeout"),
    (errors.BusyError, "busy"),
    (errors.NetworkError, "unreachable"),
    (errors.RemoteCallError, "refused"),
    (errors.RemoteError, "lost"),
    (errors.BlobMissingError, "missing"),
    (errors.StorageError, "storage"),
    (errors.CannotEncodeError, "unencodable"),
    (errors.CannotDecodeError, "corrupt"),
    (errors.TaskError, "task"),
    (errors.UsageError, "usage"),
    (errors.BoxError, "box"),
)

_ERRORS: dict[FailureKind, type[errors.PeernetError]] = {
    "unreachable": errors.UnreachableError,
    "wrong-peer": errors.WrongPeerError,
    "lost": errors.ConnectionLostError,
    "timeout": errors.CallTimeoutError,
    "busy": errors.BusyError,
    "refused": errors.RemoteCallError,
    "missing": errors.BlobMissingError,
    "corrupt": errors.CannotDecodeError,
    "storage": errors.StorageError,
    "usage": errors.ProjectError,
    "task": errors.TaskError,
    "unencodable": errors.CannotEncodeError,
    "box": errors.BoxError,
}


def to_failure(error: errors.PeernetError) -> Failure:
    """Return what the core is told of an error."""
    kind: FailureKind = next((kind for family, kind in _KINDS if isinstance(error, family)), "box")
    return Failure(kind, str(error), error.traceback)


def to_error(failure: Failure) -> errors.PeernetError:
    """Return the error that a local caller is given for a failure."""
    family = _ERRORS[failure.kind]
    error = family(failure.message)
    error.traceback = failure.traceback
    return error
