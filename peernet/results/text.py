"""The JSON form of results, for people and for programs in other languages.

What JSON lacks is an object with one key that begins with `$`:

    bytes                       {"$bytes": "aGVsbG8="}             base64
    nan, inf, -inf              {"$float": "nan"}
    set                         {"$set": [1, 2]}                   sorted by canonical encoding
    dict with other keys        {"$dict": [[1, "a"], [2, "b"]]}    sorted by canonical encoding of the keys
    frozenset                   {"$frozenset": [1, 2]}             as a set
    complex                     {"$complex": [1.0, -0.5]}
    Decimal, Fraction           {"$decimal": "1.50"}, {"$fraction": [1, 3]}
    UUID                        {"$uuid": "12345678-1234-5678-1234-567812345678"}
    path                        {"$path": "a/b"}; pure ones {"$posixpath": "a/b"}, {"$windowspath": "a\\\\b"}
    date, time, datetime        {"$date": "2024-10-27"}, {"$time": "02:30:00"}, {"$datetime": …}  RFC 9557
                                with a zone "2024-10-27T02:30:00+01:00[Europe/Berlin]", and "[fold=1]" for a fold
    timedelta                   {"$timedelta": [1, 2, 3]}          days, seconds, microseconds
    member of an enum           {"$enum": ["project.Colour", "RED"]}; of a flag its value in place of the name
    dataclass                   {"$dataclass": ["project.Point", {"x": 1, "y": 2}]}
    numpy array                 {"$array": ["float64", [2, 1], [0.5, 1.5]]}   dtype, shape, elements in C order
    numpy scalar                {"$numpy": ["float64", 0.5]}

A tuple becomes an array. Integers are exact whatever their size. The text is ASCII, so that any stream takes it.
"""

from __future__ import annotations

import base64
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from peernet.config.project import MAX_RESULT_DEPTH
from peernet.errors import CannotEncodeError
from peernet.results.codec import encode

_BATCH = 1000
"""Values of a list that are held at a time: their text is tens of kilobytes."""

_PRINTABLE_BITS = 10_000
"""Integers up to here are printed by Python itself, which refuses more than 4300 digits (14,284 bits)."""

Container = Callable[[Any, int], Iterator[str]]
"""Yields the text of a container. The number is how many containers it is in, itself counted."""

_EASY = frozenset({type(None), bool, int, str})


class TextStream(Protocol):
    """Whatever takes text."""

    def write(self, text: str, /) -> object: ...


def to_json(value: object) -> str:
    """The JSON text of plain data, on one line.

    Raises:
        CannotEncodeError: the value is not plain data.
    """
    return "".join(_pieces(value, 0))


def write_json(value: object, stream: TextStream) -> None:
    """Write the JSON text of plain data without making the whole text first.

    Raises:
        CannotEncodeError: the value is not plain data. Some text may have been written.
    """
    for piece in _pieces(value, 0):
        stream.write(piece)


def write_json_list(values: Iterable[object], stream: TextStream) -> None:
    """Write values as one JSON array while they arrive, a line each, holding only a few at a time.

    Raises:
        CannotEncodeError: a value is not plain data. Some text may have been written.
    """
    remaining = iter(values)
    lead = "[\n"
    while batch := list(itertools.islice(remaining, _BATCH)):
        stream.write(lead + ",\n".join(map(to_json, batch)))
        lead = ",\n"
    stream.write("[]" if lead == "[\n" else "\n]")


def _pieces(value: object, depth: int) -> Iterator[str]:
    kind = type(value)
    scalar = _SCALARS.get(kind)
    if scalar is not None:
        yield scalar(value)
        return
    container = _CONTAINERS.get(kind, _form)
    if depth >= MAX_RESULT_DEPTH:
        raise CannotEncodeError(f"nested deeper than {MAX_RESULT_DEPTH} containers, or contains itself")
    yield from container(value, depth + 1)


def _form(value: object, depth: int) -> Iterator[str]:
    """A value of a further type, as an object that JSON has. Its form has two containers more than the value."""
    from peernet.results.forms import form_of

    yield from _object(form_of(value), depth - 2)


def _array(items: Iterable[object], depth: int) -> Iterator[str]:
    remaining = iter(items)
    lead = "["
    while batch := list(itertools.islice(remaining, _BATCH)):
        yield lead
        lead = ", "
        if set(map(type, batch)) <= _EASY and not _has_large(batch):
            yield json.dumps(batch)[1:-1]
            continue
        for index, item in enumerate(batch):
            if index:
                yield ", "
            yield from _pieces(item, depth)
    yield "[]" if lead == "[" else "]"


def _has_large(batch: list[Any]) -> bool:
    return any(type(item) is int and item.bit_length() > _PRINTABLE_BITS for item in batch)


def _set(members: set[object] | frozenset[object], depth: int) -> Iterator[str]:
    yield '{"$set": ' if type(members) is set else '{"$frozenset": '
    yield from _array(sorted(members, key=encode), depth)
    yield "}"


def _dict(items: dict[Any, object], depth: int) -> Iterator[str]:
    if not all(type(key) is str and not key.startswith("$") for key in items):
        yield '{"$dict": '
        yield from _array(([key, items[key]] for key in sorted(items, key=encode)), depth)
        yield "}"
        return
    yield from _object(items, depth)


def _object(items: dict[str, object], depth: int) -> Iterator[str]:
    lead = "{"
    for key, item in items.items():
        yield f"{lead}{json.dumps(key)}: "
        yield from _pieces(item, depth)
        lead = ", "
    yield "{}" if lead == "{" else "}"


def _float(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return f'{{"$float": "{value!r}"}}'


def _bytes(value: bytes) -> str:
    return f'{{"$bytes": "{base64.b64encode(value).decode()}"}}'


def _int(value: int) -> str:
    if value.bit_length() <= _PRINTABLE_BITS:
        return repr(value)
    return "-" + _digits(-value) if value < 0 else _digits(value)


def _digits(value: int) -> str:
    """All digits of a large integer, in less than quadratic time.

    `repr` refuses past 4300 digits to protect programs from quadratic conversions. Here the halves of the integer
    are put together as decimals, whose multiplication is fast.
    """
    import decimal

    with decimal.localcontext() as context:
        context.prec = decimal.MAX_PREC
        context.Emax = decimal.MAX_EMAX
        context.Emin = decimal.MIN_EMIN
        context.traps[decimal.Inexact] = True
        powers: dict[int, decimal.Decimal] = {}

        def convert(part: int, bits: int) -> decimal.Decimal:
            if bits <= _PRINTABLE_BITS:
                return decimal.Decimal(part)
            low = bits // 2
            if low not in powers:
                powers[low] = decimal.Decimal(2) ** low
            high = part >> low
            return convert(high, bits - low) * powers[low] + convert(part - (high << low), low)

        return format(convert(value, value.bit_length()), "f")


_SCALARS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "null",
    bool: lambda value: "true" if value else "false",
    int: _int,
    float: _float,
    str: json.dumps,
    bytes: _bytes,
}
_CONTAINERS: dict[type, Container] = {
    list: _array,
    tuple: _array,
    set: _set,
    frozenset: _set,
    dict: _dict,
}
"""How each type is written, as in `codec._WRITERS`. Further ones have forms in `forms`."""
