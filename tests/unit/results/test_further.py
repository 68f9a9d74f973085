"""Numbers, moments, UUIDs and paths: what is kept, and what is refused."""

from __future__ import annotations

import datetime
import decimal
import enum
import math
import pathlib
import tracemalloc
import uuid
import zoneinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest

from peernet.config.project import MAX_DECIMAL_EXPONENT, MAX_FRACTION_BITS, MAX_RESULT_DEPTH
from peernet.errors import CannotDecodeError, CannotEncodeError
from peernet.results import decode, encode, tags, to_json
from peernet.results.codec import head

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
UTC = datetime.UTC
EAST = datetime.timezone(datetime.timedelta(hours=1, microseconds=7))
MOMENT = datetime.datetime(2024, 10, 27, 2, 30, 5, 6)

VALUES = [
    1 + 2j,
    complex(-0.0, math.inf),
    Decimal("1.50"),
    Decimal("-0"),
    Decimal("-0E+3"),
    Decimal("Infinity"),
    Decimal("1e1000000"),
    Decimal("-1e-1000000"),
    Fraction(-1, 3),
    Fraction(2**300 + 1, 3**100),
    uuid.UUID(int=2**128 - 1),
    Path("a/b"),
    Path("/"),
    Path(),
    PurePosixPath("a\\b"),
    PureWindowsPath("C:/x/y"),
    datetime.date(1, 1, 1),
    datetime.time(23, 59, 59, 999_999, tzinfo=UTC, fold=1),
    datetime.time(1, tzinfo=BERLIN),
    MOMENT,
    MOMENT.replace(tzinfo=BERLIN),
    MOMENT.replace(tzinfo=BERLIN, fold=1),
    MOMENT.replace(tzinfo=EAST),
    datetime.datetime.max.replace(tzinfo=UTC),
    datetime.timedelta(-1, 1, 1),
    datetime.timedelta.max,
    frozenset({1, "a", frozenset({2})}),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_return_as_they_were(value: Any) -> None:
    for whole in (value, [value, 1], {"k": (value,)}, {value: value}, {value}, frozenset({value})):
        again = decode(encode(whole))
        assert again == whole and repr(again) == repr(whole)
        assert encode(again) == encode(whole)


def test_what_can_be_told_apart_has_bytes_of_its_own() -> None:
    berlin = MOMENT.replace(tzinfo=BERLIN)
    values = [
        *VALUES,
        *(1, 1.0, complex(1), Fraction(1), Decimal(1), Decimal("1.0"), True),
        *(complex(0.0), complex(0.0, -0.0)),
        *(Decimal(0), Decimal("0.0")),
        *(berlin.astimezone(UTC), berlin.astimezone(zoneinfo.ZoneInfo("UTC"))),
        *(PurePosixPath("a/b"), PureWindowsPath("a/b"), PureWindowsPath("A/b"), "a/b"),
        *({1}, [1], (1,), frozenset({1})),
    ]
    assert len({encode(value) for value in values}) == len(values)


def test_what_nobody_can_see_leaves_no_trace() -> None:
    named = datetime.timezone(datetime.timedelta(0), "Greenwich")
    assert encode(MOMENT.replace(tzinfo=named)) == encode(MOMENT.replace(tzinfo=UTC))
    assert encode(Decimal("-NaN123")) == encode(Decimal("NaN")) != encode(math.nan)
    odd = uuid.UUID(int=5, is_safe=uuid.SafeUUID.safe)
    assert encode(odd) == encode(uuid.UUID(int=5))
    with decimal.localcontext(decimal.Context(prec=2, capitals=0, traps=[])):
        assert encode(Decimal("1.2345e50")) == encode(Decimal("12345E+46"))
        assert decode(encode(Decimal("1.2345E+50"))) == Decimal("1.2345E+50")


class MyZone(datetime.tzinfo):
    pass


class MyDate(datetime.datetime):
    pass


class Late(Decimal):
    pass


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Decimal("sNaN"), "signalling NaN"),
        (Decimal("1e1000001"), "order of 1E\\+1000001 is beyond"),
        (Decimal("1e-1000001"), "order of 1E-1000001 is beyond"),
        (Decimal("0e-999999999"), "is beyond"),
        (Fraction(1, 2**MAX_FRACTION_BITS), "more than 16384 bits"),
        (Path("a\udcff"), "lone surrogate"),
        (MOMENT.replace(tzinfo=MyZone()), "time zone of type .*MyZone"),
        (MyDate(2024, 1, 1), "MyDate is a kind of datetime"),
        (Late(1), "Late is a kind of Decimal"),
        (enum.auto(), "enum.auto is not plain data"),
    ],
)
def test_refusals(value: Any, words: str) -> None:
    with pytest.raises(CannotEncodeError, match=rf"^result\[1\]: .*{words}"):
        encode([0, value])


def test_a_zone_from_a_file_is_refused(tmp_path: Path) -> None:
    raw = (pathlib.Path(zoneinfo.TZPATH[0]) / "Europe/Berlin").read_bytes()
    (tmp_path / "zone").write_bytes(raw)
    for key in (None, "posix/Europe/Berlin", "../zone", "localtime"):
        with (tmp_path / "zone").open("rb") as stream:
            zone = zoneinfo.ZoneInfo.from_file(stream, key)
        with pytest.raises(CannotEncodeError, match="is unknown elsewhere"):
            encode(MOMENT.replace(tzinfo=zone))


def tagged(tag: int, parts: list[Any]) -> bytes:
    return head(6, tag) + encode(parts)


@pytest.mark.parametrize(
    ("tag", "parts", "words"),
    [
        (tags.COMPLEX, [1, 2.0], "int where float belongs"),
        (tags.COMPLEX, [1.0], "not followed by 2 parts"),
        (tags.DECIMAL, [" 1"], "not written as it should"),
        (tags.DECIMAL, ["1e5"], "not written as it should"),
        (tags.DECIMAL, ["1_0"], "not written as it should"),
        (tags.DECIMAL, ["\u0661"], "not written as it should"),
        (tags.DECIMAL, ["NaN5"], "not written as it should"),
        (tags.DECIMAL, ["sNaN"], "not written as it should"),
        (tags.DECIMAL, ["+1"], "not written as it should"),
        (tags.DECIMAL, ["one"], "no decimal number"),
        (tags.DECIMAL, ["1E+1000001"], "is beyond"),
        (tags.DECIMAL, ["1E+99999999999999999999"], "no decimal number"),
        (tags.DECIMAL, [1], "int where str belongs"),
        (tags.FRACTION, [2, 4], "lowest terms"),
        (tags.FRACTION, [1, 0], "lowest terms"),
        (tags.FRACTION, [1, -2], "lowest terms"),
        (tags.FRACTION, [0, 2], "lowest terms"),
        (tags.FRACTION, [True, 2], "bool where int"),
        (tags.FRACTION, [1, 2**MAX_FRACTION_BITS], "more than 16384 bits"),
        (tags.UUID, [b"short"], "UUID of 5 bytes"),
        (tags.PATH, ["", "a//b"], "as this machine writes it"),
        (tags.PATH, ["", ""], "as this machine writes it"),
        (tags.PATH, ["posix", "a/./b"], "as this machine writes it"),
        (tags.PATH, ["windows", "a/b"], "as this machine writes it"),
        (tags.PATH, ["vms", "a"], "no kind of path"),
        (tags.DATE, [2024, 2, 30], "no date"),
        (tags.DATE, [True, 2, 1], "bool where int"),
        (tags.DATE, [2**200, 2, 1], "no date"),
        (tags.TIME, [24, 0, 0, 0, 0, None], "no time"),
        (tags.TIME, [1, 0, 0, 0, 2, None], "no time"),
        (tags.TIME, [1, 0, 0, 0, 0, False], "neither an offset nor a name"),
        (tags.DATETIME, [2024, 1, 1, 0, 0, 0, 0, 0, 86_400 * 10**6], "no moment"),
        (tags.DATETIME, [2024, 1, 1, 0, 0, 0, 0, 0, 2**900], "no moment"),
        (tags.DATETIME, [2024, 1, 1, 0, 0, 0, 0, 0, "../../etc/passwd"], "is not known on this machine"),
        (tags.DATETIME, [2024, 1, 1, 0, 0, 0, 0, 0, "posix/Europe/Berlin"], "is not known on this machine"),
        (tags.DATETIME, [2024, 1, 1, 0, 0, 0, 0, 0, "Mars/Olympus"], "pip install tzdata"),
        (tags.TIMEDELTA, [0, 86_400, 0], "not normalised"),
        (tags.TIMEDELTA, [10**9 + 1, 0, 0], "no span of time"),
        (0x70FF, [1], "tag 28927 is not known"),
    ],
)
def test_hostile_bytes_are_refused(tag: int, parts: list[Any], words: str) -> None:
    with pytest.raises(CannotDecodeError, match=words):
        decode(tagged(tag, parts))


def test_parts_are_scalars() -> None:
    with pytest.raises(CannotDecodeError, match="nested deeper"):
        decode(head(6, tags.UUID) + b"\x81\x80")
    value: Any = Fraction(1, 2)
    for _ in range(MAX_RESULT_DEPTH - 1):
        value = [value]
    assert decode(encode(value)) == value
    with pytest.raises(CannotEncodeError, match="nested deeper"):
        encode([value])


def test_large_exponents_cost_no_memory() -> None:
    tracemalloc.start()
    try:
        for text in ("1e1000000", "-1e-1000000", f"9.5e{MAX_DECIMAL_EXPONENT}"):
            value = {Decimal(text): Decimal(text)}
            assert decode(encode(value)) == value
            assert len(to_json(value)) < 100
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_long_decimals_are_exact() -> None:
    value = Decimal("1." + "123456789" * 10_000)
    assert decode(encode(value)) == value
    assert len(encode(value)) < 90_100


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 - 0.5j, '{"$complex": [1.0, -0.5]}'),
        (frozenset({2, 1}), '{"$frozenset": [1, 2]}'),
        (Decimal("1.50"), '{"$decimal": "1.50"}'),
        (Fraction(1, 3), '{"$fraction": [1, 3]}'),
        (uuid.UUID(int=1), '{"$uuid": "00000000-0000-0000-0000-000000000001"}'),
        (Path("a/b"), '{"$path": "a/b"}'),
        (PurePosixPath("a/b"), '{"$posixpath": "a/b"}'),
        (PureWindowsPath("a/b"), '{"$windowspath": "a\\\\b"}'),
        (datetime.date(2024, 10, 27), '{"$date": "2024-10-27"}'),
        (datetime.time(2, 30), '{"$time": "02:30:00"}'),
        (datetime.time(2, 30, tzinfo=UTC, fold=1), '{"$time": "02:30:00+00:00[fold=1]"}'),
        (
            MOMENT.replace(tzinfo=BERLIN, fold=1),
            '{"$datetime": "2024-10-27T02:30:05.000006+01:00[Europe/Berlin][fold=1]"}',
        ),
        (datetime.timedelta(1, 2, 3), '{"$timedelta": [1, 2, 3]}'),
    ],
)
def test_json_forms(value: Any, text: str) -> None:
    assert to_json(value) == text
    assert to_json({"k": [value]}) == f'{{"k": [{text}]}}'
