"""Enums, dataclasses and other rich values through a real swarm, and back into the program that submitted them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import COMMAND, environment

pytestmark = pytest.mark.real

PROGRAM = """
import datetime, enum, sys
from dataclasses import dataclass
from fractions import Fraction
import peernet

class Colour(enum.Enum):
    RED = 1
    GREEN = 2

@dataclass(frozen=True)
class Point:
    x: Fraction
    colour: Colour
    when: datetime.datetime

WHEN = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)

def points():
    return [Point(Fraction(n), Colour.RED, WHEN) for n in range(4)]

def join(a, b):
    assert isinstance(a, Point) and isinstance(b, Point), (a, b)
    return Point(a.x + b.x, Colour.GREEN, max(a.when, b.when))

@peernet.parallel(over=points, slice_size=2)
def turned(point):
    assert point.colour is Colour.RED
    return {Point(point.x / 3, Colour.GREEN, point.when): point.colour}

if __name__ == "__main__":
    def third(point):
        return Point(point.x / 3, Colour.GREEN, point.when)

    made_here = peernet.parallel(over=points, slice_size=2, reduce=join)(third)
    with turned.submit(local=1, home=sys.argv[1]) as job:
        assert job.result() == [{third(point): Colour.RED} for point in points()], job.result()
        print(job.id)
    with made_here.submit(local=1, home=sys.argv[1]) as job:
        assert job.result() == Point(Fraction(2), Colour.GREEN, WHEN), job.result()
"""


def test_a_program_gets_its_own_classes_back(tmp_path: Path) -> None:
    program = tmp_path / "the_program.py"
    program.write_text(PROGRAM)
    home = tmp_path / "home"
    command = [sys.executable, str(program), str(home)]
    ran = subprocess.run(command, env=environment(home), capture_output=True, text=True)
    assert ran.returncode == 0, ran
    shown = subprocess.run(
        [*COMMAND, "results", "--json", ran.stdout.strip()], env=environment(home), capture_output=True, text=True
    )
    first = json.loads(shown.stdout.splitlines()[0])["result"]
    when = {"$datetime": "2024-01-01T00:00:00+00:00"}
    fields = {"x": {"$fraction": [0, 1]}, "when": when, "colour": {"$enum": ["the_program.Colour", "GREEN"]}}
    assert first == {
        "$dict": [[{"$dataclass": ["the_program.Point", fields]}, {"$enum": ["the_program.Colour", "RED"]}]]
    }
