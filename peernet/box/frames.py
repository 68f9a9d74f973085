"""Frames between the peer and its boxes, and between a zygote and its children. Sans-IO, used by every side.

A frame is two 4-byte big-endian lengths, a header (a CBOR map of plain values) and a body (raw bytes):

    header length | body length | header | body

Bulk data travels in the body only, so parsing costs at most a small header, whoever sent it, and nothing is
allocated before it has arrived. A receiver treats every frame as hostile: `Reader` turns a header into a frozen
dataclass with exactly its fields and exactly their types, or raises `BoxError`. There are no pickles here.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, NoReturn, TypeVar, cast, get_args, get_origin, get_type_hints

import cbor2

from peernet.errors import BoxError

_LENGTHS = struct.Struct(">II")
_MAX_INT = 1 << 63
_MAX_DEPTH = 4

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as it arrived: the header's bytes are decoded but not yet checked against any message."""

    header: dict[str, object]
    body: bytes


class _NoTags(dict[int, Any]):
    """Decoders of CBOR tags, none of which are plain values: each refuses."""

    def __missing__(self, tag: int) -> Any:
        raise BoxError(f"a frame holds the CBOR tag {tag}, which is no plain value")


class FrameDecoder:
    """Cuts a stream of bytes into frames.

    header, body: the longest that is accepted, in bytes. A longer one raises `BoxError` once its length is read.
    """

    def __init__(self, *, header: int, body: int) -> None:
        self._limits = (header, body)
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what arrived. Call `next_frame` until it returns None before feeding more."""
        self._buffer += data

    def next_frame(self) -> Frame | None:
        """Return the next whole frame, or None. Raises BoxError for a frame that no honest side would send."""
        buffer = self._buffer
        if len(buffer) < _LENGTHS.size:
            return None
        header_size, body_size = _LENGTHS.unpack_from(buffer)
        if header_size > self._limits[0] or body_size > self._limits[1]:
            most = " + ".join(map(str, self._limits))
            raise BoxError(f"a frame of {header_size} + {body_size} bytes is over its bound of {most}")
        start = _LENGTHS.size + header_size
        end = start + body_size
        if len(buffer) < end:
            return None
        with memoryview(buffer) as view:
            header = bytes(view[_LENGTHS.size : start])
            body = bytes(view[start:end])
        del buffer[:end]
        return Frame(_header(header), body)

    @property
    def partial(self) -> bool:
        """Whether a frame has begun and not ended: an end of the stream now is a truncation."""
        return bool(self._buffer)


def _header(data: bytes) -> dict[str, object]:
    try:
        value = cbor2.loads(
            data,
            semantic_decoders=_NoTags(),
            max_depth=_MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
    except (cbor2.CBORError, ValueError, RecursionError, OverflowError) as error:
        raise BoxError(f"the header of a frame does not decode: {error}") from None
    if type(value) is not dict:
        raise BoxError(f"the header of a frame is a {type(value).__name__}, not a map")
    return value


class Message:
    """The base of every message: a frozen dataclass of plain values.

    A field named `body` is the frame's body; the others are its header, together with `kind`, the class's name
    in lower case. Field types may be int, float, str, bytes, bool, tuple[int, ...], a dataclass of such, a dict of
    plain values, and each of them or None.
    """

    __slots__ = ()

    def encode(self) -> tuple[bytes, bytes]:
        """Return the frame in two parts, so that a large body is not copied. Send them one after the other."""
        header: dict[str, object] = {"kind": type(self).__name__.lower()}
        body = b""
        for name, value in _items(self):
            if name == "body":
                body = value
            else:
                header[name] = dict(_items(value)) if is_dataclass(value) else value
        encoded = cbor2.dumps(header)
        return _LENGTHS.pack(len(encoded), len(body)) + encoded, body


def _items(message: Any) -> list[tuple[str, Any]]:
    return [(field.name, getattr(message, field.name)) for field in fields(message)]


class Reader:
    """Turns frames into the messages of one direction; anything else raises `BoxError`."""

    def __init__(self, *messages: type[Message]) -> None:
        self._messages = {message.__name__.lower(): message for message in messages}

    def read(self, frame: Frame) -> Message:
        """Check a frame against the message that it names and return that message."""
        kind = frame.header.get("kind")
        message = self._messages.get(kind) if type(kind) is str else None
        if message is None:
            raise BoxError(f"a frame of the unknown kind {kind!r:.100}")
        values = {name: value for name, value in frame.header.items() if name != "kind"}
        if "body" in _types(cast(Hashable, message)):
            values["body"] = frame.body
        elif frame.body:
            raise BoxError(f"a frame of the kind {kind} has a body")
        return _build(message, values)


@cache
def _types(target: Hashable) -> dict[str, Any]:
    """The types of a dataclass's fields, resolved once."""
    hints = get_type_hints(target)
    return {field.name: hints[field.name] for field in fields(cast(Any, target))}


def _build(target: type[M], values: Mapping[str, object]) -> M:
    types = _types(cast(Hashable, target))
    if values.keys() != types.keys():
        _refuse(target, f"has the fields {list(values)!r:.200}")
    try:
        return target(**{name: _check(target, name, types[name], value) for name, value in values.items()})
    except (ValueError, OverflowError) as error:
        raise BoxError(f"{target.__name__} refused: {error}") from None


def _check(target: type, name: str, wanted: Any, value: Any) -> Any:
    if get_origin(wanted) is UnionType:
        if value is None:
            return None
        (wanted,) = (part for part in get_args(wanted) if part is not NoneType)
    if wanted is float and type(value) is int:
        value = float(value)
    if get_origin(wanted) is tuple:
        if type(value) is list and all(type(item) is int and 0 <= item < _MAX_INT for item in value):
            return tuple(value)
    elif is_dataclass(wanted):
        if type(value) is dict:
            return _build(wanted if isinstance(wanted, type) else type(wanted), value)
    elif get_origin(wanted) is dict:
        if type(value) is dict:
            return value
    elif type(value) is wanted and _in_range(value):
        return value
    return _refuse(target, f"field {name} holds a {type(value).__name__}")


def _in_range(value: object) -> bool:
    if type(value) is int:
        return 0 <= value < _MAX_INT
    if type(value) is float:
        return math.isfinite(value) and value >= 0
    return True


def _refuse(target: type, text: str) -> NoReturn:
    raise BoxError(f"a frame does not match {target.__name__}: {text}")
