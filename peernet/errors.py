"""Every error that peernet raises on purpose.

`UsageError` is the local caller's mistake, `RemoteError` another peer's: the one is told to the user with
a remedy, the other is counted against the peer and never stops this one. `NetworkError` and `JobError`
are what happens to honest work. The command turns each family into its exit code.
"""

from __future__ import annotations

from typing import Literal


class PeernetError(Exception):
    """The root of all errors that peernet raises on purpose. `str()` says what was wrong and what to do."""

    exit_code = 1
    traceback: str = ""
    """The text of the user's own frames, when the user's code raised; else empty."""


class UsageError(PeernetError):
    """The caller asked for something that can't be done: a wrong value, file, option or project."""

    exit_code = 2


class ProjectError(UsageError):
    """The project file is missing, broken, or declares no usable project.

    `traceback` is the text of the user's own frames when the project's code raised, else "".
    """

    def __init__(self, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback


class LockError(UsageError):
    """The requirements of a project can't be locked to exact wheels: no installer, no index, or no such wheels."""


class CannotTravelError(UsageError):
    """An argument or function can't be sent to another peer. Names it and its type."""


class AddressError(UsageError):
    """A text is not a multiaddr or peer id that peernet understands."""


class PortInUseError(UsageError):
    """The listening port is taken by another program."""


class HomeInUseError(UsageError):
    """Another peer is running with the same PEERNET_HOME."""


class KeyFileError(UsageError):
    """The key file can't be read, has the wrong length, or others may read it."""


class ResultsError(PeernetError):
    """The result codec refused a value or bytes."""


class CannotEncodeError(ResultsError):
    """A value is not plain data. Names its type and where in the result it stands."""


class CannotDecodeError(ResultsError):
    """Bytes are not the canonical encoding of any value, or exceed the decoder's bounds."""


class StorageError(PeernetError):
    """The disk refused: full, over quota, or unreadable."""


class BlobMissingError(StorageError):
    """A blob is not in the store, or its bytes no longer match its digest."""


class NetworkError(PeernetError):
    """Other peers can't be reached, or there are too few of them."""

    exit_code = 3


class UnreachableError(NetworkError):
    """Nobody answers at an address, or no address of a peer is known."""


class WrongPeerError(NetworkError):
    """Another peer than the one named in the multiaddr answered."""


class TooFewPeersError(NetworkError):
    """Fewer distinct peers than the job's policy needs."""


class NoPeerRunningError(NetworkError):
    """No peer runs in this PEERNET_HOME, and none may be started."""


class ConnectionLostError(NetworkError):
    """The connection to a peer ended while a call was under way."""


class CallTimeoutError(NetworkError):
    """A peer did not answer a call in time."""


class BusyError(NetworkError):
    """A queue of this peer is full; the call was not sent."""


class RemoteError(PeernetError):
    """Another peer broke a rule of the protocol, or answered a call with an error."""


class HandshakeError(RemoteError):
    """A Noise handshake failed: bad message, bad signature, low-order point, or early end."""


class ProtocolError(RemoteError):
    """Bytes of a peer did not decode, exceeded a limit, or came out of turn."""


EnvelopeRefusal = Literal["undecodable", "oversized", "domain", "lifetime", "future", "expired", "signature"]
"""Why an envelope was refused, so that refusals can be counted by kind. `identity.envelope` says when each is."""


class EnvelopeError(RemoteError):
    """A signed envelope is forged, altered, stale, from the future, or of another domain. `reason` says which."""

    def __init__(self, message: str, reason: EnvelopeRefusal) -> None:
        super().__init__(message)
        self.reason: EnvelopeRefusal = reason


class RemoteCallError(RemoteError):
    """A peer answered a call with an error. Carries its text."""


class JobError(PeernetError):
    """A job ended without a result. Carries the reason and, for a task that raised, its remote traceback."""


class TaskError(JobError):
    """The user's function raised on a worker. `traceback` is the text of the remote traceback."""

    def __init__(self, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback


class JobStoppedError(JobError):
    """The job was stopped before it was done."""

    exit_code = 130


class BoxError(PeernetError):
    """A box could not be started or ended by itself, apart from what the user's code did in it."""


class BuildError(BoxError):
    """The packages of a lock can't be had here: not allowed, not for this machine, not in the index, no room."""


class RetractedWarning(UserWarning):
    """Accepted results turned out to rest on a peer that lies. Says which, and what becomes of them."""
