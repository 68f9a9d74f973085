"""The lock: exactly which wheels a submitter's requirements stand for, as the bytes that travel.

It names no place: a volunteer takes the wheels from its own index, and only those that have these digests.
"""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from dataclasses import dataclass
from typing import NoReturn

from peernet.config.environments import MAX_LOCK_BYTES, MAX_LOCKED, MAX_PACKAGE_CHARS
from peernet.errors import CannotDecodeError, CannotEncodeError, ProjectError
from peernet.results import decode, encode, short_repr

_FORMAT = "peernet/lock/1"
_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9])*")
_VERSION = re.compile(r"(?:[0-9]+!)?[0-9](?:\.?[a-z0-9])*(?:\+[a-z0-9](?:\.?[a-z0-9])*)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PYTHON = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}")
_PLATFORM = re.compile(r"(?:[a-z0-9]+-[a-z0-9_]+)?")


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One wheel. name: canonical. version: normal form (PEP 440). sha256: of the wheel, 64 hex digits."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Lock:
    """Immutable and checked when made, whether here or from another peer's bytes.

    python: the minor version that it was made for, as "3.11".
    platform: the platform that its wheels run on, as "linux-x86_64"; "" if they run on any.
    packages: sorted by name, each name once; at least one.

    Raises ProjectError when it breaks one of these rules or a bound of `config.environments`.
    """

    python: str
    platform: str
    packages: tuple[LockedPackage, ...]

    def __post_init__(self) -> None:
        _check(self)

    @property
    def digest(self) -> str:
        """SHA-256 of the encoded lock in hex: the name of the environment that it stands for."""
        return hashlib.sha256(self.encode()).hexdigest()

    def encode(self) -> bytes:
        """Canonical bytes: equal locks give equal bytes.

        Raises:
            ProjectError: it is too large to travel.
        """
        packages = [(package.name, package.version, bytes.fromhex(package.sha256)) for package in self.packages]
        try:
            return encode([_FORMAT, self.python, self.platform, packages], max_bytes=MAX_LOCK_BYTES)
        except CannotEncodeError:
            raise ProjectError(
                f"the lock of {len(packages)} packages is larger than {MAX_LOCK_BYTES} bytes; "
                "ask for fewer, or install them on the peers"
            ) from None

    @classmethod
    def decode(cls, data: bytes) -> Lock:
        """Read and check a lock from anybody.

        Raises:
            ProjectError: the bytes are no lock, or it breaks a rule.
        """
        try:
            fields = decode(data, max_bytes=MAX_LOCK_BYTES)
        except CannotDecodeError as error:
            raise ProjectError(f"the lock of the requirements can't be read: {error}") from None
        if not isinstance(fields, list) or len(fields) != 4 or fields[0] != _FORMAT:
            raise ProjectError(
                f"the lock of the requirements is not of the format {_FORMAT}; "
                "the peers run different versions of peernet"
            )
        packages = fields[3]
        if not isinstance(packages, list):
            _refuse("its packages are no list")
        return cls(fields[1], fields[2], tuple(map(_package, packages)))


def running_platform() -> str:
    """The platform of this interpreter, as "linux-x86_64"."""
    return f"{sys.platform}-{platform.machine().lower()}"


def _package(value: object) -> LockedPackage:
    if not isinstance(value, tuple) or len(value) != 3 or not isinstance(value[2], bytes):
        _refuse("a package is not a name, a version and a digest")
    return LockedPackage(value[0], value[1], value[2].hex())


def _check(lock: Lock) -> None:
    if not _matches(_PYTHON, lock.python):
        _refuse(f"{short_repr(lock.python)} is no minor version of Python")
    if not _matches(_PLATFORM, lock.platform):
        _refuse(f"{short_repr(lock.platform)} is no platform")
    if not 1 <= len(lock.packages) <= MAX_LOCKED:
        _refuse(f"it holds {len(lock.packages)} packages; 1 to {MAX_LOCKED} are allowed, so ask for fewer")
    for package in lock.packages:
        if not _matches(_NAME, package.name):
            _refuse(f"{short_repr(package.name)} is not the canonical name of a package")
        if not _matches(_VERSION, package.version):
            _refuse(f"{short_repr(package.version)} is no exact version of {package.name}")
        if not _matches(_SHA256, package.sha256):
            _refuse(f"the digest of {package.name} is not 64 hex digits")
    names = [package.name for package in lock.packages]
    if names != sorted(set(names)):
        _refuse("its packages are not sorted, or one is there twice")


def _matches(pattern: re.Pattern[str], text: object) -> bool:
    return isinstance(text, str) and len(text) <= MAX_PACKAGE_CHARS and bool(pattern.fullmatch(text))


def _refuse(reason: str) -> NoReturn:
    raise ProjectError(f"the lock of the requirements is refused: {reason}")
