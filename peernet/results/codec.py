"""The canonical encoding of plain data: RFC 8949 CBOR, core deterministic encoding (section 4.2.1).

One value has exactly one encoding, so results of replicas are compared by the digest of their bytes. What CBOR
can't tell apart of Python's types travels under private tags. `_WRITERS` (by exact type) and `decoder._READERS`
(by tag) are the only places to touch for a new type.

Long flat lists are the hot path. They are encoded by cbor2's compiled encoder, whose canonical scalars are the
core deterministic ones. They are decoded by cbor2 too, but only after a regular expression has proved that the
bytes are so many canonical scalars and nothing else: neither its tags nor its leniency are ever reached.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from typing import Any

import cbor2

from peernet.config.project import MAX_RESULT_BYTES, MAX_RESULT_DEPTH
from peernet.errors import CannotEncodeError
from peernet.types import Digest

TUPLE_TAG = 0x7001
SET_TAG = 0x7002
"""Private tags, in a range without registered ones. They mean this only inside `peernet/results/1`."""

SCALARS = frozenset({type(None), bool, int, float, str, bytes})


class _Refusal(Exception):
    """Why a value can't be encoded; containers add where it stands on the way out."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []


def encode(value: object, *, max_bytes: int = MAX_RESULT_BYTES) -> bytes:
    """Encode plain data so that equal values of equal types give equal bytes, on every machine and in every run.

    Plain data is None, bool, int, float, str, bytes, and list, tuple, dict and set of plain data. Types are kept:
    a list is not a tuple, True is not 1, 1 is not 1.0. All NaNs are one; -0.0 is kept. Dictionaries lose their
    order of insertion: keys are sorted by their encoded bytes.

    Args:
        value: the value. Subclasses (an IntEnum, a named tuple) are refused: they would come back as another type.
        max_bytes: the largest encoding to allow.

    Raises:
        CannotEncodeError: naming the type, and the place inside the value as in `result[3]['x']`.
    """
    encoder = _Encoder(max_bytes)
    try:
        encoder.write(value, 0)
    except _Refusal as refusal:
        place = "result" + "".join(reversed(refusal.path))
        raise CannotEncodeError(f"{place}: {refusal.reason}") from None
    except RecursionError:
        raise CannotEncodeError("result: the call stack has no room left to encode it") from None
    return b"".join(encoder.chunks)


def digest_of(encoded: bytes) -> Digest:
    """SHA-256 of exact bytes: the name under which replicas agree, and of a blob."""
    return Digest(hashlib.sha256(encoded).digest())


def head(major: int, argument: int) -> bytes:
    """The shortest head of a data item (RFC 8949, section 3). argument: 0 to 2**64 - 1."""
    if argument < 24:
        return bytes((major << 5 | argument,))
    for info, length in ((24, 1), (25, 2), (26, 4)):
        if argument < 1 << (8 * length):
            return bytes((major << 5 | info,)) + argument.to_bytes(length, "big")
    return bytes((major << 5 | 27,)) + argument.to_bytes(8, "big")


def scalar_bytes(value: object) -> bytes:
    """The encoding of one scalar. Raises UnicodeEncodeError for a lone surrogate."""
    return cbor2.dumps(value, canonical=True)


class _Encoder:
    """Collects the encoding of one value."""

    def __init__(self, max_bytes: int) -> None:
        self.chunks: list[bytes] = []
        self._room = max_bytes
        self._max_bytes = max_bytes

    def write(self, value: object, depth: int) -> None:
        kind = type(value)
        if kind in SCALARS:
            try:
                self.put(scalar_bytes(value))
            except UnicodeEncodeError:
                raise _Refusal("a str with a lone surrogate is no text; encode it to bytes") from None
            return
        writer = _WRITERS.get(kind)
        if writer is None:
            raise _Refusal(_not_plain(kind))
        if depth >= MAX_RESULT_DEPTH:
            raise _Refusal(f"nested deeper than {MAX_RESULT_DEPTH} containers, or contains itself")
        writer(self, value, depth + 1)

    def put(self, chunk: bytes) -> None:
        self._room -= len(chunk)
        if self._room < 0:
            raise _Refusal(
                f"its encoding is larger than {self._max_bytes} bytes; return less, or use smaller slices"
            )
        self.chunks.append(chunk)

    def apart(self, value: object, depth: int) -> bytes:
        """Encode a value into bytes of its own, to be sorted; it counts for the size already."""
        outer, self.chunks = self.chunks, []
        try:
            self.write(value, depth)
            return b"".join(self.chunks)
        finally:
            self.chunks = outer


def _not_plain(kind: type) -> str:
    name = f"{kind.__module__}.{kind.__qualname__}"
    plain = next((base for base in kind.__mro__[1:] if base in SCALARS or base in _WRITERS), None)
    if plain is not None:
        return f"{name} is a kind of {plain.__name__}, not plain data; return {plain.__name__}(…) of it"
    return f"{name} is not plain data (None, bool, int, float, str, bytes, list, tuple, dict, set)"


def _write_list(encoder: _Encoder, items: list[Any] | tuple[Any, ...], depth: int) -> None:
    if set(map(type, items)) <= SCALARS:
        try:
            encoder.put(cbor2.dumps(items, canonical=True))
            return
        except UnicodeEncodeError:
            pass  # below, one by one, the error learns its place
    encoder.put(head(4, len(items)))
    index = 0
    try:
        for index, item in enumerate(items):  # noqa: B007 - told below
            encoder.write(item, depth)
    except _Refusal as refusal:
        refusal.path.append(f"[{index}]")
        raise


def _write_tuple(encoder: _Encoder, items: tuple[Any, ...], depth: int) -> None:
    encoder.put(head(6, TUPLE_TAG))
    _write_list(encoder, items, depth)


def _write_set(encoder: _Encoder, items: set[Any], depth: int) -> None:
    encoded = [key for key, _ in _sorted_keys(encoder, items, depth)]
    encoder.put(head(6, SET_TAG) + head(4, len(encoded)))
    encoder.chunks.extend(encoded)


def _write_dict(encoder: _Encoder, items: dict[Any, Any], depth: int) -> None:
    encoder.put(head(5, len(items)))
    for encoded, key in _sorted_keys(encoder, items, depth):
        encoder.chunks.append(encoded)
        try:
            encoder.write(items[key], depth)
        except _Refusal as refusal:
            refusal.path.append(f"[{short_repr(key)}]")
            raise


def _sorted_keys(encoder: _Encoder, keys: set[Any] | dict[Any, Any], depth: int) -> list[tuple[bytes, Any]]:
    """The keys with their encodings, in the order of those."""
    pairs = []
    for key in keys:
        try:
            pairs.append((encoder.apart(key, depth), key))
        except _Refusal as refusal:
            refusal.path.append(f".key({short_repr(key)})")
            raise
    pairs.sort(key=lambda pair: pair[0])
    for (before, _), (after, key) in itertools.pairwise(pairs):
        if before == after:  # two NaNs, which Python tells apart by identity
            raise _Refusal(f"two keys with one encoding: {short_repr(key)}")
    return pairs


def short_repr(value: object, limit: int = 60) -> str:
    """A short text for a value of any type; never runs code of its class and never costs much."""
    kind = type(value)
    if kind is str or kind is bytes:
        text = repr(value[:limit])  # type: ignore[index]
    elif kind is int:
        text = repr(value) if abs(value) < 10**limit else "a large int"  # type: ignore[arg-type]
    elif value is None or kind is bool or kind is float:
        text = repr(value)
    else:
        return f"<{kind.__module__}.{kind.__qualname__}>"
    return text if len(text) <= limit else text[: limit - 1] + "…"


_WRITERS: dict[type, Callable[[_Encoder, Any, int], None]] = {
    list: _write_list,
    tuple: _write_tuple,
    set: _write_set,
    dict: _write_dict,
}
"""How each container is written. A new type is one function here and one in `decoder._READERS`."""
