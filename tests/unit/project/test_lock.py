"""Locks: what is one, and that nothing else is."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peernet.config.environments import MAX_LOCK_BYTES, MAX_LOCKED
from peernet.errors import ProjectError
from peernet.project.lock import Lock, LockedPackage, running_platform
from peernet.results import encode

ZEROS = "0" * 64
LOCK = Lock("3.11", "linux-x86_64", (LockedPackage("a-b", "1!2.0rc1.post2.dev3+cu.121", ZEROS),))


def test_a_lock_travels_and_has_a_name() -> None:
    assert Lock.decode(LOCK.encode()) == LOCK
    assert len(LOCK.digest) == 64 and LOCK.digest != Lock("3.12", "", LOCK.packages).digest
    assert running_platform().startswith(f"{sys.platform}-")


def test_a_lock_is_bounded_as_a_whole() -> None:
    common = tuple(LockedPackage(f"{'n' * 14}-{n:05}", "10.20.30", ZEROS) for n in range(MAX_LOCKED))
    assert len(Lock("3.11", "linux-x86_64", common).encode()) <= MAX_LOCK_BYTES
    long = tuple(LockedPackage(f"{'n' * 94}-{n:05}", "1." * 49 + "10", ZEROS) for n in range(MAX_LOCKED))
    with pytest.raises(ProjectError, match="the lock of 128 packages is larger than 9216 bytes; ask"):
        Lock("3.11", "", long).encode()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("3", "", (("a", "1", ZEROS),)), "'3' is no minor version of Python"),
        (("3.11", "a b", (("a", "1", ZEROS),)), "'a b' is no platform"),
        (("3.11", "", ()), "it holds 0 packages; 1 to 128 are allowed"),
        (("3.11", "", tuple((f"a{n}", "1", ZEROS) for n in range(257))), "it holds 257 packages"),
        (("3.11", "", (("A", "1", ZEROS),)), "'A' is not the canonical name"),
        (("3.11", "", (("a--b", "1", ZEROS),)), "'a--b' is not the canonical name"),
        (("3.11", "", (("-e", "1", ZEROS),)), "'-e' is not the canonical name"),
        (("3.11", "", (("a" * 101, "1", ZEROS),)), "is not the canonical name"),
        (("3.11", "", (("a", ">=1", ZEROS),)), "'>=1' is no exact version of a"),
        (("3.11", "", (("a", "1 --index-url=x", ZEROS),)), "is no exact version of a"),
        (("3.11", "", (("a", "1\n-e .", ZEROS),)), "is no exact version of a"),
        (("3.11", "", (("a", " @ file:///", ZEROS),)), "is no exact version of a"),
        (("3.11", "", (("a", "1", "0"),)), "the digest of a is not 64 hex digits"),
        (("3.11", "", (("b", "1", ZEROS), ("a", "1", ZEROS))), "not sorted, or one is there twice"),
        (("3.11", "", (("a", "1", ZEROS), ("a", "2", ZEROS))), "not sorted, or one is there twice"),
    ],
)
def test_what_is_no_lock_is_refused(fields: Any, message: str) -> None:
    python, platform, packages = fields
    with pytest.raises(ProjectError, match=f"the lock of the requirements is refused: .*{message}"):
        Lock(python, platform, tuple(LockedPackage(*package) for package in packages))


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        ["peernet/lock/2", "3.11", "", []],
        ["peernet/lock/1", 3, "", [("a", "1", bytes(32))]],
        ["peernet/lock/1", "3.11", None, [("a", "1", bytes(32))]],
        ["peernet/lock/1", "3.11", "", {}],
        ["peernet/lock/1", "3.11", "", ["abc"]],
        ["peernet/lock/1", "3.11", "", [("a", "1", ZEROS)]],
        ["peernet/lock/1", "3.11", "", [("a", 1, bytes(32))]],
        ["peernet/lock/1", "3.11", "", [("a", "1", bytes(31))]],
        ["peernet/lock/1", "3.11", "", [("a", "1", bytes(32), "https://example.org")]],
    ],
)
def test_bytes_that_are_no_lock_are_refused(value: object) -> None:
    with pytest.raises(ProjectError, match="the lock of the requirements"):
        Lock.decode(encode(value))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_lock_or_refused(data: bytes) -> None:
    with pytest.raises(ProjectError):
        Lock.decode(data)
