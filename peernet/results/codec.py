"""The canonical encoding of plain data: RFC 8949 CBOR, core deterministic encoding (section 4.2.1).

One value has exactly one encoding, so results of replicas are compared by the digest of their bytes. What CBOR
can't tell apart of Python's types travels under private tags, see `tags`. What most results consist of is written
here; further types are in modules of their own that load when such a value is met, see `further`.

Long flat lists are the hot path. They are encoded by cbor2's compiled encoder, whose canonical scalars are the
core deterministic ones, and floats even faster, see `floats`.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import cbor2

from peernet.config.project import LARGE_BYTES, MAX_RESULT_BYTES, MAX_RESULT_DEPTH, MIN_FLOAT_RUN
from peernet.errors import CannotEncodeError
from peernet.results import tags
from peernet.results.floats import encode_floats
from peernet.types import Digest

SCALARS = frozenset({type(None), bool, int, float, str, bytes})

Writer = Callable[["Encoder", Any, int], None]
"""Writes a value of one type. The number is how many containers it is in, itself counted."""

_PLAIN = (
    "plain data (None, bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, date, time, "
    "datetime, timedelta, Decimal, Fraction, UUID, Path, numpy numbers and arrays of them, and enums and "
    "dataclasses of the project)"
)


class Refusal(Exception):
    """Why a value can't be encoded; containers add where it stands on the way out."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []


def encode(value: object, *, max_bytes: int = MAX_RESULT_BYTES, classes: Iterable[type] | None = ()) -> bytes:
    """Encode plain data so that equal values of equal types give equal bytes, on every machine and in every run.

    Plain data is None, bool, int, float, complex, str, bytes; list, tuple, dict, set and frozenset of plain data;
    date, time, datetime, timedelta, Decimal, Fraction, UUID and paths; numpy's numbers and arrays of them; members
    of enums and instances of dataclasses of the project.

    What a value is made of is kept, also where Python calls two values equal: a list is not a tuple, True is not
    1, 1 is not 1.0, -0.0 is not 0.0, `Decimal("1.0")` is not `Decimal("1.00")`, and a moment in one time zone is
    not the same moment in another. What nobody can see is not kept: all NaNs are one; dictionaries and sets have
    no order; arrays have no memory layout; a fixed UTC offset has no name.

    Args:
        value: the value. Subclasses (a named tuple, a masked array) are refused: they would come back as another
            type. A dataclass or an Enum is taken if it belongs to the project, see `classes.is_own`, and travels
            as the qualified name of its class and its fields.
        max_bytes: the largest encoding to allow.
        classes: further enums and dataclasses to take. `decode` has to be given the same. None: take none, not
            even the project's.

    Raises:
        CannotEncodeError: naming the type, and the place inside the value as in `result[3]['x']`.
    """
    encoder = Encoder(max_bytes, classes)
    try:
        encoder.write(value, 0)
    except Refusal as refusal:
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


class Encoder:
    """Collects the encoding of one value."""

    def __init__(self, max_bytes: int, classes: Iterable[type] | None = ()) -> None:
        self.chunks: list[bytes | memoryview] = []
        self.classes = None if classes is None else frozenset(classes)
        self._further: dict[type, Writer] = {}
        self._room = max_bytes
        self._max_bytes = max_bytes

    def write(self, value: object, depth: int) -> None:
        """Write a value. depth: how many containers it is in."""
        kind = type(value)
        if kind is bytes:
            self.put(head(2, len(value)))  # type: ignore[arg-type]
            self.put(value)  # type: ignore[arg-type]
            return
        if kind in SCALARS:
            try:
                self.put(scalar_bytes(value))
            except UnicodeEncodeError:
                raise Refusal("a str with a lone surrogate is no text; encode it to bytes") from None
            return
        writer = _WRITERS.get(kind) or self._further.get(kind) or self._find_writer(kind)
        if depth >= MAX_RESULT_DEPTH:
            raise Refusal(f"nested deeper than {MAX_RESULT_DEPTH} containers, or contains itself")
        writer(self, value, depth + 1)

    def put(self, chunk: bytes | memoryview) -> None:
        """Add bytes. A view must be one of single bytes."""
        self.need(len(chunk))
        self._room -= len(chunk)
        self.chunks.append(chunk)

    def put_parts(self, tag: int, parts: list[Any]) -> None:
        """Write a value as a tag and an array of scalars."""
        try:
            self.put(head(6, tag) + cbor2.dumps(parts, canonical=True))
        except UnicodeEncodeError:
            raise Refusal("it has a lone surrogate in it, which is no text; encode it to bytes") from None

    def need(self, size: int) -> None:
        """Refuse to go on if there is no room for so many bytes, before they are made."""
        if size > self._room:
            raise Refusal(
                f"its encoding is larger than {self._max_bytes} bytes; return less, or use smaller slices"
            )

    def apart(self, value: object, depth: int) -> bytes:
        """Encode a value into bytes of its own, to be sorted; it counts for the size already."""
        outer, self.chunks = self.chunks, []
        try:
            self.write(value, depth)
            return b"".join(self.chunks)
        finally:
            self.chunks = outer

    def _find_writer(self, kind: type) -> Writer:
        from peernet.results.further import writer_of

        writer = writer_of(kind, self.classes)
        if writer is None:
            raise Refusal(_not_plain(kind))
        self._further[kind] = writer
        return writer


def _not_plain(kind: type) -> str:
    from peernet.results.further import WRITERS

    name = f"{kind.__module__}.{kind.__qualname__}"
    known = SCALARS | _WRITERS.keys() | WRITERS.keys()
    plain = next((base for base in kind.__mro__[1:] if base in known), None)
    if plain is tuple and hasattr(kind, "_fields"):
        return f"{name} is a named tuple, a kind of tuple; return tuple(…) or ._asdict() of it, or a dataclass"
    if plain is not None:
        return f"{name} is a kind of {plain.__name__}, not plain data; return {plain.__name__}(…) of it"
    return f"{name} is not {_PLAIN}"


def _write_list(encoder: Encoder, items: list[Any] | tuple[Any, ...], depth: int) -> None:
    kinds = set(map(type, items))
    if kinds == {float} and len(items) >= MIN_FLOAT_RUN:
        encoder.put(head(4, len(items)))
        for chunk in encode_floats(items):
            encoder.put(chunk)
        return
    if kinds <= SCALARS and not (bytes in kinds and _has_large(items)):
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
    except Refusal as refusal:
        refusal.path.append(f"[{index}]")
        raise


def _has_large(items: list[Any] | tuple[Any, ...]) -> bool:
    return any(type(item) is bytes and len(item) >= LARGE_BYTES for item in items)


def _write_tuple(encoder: Encoder, items: tuple[Any, ...], depth: int) -> None:
    encoder.put(head(6, tags.TUPLE))
    _write_list(encoder, items, depth)


def _write_set(encoder: Encoder, items: set[Any] | frozenset[Any], depth: int) -> None:
    encoded = [key for key, _ in _sorted_keys(encoder, items, depth)]
    encoder.put(head(6, tags.SET if type(items) is set else tags.FROZENSET) + head(4, len(encoded)))
    encoder.chunks.extend(encoded)


def _write_dict(encoder: Encoder, items: dict[Any, Any], depth: int) -> None:
    encoder.put(head(5, len(items)))
    for encoded, key in _sorted_keys(encoder, items, depth):
        encoder.chunks.append(encoded)
        try:
            encoder.write(items[key], depth)
        except Refusal as refusal:
            refusal.path.append(f"[{short_repr(key)}]")
            raise


def _sorted_keys(encoder: Encoder, keys: Iterable[Any], depth: int) -> list[tuple[bytes, Any]]:
    """The keys with their encodings, in the order of those."""
    pairs = []
    for key in keys:
        try:
            pairs.append((encoder.apart(key, depth), key))
        except Refusal as refusal:
            refusal.path.append(f".key({short_repr(key)})")
            raise
    pairs.sort(key=lambda pair: pair[0])
    for (before, _), (after, key) in itertools.pairwise(pairs):
        if before == after:  # two NaNs, which Python tells apart by identity
            raise Refusal(f"two keys with one encoding: {short_repr(key)}")
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


_WRITERS: dict[type, Writer] = {
    list: _write_list,
    tuple: _write_tuple,
    set: _write_set,
    frozenset: _write_set,
    dict: _write_dict,
}
"""How each container is written. The partner of `reader._READERS`; other types are in `further.WRITERS`."""
