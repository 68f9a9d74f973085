"""What the installer prints, told in one line with a remedy."""

from __future__ import annotations

import pytest

from peernet.sandbox.environments.installer import _complaint


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
            "the disk is full: free some space, or set PEERNET_HOME to a folder on another disk",
        ),
        (
            "OSError: [Errno 27] File too large\n",
            "one of its wheels is larger than all environments may be together",
        ),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n  Expected sha256 ab\n",
            "a package of this machine's index has another digest than the one that was locked",
        ),
        (
            "WARNING: Retrying\nERROR: Could not find it\nERROR: No matching distribution found for a\nHint\n",
            "No matching distribution found for a",
        ),
        ("Traceback\nMemoryError\n", "MemoryError"),
        ("WARNING: something\n", "the installer ended with code 2"),
    ],
)
def test_what_went_wrong_is_told_in_one_line(printed: str, told: str) -> None:
    assert _complaint(printed, 2) == told
