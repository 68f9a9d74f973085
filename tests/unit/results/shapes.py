"""Enums and dataclasses that tests of the codec send, as a project would have them."""

from __future__ import annotations

import enum
import functools
from dataclasses import InitVar, dataclass, field
from typing import Any, ClassVar


class Colour(enum.Enum):
    RED = 1
    GREEN = "g"
    CRIMSON = 1


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Word(enum.StrEnum):
    A = "a"


class Access(enum.Flag):
    READ = 1
    WRITE = 2
    RUN = 4


class Loose(enum.IntFlag):
    ONE = 1
    FOUR = 4


@dataclass
class Point:
    x: Any
    y: Any = 0
    unit: ClassVar[str] = "m"


@dataclass(frozen=True, slots=True)
class Slotted:
    name: str
    inner: Any = None


@dataclass
class Derived(Point):
    z: Any = field(default=0, init=False, compare=False)
    scale: InitVar[int] = 1

    def __post_init__(self, scale: int) -> None:
        self.z = self.x * scale

    @functools.cached_property
    def norm(self) -> Any:
        return abs(self.x) + abs(self.y)


class Plain(Point):
    """No dataclass itself."""


@dataclass
class Listed(list[int]):
    x: int = 0


@dataclass(frozen=True)
class Touchy:
    """Whose hash and comparison raise."""

    x: Any

    def __hash__(self) -> int:
        raise ZeroDivisionError


class Outer:
    class Inner(enum.Enum):
        ONE = 1

    @dataclass(frozen=True)
    class Box:
        item: Any


def made_inside() -> Any:
    @dataclass
    class Local:
        x: int = 0

    return Local()
