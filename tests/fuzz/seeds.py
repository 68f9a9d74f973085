"""A value of each kind that the codec takes: what fuzzing begins with."""

from __future__ import annotations

import datetime
import enum
import math
import uuid
import zoneinfo
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from peernet.results import Member, Record


class Colour(enum.Enum):
    RED = 1


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass(frozen=True)
class Pair:
    left: Any
    right: Any


_MOMENT = datetime.datetime(2024, 10, 27, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"), fold=1)

SEEDS: list[Any] = [
    None,
    [True, 0, -1, 2**70, 0.5, 0.1, math.nan, "é", b"x"],
    [0.1] * 70,
    {"a": [1], 2: ("b",), (1, 2): {3}},
    {1, "a", frozenset({2})},
    1 + 2j,
    Decimal("-1.50E+9"),
    Fraction(-1, 3),
    uuid.UUID(int=7),
    [Path("a/b"), PurePosixPath("/a"), PureWindowsPath("C:/a")],
    [datetime.date(2024, 1, 2), datetime.time(1, 2), _MOMENT, _MOMENT.replace(tzinfo=datetime.UTC)],
    datetime.timedelta(-1, 2, 3),
    [Colour.RED, Access.READ | Access.WRITE, Member("gone", "Colour", "RED")],
    [Pair(1, {"k": Pair(None, Colour.RED)}), Record("gone", "Pair", (("left", 1),))],
    {Pair(1, 2): 3},
    np.arange(6.0).reshape(2, 3),
    [np.array([1, math.nan], "c8"), np.array([True]), np.zeros((0, 2), "i2"), np.float32(1), np.array(3)],
]
