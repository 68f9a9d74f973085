"""What follows from the tier that a peer found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from peernet.errors import UsageError
from peernet.runtime.options import PeerOptions
from peernet.runtime.tiers import caution, required, serves
from peernet.sandbox import Findings

A, B, C = (Findings(tier, (f"tier {tier} works",), (tier,)) for tier in "ABC")
NONE = Findings(None, ("tier A does not work: no bwrap; install bubblewrap",))


def options(**chosen: Any) -> PeerOptions:
    return PeerOptions(home=Path("/nowhere"), **chosen)


@pytest.mark.parametrize(
    ("found", "wanted", "tier"), [(A, "A", "A"), (A, "B", "A"), (B, "B", "B"), (B, None, "B")]
)
def test_a_tier_that_is_strong_enough_is_kept(found: Findings, wanted: str | None, tier: str) -> None:
    assert required(found, options(require_sandbox=wanted)) is found
    assert found.tier == tier


@pytest.mark.parametrize(("found", "wanted"), [(B, "A"), (C, "A"), (C, "B")])
def test_below_what_is_required_nothing_is_executed_and_the_user_is_told(found: Findings, wanted: str) -> None:
    refused = required(found, options(require_sandbox=wanted))
    assert refused.tier is None
    told = caution(refused, options(require_sandbox=wanted))
    assert f"--require-sandbox {wanted}: the best tier that works here is {found.tier}" in told
    assert told.startswith("this peer submits jobs and executes none: ") and "peernet doctor" in told


def test_only_tiers_that_confine_can_be_required() -> None:
    with pytest.raises(UsageError, match="'C' is no tier that confines: require one of A, B"):
        required(A, options(require_sandbox="C"))


def test_cautions() -> None:
    assert caution(A, options()) == caution(B, options()) == ""
    assert caution(NONE, options(slots=0)) == "", "a peer that only submits needs no sandbox"
    assert "install bubblewrap" in caution(NONE, options())
    assert "code of your own key and of keys marked as mine only" in caution(C, options())
    assert "the local swarm's own jobs" in caution(C, options(own_code=True))


def test_without_confinement_a_peer_serves_its_own_keys_only() -> None:
    assert [serves(found, options(serves="anyone")) for found in (A, B, C)] == ["anyone", "anyone", "mine"]
    assert serves(A, options(serves="mine")) == "mine"
