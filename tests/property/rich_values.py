"""Values of all types that the codec takes, for property tests of it and of what is built on it."""

from __future__ import annotations

import datetime
import enum
import zoneinfo
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from hypothesis import strategies as st

from peernet.results import Member, Record, encode, tags
from peernet.results.codec import head


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass(frozen=True)
class Pair:
    left: Any
    right: Any


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ZONES = (
    st.none()
    | st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]).map(zoneinfo.ZoneInfo)
    | st.timedeltas(datetime.timedelta(hours=-23), datetime.timedelta(hours=23)).map(datetime.timezone)
)
FOLDS = st.sampled_from([0, 1])
MOMENTS = st.builds(lambda moment, fold: moment.replace(fold=fold), st.datetimes(timezones=ZONES), FOLDS)
TIMES = st.builds(lambda time, fold: time.replace(fold=fold), st.times(timezones=ZONES), FOLDS)
NAMES = st.from_regex(r"[a-z]{1,5}", fullmatch=True)
PARTS = st.lists(NAMES, max_size=3).map("/".join)
ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXTS
    | st.binary(max_size=20)
    | st.complex_numbers(allow_nan=True)
    | st.decimals()
    .map(lambda value: Decimal("NaN") if value.is_nan() else value)
    .filter(lambda value: not value.is_finite() or abs(value.adjusted()) <= 10**6)
    | st.fractions()
    | st.uuids()
    | PARTS.map(Path)
    | PARTS.map(PurePosixPath)
    | PARTS.map(PureWindowsPath)
    | st.dates()
    | TIMES
    | MOMENTS
    | st.timedeltas()
    | st.sampled_from([*Colour, Access(0), Access.READ, Access.READ | Access.WRITE])
    | st.builds(Member, NAMES, NAMES, NAMES | st.integers(0))
)
KEYS = st.recursive(
    ATOMS,
    lambda inner: (
        st.tuples(inner, inner)
        | st.frozensets(inner, max_size=4)
        | st.builds(Pair, inner, inner)
        | st.builds(lambda value: Record("gone", "Thing", (("field", value),)), inner)
    ),
    max_leaves=4,
)
VALUES = st.recursive(
    KEYS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.tuples(inner, inner)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.sets(KEYS, max_size=4)
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=12,
)

ALL_TAGS = sorted(number for name, number in vars(tags).items() if name.isupper())
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.binary(max_size=20) | NAMES,
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
NEAR_MISSES = st.builds(lambda tag, parts: head(6, tag) + encode(parts), st.sampled_from(ALL_TAGS), JUNK)
"""Canonical CBOR under the codec's tags, which seldom is what belongs there."""
