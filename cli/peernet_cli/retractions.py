"""Results of a job that has ended and are believed no more: which they are, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from peernet.results import decode
from peernet.wire.control import FinalValue, JobRow, RetractedRow, SliceValue
from peernet_cli.stats import counted
from peernet_cli.terminal import Terminal

_SHOWN = 5
"""Ranges of places that a note shows; stats.json has all of them."""


class Places:
    """Notes where the results of retracted slices stand, while results pass through `noting`.

    ranges: the first and the last of each run of them, counted from 0 in the order of the input.
    """

    def __init__(self, row: JobRow) -> None:
        self._row = row
        self.ranges: list[tuple[int, int]] = []

    def reached(self, place: int) -> bool:
        """Return whether a result is one of them, which is the latest that has passed."""
        return bool(self.ranges) and self.ranges[-1][0] <= place <= self.ranges[-1][1]

    def noting(self, encoded: Iterable[SliceValue | FinalValue]) -> Iterator[SliceValue | FinalValue]:
        """Pass results on. They are decoded only where there is something to be found."""
        if not self._row.retracted:
            yield from encoded
            return
        place = 0
        for reply in encoded:
            if isinstance(reply, SliceValue):
                values = decode(reply.value)
                count = len(values) if isinstance(values, list) else 0
                if reply.retracted and count:
                    self._add(place, place + count - 1)
                place += count
            yield reply

    def _add(self, first: int, last: int) -> None:
        if self.ranges and self.ranges[-1][1] == first - 1:
            first = self.ranges.pop()[0]
        self.ranges.append((first, last))


def retraction_of(row: JobRow, entry: RetractedRow) -> str:
    """Return in a sentence what of a job is believed no more without one peer."""
    return f"{entry.slices} of {counted(row.accepted, 'slice')}: they rested on {entry.peer}, {entry.reason}"


def told_in_short(row: JobRow) -> str:
    """Return that results of a job are retracted, for a list of jobs; nothing if none are."""
    slices = sum(entry.slices for entry in row.retracted)
    return f"{counted(slices, 'slice')} retracted: submit it again" if slices else ""


def tell(terminal: Terminal, row: JobRow, places: Places | None = None) -> None:
    """Warn people who are given results that some of them are believed no more."""
    for entry in row.retracted:
        terminal.note(f"warning: retracted: {retraction_of(row, entry)}")
    if not row.retracted:
        return
    if row.reduces:
        terminal.note(f"the value of job {row.job[:10]} contains what is retracted; submit the job again")
        return
    shown = _shown(places.ranges) if places is not None else ""
    where = f"{shown} are retracted; " if shown else ""
    terminal.note(f"{where}submit the job again to have them computed anew")


def _shown(ranges: list[tuple[int, int]]) -> str:
    texts = [f"{first} to {last}" if first < last else str(first) for first, last in ranges[:_SHOWN]]
    more = f" and {len(ranges) - _SHOWN} more ranges, which stats.json has" if len(ranges) > _SHOWN else ""
    return f"results {', '.join(texts)}{more} (counted from 0)" if texts else ""
