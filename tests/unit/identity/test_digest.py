"""The hash that names things."""

from __future__ import annotations

from peernet.identity.digest import digest


def test_a_digest_is_sha_256() -> None:
    # FIPS 180-4, the example of one block.
    assert digest(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
