"""The types beyond the basic ones, each with its writer and reader. Loads when the first such value is met."""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import pathlib
import sys
import uuid

from peernet.results import arrays, atoms, instances, moments, tags
from peernet.results.classes import has_fields, is_own
from peernet.results.codec import Refusal, Writer
from peernet.results.reader import Reader
from peernet.results.records import Member, Record

WRITERS: dict[type, Writer] = {
    complex: atoms.write_complex,
    decimal.Decimal: atoms.write_decimal,
    fractions.Fraction: atoms.write_fraction,
    uuid.UUID: atoms.write_uuid,
    pathlib.PosixPath: atoms.write_path,
    pathlib.WindowsPath: atoms.write_path,
    pathlib.PurePosixPath: atoms.write_path,
    pathlib.PureWindowsPath: atoms.write_path,
    datetime.date: moments.write_date,
    datetime.time: moments.write_time,
    datetime.datetime: moments.write_datetime,
    datetime.timedelta: moments.write_timedelta,
    Record: instances.write_record,
    Member: instances.write_member,
}
"""How each type is written, by exact type."""

READERS: dict[int, Reader] = {
    tags.COMPLEX: atoms.read_complex,
    tags.DECIMAL: atoms.read_decimal,
    tags.FRACTION: atoms.read_fraction,
    tags.UUID: atoms.read_uuid,
    tags.PATH: atoms.read_path,
    tags.DATE: moments.read_date,
    tags.TIME: moments.read_time,
    tags.DATETIME: moments.read_datetime,
    tags.TIMEDELTA: moments.read_timedelta,
    tags.ENUM: instances.read_member,
    tags.DATACLASS: instances.read_instance,
    tags.ARRAY: arrays.read_array,
    tags.NUMPY_SCALAR: arrays.read_scalar,
}
"""How what follows each private tag is read."""


def writer_of(kind: type, given: frozenset[type] | None) -> Writer | None:
    """Return what writes values of this type; None if nothing does.

    given: enums and dataclasses to take although they are not the project's. None: take none at all.

    Raises:
        Refusal: it is of a kind that can be written, and this one can't; says why.
    """
    writer = WRITERS.get(kind)
    if writer is not None:
        return writer
    if issubclass(kind, enum.Enum) or has_fields(kind):
        if given is None:
            raise Refusal(f"{kind.__module__}.{kind.__qualname__} is an enum or a dataclass, not plain data")
        if kind not in given and not is_own(kind):
            raise Refusal(_not_own(kind))
        return instances.writer_of(kind)
    numpy = sys.modules.get("numpy")
    if numpy is not None and issubclass(kind, (numpy.ndarray, numpy.generic)):
        return arrays.writer_of(kind)
    return None


def _not_own(kind: type) -> str:
    name = f"{kind.__module__}.{kind.__qualname__}"
    remedy = "its .name or .value" if issubclass(kind, enum.Enum) else "dataclasses.asdict(…) of it"
    return f"{name} is not a class of the project, so it may be unknown elsewhere; return {remedy}"
