"""What is in the slices of a study, and what the job host does with their results."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from peernet.core import effects as e
from peernet.core.events import DifferencesFound
from peernet.identity.digest import digest
from peernet.project.cut import encode_input, open_input
from peernet.project.narrowing import Narrower
from peernet.results import encode
from peernet.types import Payload
from peernet_sim.policies.workers import TRUE

_NARROWER = Narrower(apart=True)


@dataclass(frozen=True, slots=True)
class Slices:
    """calls: in each slice. falsified: how many of these a liar falsifies; of a narrowed lease, whose calls are
    few and known to be in dispute, as many of them."""

    calls: int = 1
    falsified: int = 1

    def input(self, index: int) -> Payload:
        """Return the input of a slice: its number, once for each call."""
        return _payload(encode_input([index] * self.calls))

    def index(self, data: bytes) -> int:
        """Return which slice an input is of, or is a part of."""
        number: int = open_input(data)[0]
        return number

    def value(self, said: bytes, only: tuple[int, ...]) -> bytes:
        """Return the results that a worker signs. said: what it makes of the slice. only: the calls that it was
        lent; empty for all of them."""
        places = only or range(self.calls)
        if said == TRUE:
            return encode([TRUE] * len(places))
        first = zlib.crc32(said) % len(places)
        falsified = {(first + step) % len(places) for step in range(min(self.falsified, len(places)))}
        return encode([said if place in falsified else TRUE for place in range(len(places))])

    def right(self, value: Payload) -> bool:
        """Return whether these are the results of an honest worker."""
        return value.inline == encode([TRUE] * self.calls)

    def differ(self, effect: e.Differ) -> DifferencesFound:
        """Answer as the job host does."""
        values = [value.inline or b"" for value in effect.values]
        given = effect.input.inline or b""
        found = _NARROWER.differences(given, effect.calls, values, effect.also, effect.most)
        made = _payload(found.input) if found.input else None
        return DifferencesFound(found.counts, found.places, found.narrowed, made)

    def compose(self, effect: e.Compose) -> Payload | None:
        """Answer as the job host does."""
        base, part = effect.base.inline or b"", effect.part.inline or b""
        whole = _NARROWER.compose(base, effect.calls, part)
        return None if whole is None else _payload(whole)


ONE_CALL = Slices()
"""Each slice has one call: there is nothing to narrow."""


def _payload(data: bytes) -> Payload:
    return Payload(digest(data), len(data), data)
