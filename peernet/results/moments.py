"""Dates and times: the fields as they are, and the zone.

A zone is None, the microseconds of a fixed offset (its name, if it has one, is for display only and does not
travel), or the key of a `zoneinfo.ZoneInfo`. Whether two moments are the same instant is not asked: fields, fold
and zone are kept, and equal bytes mean equal ones of those.
"""

from __future__ import annotations

import datetime
import functools
import re
import sys
from typing import Any

from peernet.config.project import MAX_CLASS_NAME
from peernet.results import tags
from peernet.results.codec import Encoder, Refusal
from peernet.results.reader import Decoder

_MICROSECOND = datetime.timedelta(microseconds=1)
_ZONE_KEY = re.compile(r"(?!posix/|right/|localtime\Z|posixrules\Z)[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")


def write_date(encoder: Encoder, value: datetime.date, depth: int) -> None:
    encoder.put_parts(tags.DATE, [value.year, value.month, value.day])


def read_date(decoder: Decoder, depth: int) -> datetime.date:
    parts = decoder.read_parts(int, int, int)
    try:
        return datetime.date(*parts)
    except (ValueError, OverflowError) as error:
        decoder.refuse(f"no date: {error}")


def write_time(encoder: Encoder, value: datetime.time, depth: int) -> None:
    clock = [value.hour, value.minute, value.second, value.microsecond]
    encoder.put_parts(tags.TIME, [*clock, value.fold, _zone(value.tzinfo)])


def read_time(decoder: Decoder, depth: int) -> datetime.time:
    hour, minute, second, microsecond, fold, zone = decoder.read_parts(*[int] * 5, object)
    try:
        return datetime.time(hour, minute, second, microsecond, _tzinfo(decoder, zone), fold=fold)
    except (ValueError, OverflowError) as error:
        decoder.refuse(f"no time: {error}")


def write_datetime(encoder: Encoder, value: datetime.datetime, depth: int) -> None:
    day = [value.year, value.month, value.day]
    clock = [value.hour, value.minute, value.second, value.microsecond]
    encoder.put_parts(tags.DATETIME, [*day, *clock, value.fold, _zone(value.tzinfo)])


def read_datetime(decoder: Decoder, depth: int) -> datetime.datetime:
    year, month, day, *clock, fold, zone = decoder.read_parts(*[int] * 8, object)
    try:
        moment = datetime.datetime(year, month, day, *clock, fold=fold)
        return moment.replace(tzinfo=_tzinfo(decoder, zone))
    except (ValueError, OverflowError) as error:
        decoder.refuse(f"no moment: {error}")


def write_timedelta(encoder: Encoder, value: datetime.timedelta, depth: int) -> None:
    encoder.put_parts(tags.TIMEDELTA, [value.days, value.seconds, value.microseconds])


def read_timedelta(decoder: Decoder, depth: int) -> datetime.timedelta:
    parts = decoder.read_parts(int, int, int)
    try:
        value = datetime.timedelta(*parts)
    except (ValueError, OverflowError) as error:
        decoder.refuse(f"no span of time: {error}")
    if [value.days, value.seconds, value.microseconds] != parts:
        decoder.refuse("a span of time that is not normalised")
    return value


def _zone(tzinfo: datetime.tzinfo | None) -> Any:
    """A zone as a scalar."""
    if tzinfo is None:
        return None
    if type(tzinfo) is datetime.timezone:
        return tzinfo.utcoffset(None) // _MICROSECOND
    zoneinfo = sys.modules.get("zoneinfo")  # if it is not loaded, this is none of its zones
    if zoneinfo is None or type(tzinfo) is not zoneinfo.ZoneInfo:
        kind = type(tzinfo)
        raise Refusal(
            f"a time zone of type {kind.__module__}.{kind.__qualname__} is not plain data; "
            "use datetime.timezone or zoneinfo.ZoneInfo"
        )
    key = tzinfo.key  # type: ignore[attr-defined]
    if type(key) is not str or len(key) > MAX_CLASS_NAME or not _ZONE_KEY.fullmatch(key):
        raise Refusal(
            f"a zoneinfo.ZoneInfo with the key {key!r:.80} is unknown elsewhere; use one of the tz database"
        )
    return key


def _tzinfo(decoder: Decoder, zone: object) -> datetime.tzinfo | None:
    if zone is None:
        return None
    if type(zone) is int:
        return datetime.timezone(datetime.timedelta(microseconds=zone))
    if type(zone) is not str:
        decoder.refuse("a zone is neither an offset nor a name")
    if zone not in _known_zones():
        decoder.refuse(
            f"the time zone {zone!r:.80} is not known on this machine; `pip install tzdata` brings today's zones"
        )
    return _zone_of(zone)


@functools.cache
def _known_zones() -> frozenset[str]:
    """The keys of the machine's tz database. A key that is not here is not even looked for: it would cost a search
    through folders and packages for every few bytes."""
    import zoneinfo

    return frozenset(key for key in zoneinfo.available_timezones() if _ZONE_KEY.fullmatch(key))


@functools.cache
def _zone_of(key: str) -> datetime.tzinfo:
    import zoneinfo

    return zoneinfo.ZoneInfo(key)
