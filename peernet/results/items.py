"""The encoding of a list, item by item: to compare two results call by call, and to put parts of them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from peernet.config.project import MAX_RESULT_BYTES
from peernet.results.codec import head
from peernet.results.decoder import read_whole
from peernet.results.reader import Decoder

_LIST = 4
"""CBOR's major type of arrays."""


def split(data: bytes, *, max_bytes: int = MAX_RESULT_BYTES, classes: Iterable[type] = ()) -> list[bytes]:
    """Return the encodings of a list's items. Takes the same bytes as `decode`, if they are a list.

    Args:
        data: the encoding of a list, from anybody.
        max_bytes, classes: as for `decode`.

    Raises:
        CannotDecodeError: as `decode`, and for what is no list.
    """
    return read_whole(data, _items, max_bytes=max_bytes, classes=classes)


def join(items: Sequence[bytes]) -> bytes:
    """Return the encoding of the list of these items, each as `encode` makes it: what `split` takes apart."""
    return head(_LIST, len(items)) + b"".join(items)


def _items(decoder: Decoder) -> list[bytes]:
    if not decoder.data or decoder.data[0] >> 5 != _LIST:
        decoder.refuse("the results of a slice are a list")
    return [_item(decoder) for _ in range(_counted(decoder))]


def _counted(decoder: Decoder) -> int:
    count = decoder.count()
    decoder.room_for(count)
    return count


def _item(decoder: Decoder) -> bytes:
    begin = decoder.pos
    decoder.read(1)
    return decoder.data[begin : decoder.pos]
