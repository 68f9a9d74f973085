"""A large network's peers keep less, and it works all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from peernet.config import Config
from peernet_sim import large
from peernet_sim.model import Plan, RunOptions
from peernet_sim.scale import run_scale


def test_only_a_large_network_has_smaller_bounds() -> None:
    usual = Config()
    assert large.limited(usual, large.PEERS - 1) is usual
    small = large.limited(usual, large.PEERS)
    changed = {
        field.name for part in ("net", "kad") for field in fields(getattr(usual, part))
        if getattr(getattr(usual, part), field.name) > getattr(getattr(small, part), field.name)
    }  # fmt: skip
    assert changed == {
        "connections",
        "spare_connections",
        "spare_seconds",
        "backoff_addresses",
        "saved_contacts",
        "replacements",
    }
    assert small.address_book < usual.address_book
    assert small == large.limited(small, large.PEERS), "and nothing else is changed"


def test_with_the_bounds_of_a_large_network_everything_is_found_and_done(
    make_plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "PEERS", 100)
    rest: dict[str, Any] = {"lookups": 30, "broadcasts": 3, "seconds": 90.0}
    metrics = run_scale(replace(make_plan(count=120, **rest), formed=True), RunOptions()).metrics
    assert not metrics["invariants"]["violated"]
    assert metrics["lookups"]["success"] == 1.0
    assert metrics["gossip"]["coverage"] == 1.0
    assert [job["state"] for job in metrics["jobs"]] == ["done"]
    assert metrics["connections"]["limit"] == large.CONNECTIONS
