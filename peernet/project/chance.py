"""Random numbers for tasks: equal on every peer that runs a slice, others for each slice and each call.

Results are compared between peers, so a task can't draw from the system. Seeding by the input would give equal
inputs equal numbers; so each slice comes with a seed, which its owner derives from a secret of the job.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy


class _Source:
    """What generators are made from now. seed: of the slice, or None outside of one. done: the results of the
    slice so far: as many as there are calls before the current one."""

    __slots__ = ("call", "done", "made", "seed")

    def __init__(self, seed: bytes | None, done: Sized) -> None:
        self.seed = seed
        self.done = done
        self.call = -1
        self.made: dict[Callable[[int | None], Any], Any] = {}

    def get(self, make: Callable[[int | None], Any]) -> Any:
        # Outside of a slice a forked process counts as another call: it must not repeat its parent's numbers.
        call = len(self.done) if self.seed is not None else os.getpid()
        if call != self.call:
            self.call = call
            self.made.clear()
        if make not in self.made:
            self.made[make] = make(_number(self.seed, call))
        return self.made[make]


_source = _Source(None, ())


def rng() -> random.Random:
    """The random generator of the current call of a task: use it in place of the functions of `random`.

        @peernet.parallel(over=[100_000] * 50)
        def inside(n):
            rng = peernet.rng()
            return sum(rng.random() ** 2 + rng.random() ** 2 < 1 for _ in range(n))

    In a job it is seeded by the job, the slice and the call, so that all peers that run a slice draw the same,
    while equal inputs draw differently; another submission, and another slice size, draw other numbers.
    Within one call it is one generator, so threads that share it have to agree on who draws when. Call it in the
    function: what is drawn while the module is imported differs from peer to peer.

    Outside of a job, in a serial run or a test, it is one generator of the process, seeded by the system; seed it
    with `peernet.rng().seed(1)` to have a run repeat itself.
    """
    made: random.Random = _source.get(random.Random)
    return made


def numpy_rng() -> numpy.random.Generator:
    """Like `rng`, for numpy: a `Generator` of its own, which draws other numbers.

    numpy may draw otherwise from one version to the next: require one version where peers' results are compared.

    Raises:
        ImportError: numpy is not installed.
    """
    made: numpy.random.Generator = _source.get(_numpy)
    return made


@contextmanager
def seeded(seed: bytes, done: Sized) -> Iterator[None]:
    """Let generators belong to a slice. seed: of the slice. done: grows by one with each call that ends."""
    global _source
    before, _source = _source, _Source(seed, done)
    try:
        yield
    finally:
        _source = before


def _numpy(number: int | None) -> numpy.random.Generator:
    import numpy

    return numpy.random.default_rng(number)


def _number(seed: bytes | None, call: int) -> int | None:
    if seed is None:
        return None
    return int.from_bytes(hashlib.blake2b(call.to_bytes(8, "big"), key=seed, digest_size=32).digest(), "big")
