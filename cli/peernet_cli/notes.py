"""What a running peer tells its user while it runs: a line each, and never a flood of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

REPEAT_SECONDS = 60.0
"""The same text is told again after this long at the earliest, with how often it came meanwhile."""

TEXTS_KEPT = 256
"""Texts that are remembered: another peer chooses some of what stands in them."""

BURST, BURST_SECONDS = 20, 10.0
"""Lines in so many seconds, whatever they say: others can cause new texts without end."""


class Notes:
    """Passes lines on to `write`, but not the same one over and over, and not too many at once."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._write = write
        self._clock = clock
        self._told: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._window = clock()
        self._lines = 0
        self._left_out = 0

    def tell(self, text: str) -> None:
        """Write a line, unless it is one too many."""
        now = self._clock()
        since, more = self._told.get(text, (None, 0))
        if since is not None and now - since < REPEAT_SECONDS:
            self._told[text] = since, more + 1
            return
        if not self._has_room(now):
            return
        self._told[text] = now, 0
        self._told.move_to_end(text)
        while len(self._told) > TEXTS_KEPT:
            self._told.popitem(last=False)
        self._write(f"{text} ({more} more times since)" if more else text)

    def _has_room(self, now: float) -> bool:
        if now - self._window >= BURST_SECONDS:
            if self._left_out:
                self._write(f"{self._left_out} more lines were left out")
            self._window, self._lines, self._left_out = now, 0, 0
        if self._lines >= BURST:
            self._left_out += 1
            return False
        self._lines += 1
        return True
