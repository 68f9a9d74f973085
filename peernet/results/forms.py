"""The JSON forms of the types beyond the basic ones: an object of one key that begins with `$`, see `text`."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import pathlib
import sys
import uuid
from collections.abc import Callable
from typing import Any

from peernet.errors import CannotEncodeError
from peernet.results.classes import has_fields, name_of
from peernet.results.records import Member, Record

Form = dict[str, object]
"""What `text` writes as it is: one key, and basic values."""


def form_of(value: object) -> Form:
    """Return the form of a value.

    Raises:
        CannotEncodeError: it is not plain data.
    """
    kind = type(value)
    form = _FORMS.get(kind)
    if form is not None:
        return form(value)
    if isinstance(value, enum.Enum):
        return _member(Member(*name_of(kind), value._value_ if isinstance(value, enum.Flag) else value._name_))
    if has_fields(kind):
        fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))  # type: ignore[arg-type]
        return _record(Record(*name_of(kind), tuple(fields)))
    numpy = sys.modules.get("numpy")
    if numpy is not None and kind is numpy.ndarray:
        return {"$array": [str(value.dtype), list(value.shape), value.reshape(-1).tolist()]}  # type: ignore[attr-defined]
    if numpy is not None and issubclass(kind, numpy.generic):
        return {"$numpy": [str(value.dtype), value.item()]}  # type: ignore[attr-defined]
    raise CannotEncodeError(f"{kind.__module__}.{kind.__qualname__} is not plain data")


def _complex(value: complex) -> Form:
    return {"$complex": [value.real, value.imag]}


def _decimal(value: decimal.Decimal) -> Form:
    return {"$decimal": decimal.Context(capitals=1).to_sci_string(value)}


def _fraction(value: fractions.Fraction) -> Form:
    return {"$fraction": [value.numerator, value.denominator]}


def _timedelta(value: datetime.timedelta) -> Form:
    return {"$timedelta": [value.days, value.seconds, value.microseconds]}


def _time(value: datetime.time) -> Form:
    return {"$time": value.isoformat() + _suffix(value)}


def _datetime(value: datetime.datetime) -> Form:
    return {"$datetime": value.isoformat() + _suffix(value)}


def _suffix(value: datetime.time | datetime.datetime) -> str:
    """What RFC 9557 adds to a time: the name of its zone, and a tag of our own."""
    key = getattr(value.tzinfo, "key", None)
    return (f"[{key}]" if key else "") + ("[fold=1]" if value.fold else "")


def _member(value: Member) -> Form:
    return {"$enum": [f"{value.module}.{value.qualname}", value.name]}


def _record(value: Record) -> Form:
    return {"$dataclass": [f"{value.module}.{value.qualname}", dict(value.fields)]}


_FORMS: dict[type, Callable[[Any], Form]] = {
    complex: _complex,
    decimal.Decimal: _decimal,
    fractions.Fraction: _fraction,
    uuid.UUID: lambda value: {"$uuid": str(value)},
    pathlib.PosixPath: lambda value: {"$path": value.as_posix()},
    pathlib.WindowsPath: lambda value: {"$path": value.as_posix()},
    pathlib.PurePosixPath: lambda value: {"$posixpath": str(value)},
    pathlib.PureWindowsPath: lambda value: {"$windowspath": str(value)},
    datetime.date: lambda value: {"$date": value.isoformat()},
    datetime.time: _time,
    datetime.datetime: _datetime,
    datetime.timedelta: _timedelta,
    Record: _record,
    Member: _member,
}
"""How each type is told, as in `further.WRITERS`."""
