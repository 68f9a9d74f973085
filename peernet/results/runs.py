"""Flat lists of scalars, recognised as a whole: bytes that match are canonical, so cbor2 may decode them.

A regular expression proves that the bytes are so many canonical scalars and nothing else; neither cbor2's tags nor
its leniency are ever reached.
"""

from __future__ import annotations

import functools
import re

MIN_ITEMS = 2
"""Items from which a flat list is worth the regular expression."""

_SHORT_STRINGS = b"|".join(
    b"[%b%b].{%d}" % (re.escape(bytes((0x40 + n,))), re.escape(bytes((0x60 + n,))), n) for n in range(24)
)
_SCALAR = (
    rb"[\x00-\x17\x20-\x37\xf4-\xf6]"  # small integers, False, True, None
    rb"|[\x18\x38][\x18-\xff]"  # longer integers, each too large for the head before it
    rb"|[\x19\x39](?!\0).."
    rb"|[\x1a\x3a](?!\0\0)...."
    rb"|[\x1b\x3b](?!\0\0\0\0)........"
    rb"|\xfb(?![\x7f\xff][\xf0-\xff])....(?![\x00\x20\x40\x60\x80\xa0\xc0\xe0]\0\0\0)...."  # finite, no float32
    rb"|\xfa(?![\x7f\xff][\x80-\xff])..(?![\x00\x20\x40\x60\x80\xa0\xc0\xe0]\0).."  # finite, no float16
    rb"|\xf9(?![\x7c-\x7f\xfc-\xff]).."  # finite
    rb"|\xf9(?:[\x7c\xfc]\0|\x7e\0)"  # the infinities and the one NaN
    rb"|" + _SHORT_STRINGS
)
"""One canonical scalar. Misses some (long strings; floats that only look shortenable), matches nothing else."""


@functools.lru_cache(maxsize=64)
def run_of(count: int) -> re.Pattern[bytes]:
    """So many canonical scalars."""
    return re.compile(rb"(?s:%b){%d}+" % (_SCALAR, count))


RUN_TO_END = re.compile(rb"(?s:%b)*+\Z" % _SCALAR)
"""Canonical scalars up to the end of the data."""
