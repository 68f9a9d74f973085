"""A slice whose results differ in a few calls is executed again in these calls alone: what the job host does for
it.

Calls are named by their places in the slice, from 0, wherever they run: random numbers, failures and `FailedCall`
come out the same as in the whole slice. Results are compared and put together as encoded items, and never loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from peernet.config.project import MAX_INPUT_BYTES, MAX_NARROWED_CALLS, MAX_RESULT_BYTES
from peernet.errors import CannotDecodeError, CannotTravelError
from peernet.project.cut import encode_input, open_input
from peernet.project.failed import FailedCall
from peernet.results.items import join, split


@dataclass(frozen=True, slots=True)
class Differences:
    """Where results of a slice differ from the first of them.

    counts: of each the number of calls in which it does; None where it can't be compared call by call. places:
    the first `MAX_NARROWED_CALLS` of these calls, ascending. narrowed: all calls of those that differ in few,
    ascending; empty where there are none, or too many. input: of these calls, encoded, empty with them.
    """

    counts: tuple[int | None, ...]
    places: tuple[tuple[int, ...], ...]
    narrowed: tuple[int, ...] = ()
    input: bytes = b""


class Narrower:
    """Compares and composes the results of slices. For the job host: it loads inputs, which may be pickles.

    apart: whether calls can be executed one by one: the function takes single inputs, and no result ends the
    slice before its last call.
    """

    def __init__(self, *, apart: bool, classes: Iterable[type] = ()) -> None:
        self._apart = apart
        self._classes: tuple[type, ...] = (*classes, FailedCall)

    def differences(
        self, given: bytes, calls: int, values: Sequence[bytes], also: Sequence[int], most: int
    ) -> Differences:
        """Find where results differ, and make the input of these calls.

        given: the input of the slice, of so many calls. values: distinct results. also: calls that are executed
        again in any case. most: calls of a narrowed slice, at most `MAX_NARROWED_CALLS`; 0 to make no input.
        """
        parts = [self._split(value, calls) for value in values]
        first = parts[0]
        found = [None if first is None or part is None else _differing(first, part) for part in parts]
        counts = tuple(None if places is None else len(places) for places in found)
        told = tuple(tuple((places or ())[:MAX_NARROWED_CALLS]) for places in found)
        few = {place for places in found if places is not None and len(places) <= most for place in places}
        narrowed = tuple(sorted(few.union(also)))
        if not self._apart or not narrowed or len(narrowed) > most or narrowed[-1] >= calls:
            return Differences(counts, told)
        data = _select(given, calls, narrowed)
        return Differences(counts, told, narrowed if data else (), data)

    def compose(self, base: bytes, calls: Sequence[int], part: bytes) -> bytes | None:
        """Return a result with some calls' results replaced by those of a narrowed slice; None if what a peer
        returned as these is nothing of the kind, or too large.

        Raises:
            CannotDecodeError: `base` is no result.
        """
        whole = split(base, classes=self._classes)
        try:
            items = split(part, classes=self._classes)
        except CannotDecodeError:
            return None
        if len(items) != len(calls):
            return None
        for place, item in zip(calls, items, strict=True):
            whole[place] = item
        composed = join(whole)
        return composed if len(composed) <= MAX_RESULT_BYTES else None

    def _split(self, value: bytes, calls: int) -> list[bytes] | None:
        try:
            items = split(value, classes=self._classes)
        except CannotDecodeError:
            return None
        return items if len(items) == calls else None


def _differing(first: Sequence[bytes], other: Sequence[bytes]) -> list[int]:
    """The places at which two results of equal length differ."""
    return [place for place, (one, two) in enumerate(zip(first, other, strict=True)) if one != two]


def _select(given: bytes, calls: int, places: Sequence[int]) -> bytes:
    """The input of a few calls of a slice; empty where they can't travel alone."""
    try:
        inputs = open_input(given)
        if len(inputs) != calls:
            return b""
        data = encode_input([inputs[place] for place in places])
    except (CannotDecodeError, CannotTravelError):
        return b""
    return data if len(data) <= MAX_INPUT_BYTES else b""
