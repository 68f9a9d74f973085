"""What projects declare, as real jobs on real peers."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.real

DRAWING = """
@peernet.parallel(over=[5] * 6, slice_size=2)
def draw(x):
    return peernet.rng().randrange(10**12)
"""


def test_each_call_draws_something_else_though_the_inputs_are_equal(installed: Any) -> None:
    ran = installed.run("submit", installed.write(DRAWING), "--local", "2", "--json")
    assert ran.returncode == 0, ran
    done = json.loads(ran.stdout.splitlines()[-1])
    assert len(set(done["value"])) == 6
