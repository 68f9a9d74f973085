"""The strict decoder: it takes exactly the bytes that `encode` makes, from anybody, in bounded time.

Canonical form is checked while reading (shortest heads, sorted keys, one NaN), so nothing is encoded again.
"""

from __future__ import annotations

import functools
import re
import struct
import time
from collections.abc import Callable
from typing import NoReturn

import cbor2

from peernet.config.project import DECODE_CPU_BASE, DECODE_CPU_PER_BYTE, MAX_RESULT_BYTES, MAX_RESULT_DEPTH
from peernet.errors import CannotDecodeError
from peernet.results.codec import SET_TAG, TUPLE_TAG, scalar_bytes

_RUN_MIN = 2
"""Items from which a flat list is worth the regular expression."""

_CHECK_EVERY = 256
"""Bytes of keys between two looks at the CPU clock: a dozen of those that could collide."""

_FLOAT_FORMATS = {25: struct.Struct(">e"), 26: struct.Struct(">f"), 27: struct.Struct(">d")}
_SMALLEST = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}
_LENGTHS = {24: 1, 25: 2, 26: 4, 27: 8}


def decode(data: bytes, *, max_bytes: int = MAX_RESULT_BYTES) -> object:
    """Decode what `encode` made. Any other bytes are refused: `encode(decode(data)) == data`.

    Time is linear in the size (a CPU clock guards against keys made to collide), memory is at most about 60
    times the size (a byte can be an empty list), and no code but this runs.

    Args:
        data: the encoding, from anybody.
        max_bytes: the largest size to look at.

    Raises:
        CannotDecodeError: the bytes are not canonical, not plain data, too large, too deep or too costly.
    """
    if len(data) > max_bytes:
        raise CannotDecodeError(f"{len(data)} bytes are more than the {max_bytes} allowed")
    decoder = _Decoder(data)
    try:
        value = decoder.read(0)
    except RecursionError:
        raise CannotDecodeError("the call stack has no room left to decode it") from None
    if decoder.pos != len(data):
        decoder.refuse("bytes after the end of the value")
    return value


class _Decoder:
    """Reads one value out of bytes; `pos` is where the next item begins."""

    __slots__ = ("_began", "_check_at", "data", "pos")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.pos = 0
        self._check_at = _CHECK_EVERY
        self._began = time.thread_time()

    def refuse(self, reason: str) -> NoReturn:
        raise CannotDecodeError(f"byte {self.pos}: {reason}")

    def read(self, depth: int) -> object:
        start = self.pos
        major, info = self._initial()
        if major == 7:
            return self._read_simple(info, start)
        argument = self._argument(info)
        if major == 0:
            return argument
        if major == 1:
            return -1 - argument
        if major == 2:
            return self._take(argument)
        if major == 3:
            return self._text(argument)
        if major == 6 and argument in (2, 3):
            return self._bignum(argument)
        if depth >= MAX_RESULT_DEPTH:
            self.refuse(f"nested deeper than {MAX_RESULT_DEPTH} containers")
        if major == 4:
            return self._items(argument, start, depth + 1)
        if major == 5:
            return self._mapping(argument, depth + 1)
        reader = _READERS.get(argument)
        if reader is None:
            self.refuse(f"tag {argument} is not known")
        return reader(self, depth + 1)

    def read_array(self, depth: int) -> list[object]:
        """The array that a private tag must be followed by."""
        start = self.pos
        return self._items(self.count(), start, depth)

    def count(self) -> int:
        """The head of an array: how many items follow."""
        major, info = self._initial()
        if major != 4:
            self.refuse("a private tag is not followed by an array")
        return self._argument(info)

    def check_key(self, key: object, begin: int, previous: bytes) -> bytes:
        """Refuse a key that is not hashable or not after the one before. Returns its encoding."""
        encoded = self.data[begin : self.pos]
        if encoded <= previous:
            self.refuse("keys are not sorted, or one is there twice")
        if self.pos >= self._check_at:
            self._check_at = self.pos + _CHECK_EVERY
            if time.thread_time() - self._began > DECODE_CPU_BASE + DECODE_CPU_PER_BYTE * self.pos:
                self.refuse("decoding costs too much; were its keys made to collide?")
        try:
            hash(key)
        except TypeError:
            self.refuse(f"a key is a {type(key).__name__}, which can't be one")
        return encoded

    def room_for(self, items: int) -> None:
        """Refuse a count of items that the bytes left can't hold, before anything is made for them."""
        if items > len(self.data) - self.pos:
            self.refuse(f"{items} items announced, but the data ends before")

    def _initial(self) -> tuple[int, int]:
        if self.pos >= len(self.data):
            self.refuse("the data ends in the middle of a value")
        byte = self.data[self.pos]
        self.pos += 1
        return byte >> 5, byte & 31

    def _argument(self, info: int) -> int:
        if info < 24:
            return info
        length = _LENGTHS.get(info)
        if length is None:
            self.refuse("an indefinite length or a reserved head")
        argument = int.from_bytes(self._take(length), "big")
        if argument < _SMALLEST[info]:
            self.refuse("a head is longer than it needs to be")
        return argument

    def _take(self, length: int) -> bytes:
        end = self.pos + length
        if end > len(self.data):
            self.refuse("the data ends in the middle of a value")
        chunk = self.data[self.pos : end]
        self.pos = end
        return chunk

    def _text(self, length: int) -> str:
        try:
            return self._take(length).decode()
        except UnicodeDecodeError:
            self.refuse("a text is not UTF-8")

    def _bignum(self, tag: int) -> int:
        major, info = self._initial()
        if major != 2:
            self.refuse("a large integer is not a byte string")
        digits = self._take(self._argument(info))
        if len(digits) < 9 or digits[0] == 0:
            self.refuse("a large integer is longer than it needs to be")
        magnitude = int.from_bytes(digits, "big")
        return magnitude if tag == 2 else -1 - magnitude

    def _read_simple(self, info: int, start: int) -> object:
        if info in (20, 21):
            return info == 21
        if info == 22:
            return None
        layout = _FLOAT_FORMATS.get(info)
        if layout is None:
            self.refuse("a simple value that is not False, True or None")
        value: float = layout.unpack(self._take(layout.size))[0]
        if scalar_bytes(value) != self.data[start : self.pos]:
            self.refuse("a float is not in its shortest form, or an odd NaN")
        return value

    def _items(self, count: int, start: int, depth: int) -> list[object]:
        self.room_for(count)
        if count >= _RUN_MIN:
            if start == 0 and _RUN_TO_END.match(self.data, self.pos):
                return self._last_run(count)
            run = _run_of(count).match(self.data, self.pos)
            if run is not None:
                return self._run(start, run.end())
        return [self.read(depth) for _ in range(count)]

    def _run(self, start: int, end: int) -> list[object]:
        """A flat list, proved canonical: cbor2 has only to make the objects and to check UTF-8."""
        try:
            items: list[object] = cbor2.loads(self.data[start:end])
        except cbor2.CBORDecodeError:
            self.refuse("a text is not UTF-8")
        self.pos = end
        return items

    def _last_run(self, count: int) -> list[object]:
        """The outermost list, of nothing but scalars: as many as it says?

        One expression serves all lengths, where `_run_of` has to be compiled for each: that costs a fresh process
        a millisecond. cbor2 passes over bytes after a list of known length, so it is given one without."""
        try:
            items: list[object] = cbor2.loads(b"\x9f" + self.data[self.pos :] + b"\xff")
        except cbor2.CBORDecodeError:
            self.refuse("a text is not UTF-8")
        if len(items) != count:
            self.refuse(f"{len(items)} items where a list says that there are {count}")
        self.pos = len(self.data)
        return items

    def _mapping(self, count: int, depth: int) -> dict[object, object]:
        self.room_for(2 * count)
        mapping: dict[object, object] = {}
        previous = b""
        for _ in range(count):
            begin = self.pos
            key = self.read(depth)
            previous = self.check_key(key, begin, previous)
            mapping[key] = self.read(depth)
        if len(mapping) != count:
            self.refuse("two keys of a dict are equal")
        return mapping


def _read_tuple(decoder: _Decoder, depth: int) -> tuple[object, ...]:
    return tuple(decoder.read_array(depth))


def _read_set(decoder: _Decoder, depth: int) -> set[object]:
    count = decoder.count()
    decoder.room_for(count)
    members: set[object] = set()
    previous = b""
    for _ in range(count):
        begin = decoder.pos
        member = decoder.read(depth)
        previous = decoder.check_key(member, begin, previous)
        members.add(member)
    if len(members) != count:
        decoder.refuse("two members of a set are equal")
    return members


_READERS: dict[int, Callable[[_Decoder, int], object]] = {TUPLE_TAG: _read_tuple, SET_TAG: _read_set}
"""How the item after each private tag is read. Its partner is `codec._WRITERS`."""

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
def _run_of(count: int) -> re.Pattern[bytes]:
    return re.compile(rb"(?s:%b){%d}+" % (_SCALAR, count))


_RUN_TO_END = re.compile(rb"(?s:%b)*+\Z" % _SCALAR)
