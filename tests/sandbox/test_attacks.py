"""What hostile projects want does not happen in tiers A and B, and boxes work afterwards; in tier C it does."""

from __future__ import annotations

from typing import Any

import pytest
from siege.catalogue import ATTACKS
from siege.users import USERS

pytestmark = pytest.mark.real

# The campaign runs the attacks of one user and tier in the order of the catalogue; pytest need not know it.
each_attack = pytest.mark.parametrize("name", list(ATTACKS))
each_user = pytest.mark.parametrize("user", USERS)


@each_user
@pytest.mark.parametrize("tier", ["A", "B"])
@each_attack
def test_an_attack_gets_nothing_and_leaves_the_box_at_work(attack: dict[str, Any], name: str) -> None:
    assert "status" in attack, attack["error"]
    assert attack["won"] == ""
    assert attack["status"] != "dead", attack["error"]
    assert attack["honest"] == "" and attack["beside"] == ""
    ends = ATTACKS[name].ends
    assert not ends or attack["status"] in ends, attack
    # A limit that is broken is told, with its bound.
    assert attack["status"] in ("ok", "dead") or attack["error"]


@each_user
@pytest.mark.parametrize("tier", ["C"])
@each_attack
def test_the_attack_works_without_a_sandbox(attack: dict[str, Any]) -> None:
    assert "status" in attack, attack["error"]
    assert attack["won"] != ""
    assert attack["honest"] == "" and attack["beside"] == ""
