"""Reading canonical bytes item by item: what `decode` does its work with, and the readers of further types too."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import cbor2

from peernet.config.project import DECODE_CPU_BASE, DECODE_CPU_PER_BYTE, MAX_RESULT_DEPTH
from peernet.errors import CannotDecodeError
from peernet.results import tags
from peernet.results.codec import scalar_bytes
from peernet.results.floats import decode_doubles
from peernet.results.runs import MIN_ITEMS, RUN_TO_END, run_of

_CHECK_EVERY = 256
"""Bytes of keys between two looks at the CPU clock: a dozen of those that could collide."""

Reader = Callable[["Decoder", int], object]
"""Reads what follows a private tag. The number is how many containers it is in, itself counted."""

_FLOAT_FORMATS = {25: struct.Struct(">e"), 26: struct.Struct(">f"), 27: struct.Struct(">d")}
_SMALLEST = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}
_LENGTHS = {24: 1, 25: 2, 26: 4, 27: 8}


class Decoder:
    """Reads one value out of bytes; `pos` is where the next item begins.

    classes: those that the caller gives. made_instances: whether code of the project's classes may have run.
    """

    __slots__ = ("_began", "_check_at", "classes", "data", "made_instances", "pos")

    def __init__(self, data: bytes, classes: Iterable[type] = ()) -> None:
        self.data = data
        self.pos = 0
        self.classes: Any = tuple(classes)
        self.made_instances = False
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
        reader = _READERS.get(argument) or self._find_reader(argument)
        return reader(self, depth + 1)

    def read_array(self, depth: int) -> list[object]:
        """The array that a private tag must be followed by."""
        start = self.pos
        return self._items(self.count(), start, depth)

    def read_parts(self, *kinds: type) -> list[Any]:
        """The array after a private tag: so many scalars of exactly these types, `object` for any."""
        if self.count() != len(kinds):
            self.refuse(f"a private tag is not followed by {len(kinds)} parts")
        return [self.read_part(kind) for kind in kinds]

    def read_part(self, kind: type) -> Any:
        """A scalar of exactly this type, `object` for any."""
        part = self.read(MAX_RESULT_DEPTH)  # so deep that nothing but a scalar is taken
        if kind is not object and type(part) is not kind:
            self.refuse(f"{type(part).__name__} where {kind.__name__} belongs")
        return part

    def read_mapping(self, depth: int) -> dict[object, object]:
        """A map, within what is being read at this depth."""
        major, info = self._initial()
        if major != 5:
            self.refuse("a map is missing")
        return self._mapping(self._argument(info), depth)

    def read_view(self) -> memoryview:
        """A byte string, not copied."""
        major, info = self._initial()
        if major != 2:
            self.refuse("a byte string is missing")
        begin = self._skip(self._argument(info))
        return memoryview(self.data)[begin : self.pos]

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

    def _find_reader(self, tag: int) -> Reader:
        from peernet.results.further import READERS

        reader = READERS.get(tag)
        if reader is None:
            self.refuse(f"tag {tag} is not known")
        return reader

    def _skip(self, length: int) -> int:
        """Go on by so many bytes. Returns where they begin."""
        begin = self.pos
        if length > len(self.data) - begin:
            self.refuse("the data ends in the middle of a value")
        self.pos = begin + length
        return begin

    def _take(self, length: int) -> bytes:
        begin = self._skip(length)
        return self.data[begin : self.pos]

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
        doubles = decode_doubles(self.data, self.pos, count)
        if doubles is not None:
            self.pos += 9 * count
            return doubles  # type: ignore[return-value]
        if count >= MIN_ITEMS:
            if start == 0 and RUN_TO_END.match(self.data, self.pos):
                return self._last_run(count)
            run = run_of(count).match(self.data, self.pos)
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


def _read_tuple(decoder: Decoder, depth: int) -> tuple[object, ...]:
    return tuple(decoder.read_array(depth))


def _read_set(decoder: Decoder, depth: int) -> set[object]:
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


def _read_frozenset(decoder: Decoder, depth: int) -> frozenset[object]:
    return frozenset(_read_set(decoder, depth))


_READERS: dict[int, Reader] = {
    tags.TUPLE: _read_tuple,
    tags.SET: _read_set,
    tags.FROZENSET: _read_frozenset,
}
"""How the item after each private tag is read. The partner of `codec._WRITERS`; more are in `further.READERS`."""
