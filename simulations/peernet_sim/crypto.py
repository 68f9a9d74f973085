"""Randomness, keys and signatures of a run: everything comes from its seed, nothing from Python's `hash()`.

The fake signer is a keyed hash whose key is the peer id, so anybody could forge it: hostile peers of the simulator
use only what an attacker could. It costs a microsecond where Ed25519 costs 62.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import cast

from peernet.identity.keys import KeyPair, Signer, Verifier, verify
from peernet.identity.peerid import dht_id
from peernet.types import PeerId
from peernet_sim.faults.minting import mint
from peernet_sim.model import Minted

_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_MASK = (1 << 64) - 1


def derive(seed: int, purpose: str, index: int = 0, size: int = 32) -> bytes:
    """Return bytes that depend on the seed, on what they are for, and on a number, and on nothing else."""
    return hashlib.blake2b(f"{seed}/{purpose}/{index}".encode(), digest_size=size).digest()


def stream(seed: int, purpose: str, index: int = 0) -> Random:
    """Return a source of randomness of its own for a purpose: drawing from one never shifts another."""
    return Random(int.from_bytes(derive(seed, purpose, index), "big"))


def fake_sign(key: bytes, data: bytes) -> bytes:
    """A signature of 64 bytes that only looks like one. key: the peer id of the author."""
    return hashlib.blake2b(data, key=key, digest_size=_SIGNATURE_BYTES).digest()


def fake_verify(peer: PeerId, data: bytes, signature: bytes) -> bool:
    """Whether `fake_sign` of this peer made the signature."""
    return len(peer) == _KEY_BYTES and fake_sign(peer, data) == signature


class Secrets:
    """A peer's source of secret bytes: a counter under a key, in place of the system's. Small, and drawn from
    seldom, where a `Random` would take 2.5 KiB."""

    __slots__ = ("_count", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._count = 0

    def __call__(self, size: int) -> bytes:
        """Return `size` bytes that no other call returns."""
        found = b""
        while len(found) < size:
            self._count += 1
            found += hashlib.blake2b(self._count.to_bytes(8, "big"), key=self._key).digest()
        return found[:size]


class Stream:
    """A source of randomness of a hundred bytes, where a `Random` takes 2.5 KiB: a counter, mixed. It draws as
    that does, and is given to cores in its place. After Steele, Lea and Flood, "Fast splittable pseudorandom
    number generators" (2014).
    """

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def getrandbits(self, count: int) -> int:
        """Return so many random bits."""
        found = self._draw()
        for _ in range(64, count, 64):
            found = found << 64 | self._draw()
        return found >> (-count % 64) if count else 0

    def random(self) -> float:
        """Return a number from 0 on and below 1."""
        return (self._draw() >> 11) * 2.0**-53

    def _draw(self) -> int:
        self._state = drawn = (self._state + 0x9E3779B97F4A7C15) & _MASK
        drawn = ((drawn ^ (drawn >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        drawn = ((drawn ^ (drawn >> 27)) * 0x94D049BB133111EB) & _MASK
        return drawn ^ (drawn >> 31)

    _randbelow = Random._randbelow_with_getrandbits  # type: ignore[attr-defined]
    randbytes = Random.randbytes
    randrange = Random.randrange
    randint = Random.randint
    uniform = Random.uniform
    expovariate = Random.expovariate
    choice = Random.choice
    choices = Random.choices
    sample = Random.sample
    shuffle = Random.shuffle


def small_stream(seed: int) -> Random:
    """Return a `Stream` as what it stands for."""
    return cast(Random, Stream(seed))


@dataclass(frozen=True, slots=True)
class Key:
    """A peer's key: its id, and what signs with it."""

    peer: PeerId
    sign: Signer


class Keys:
    """Makes the keys of a run.

    seed: of the run. real: Ed25519 instead of the fake. minted: peers whose keys are made near a place.
    """

    def __init__(self, seed: int, *, real: bool, minted: dict[int, Minted]) -> None:
        self._seed = seed
        self._real = real
        self._minted = minted
        self.verify: Verifier = verify if real else fake_verify

    def make(self, index: int, generation: int) -> Key:
        """Return the key of a peer. generation: 0 at first, one more for each start as a new peer."""
        wish = self._minted.get(index)
        if wish is None or not wish.bits:
            return self._key(self._bytes(index, generation, 0))
        near = dht_id(self.make(wish.victim, 0).peer)
        number, _ = mint(lambda number: self._key(self._bytes(index, generation, number)).peer, near, wish.bits)
        return self._key(self._bytes(index, generation, number))

    def _bytes(self, index: int, generation: int, number: int) -> bytes:
        return derive(self._seed, f"key/{generation}/{number}", index)

    def _key(self, data: bytes) -> Key:
        if not self._real:
            return Key(PeerId(data), partial(fake_sign, data))
        pair = KeyPair.from_seed(data)
        return Key(pair.peer_id, pair.sign)
