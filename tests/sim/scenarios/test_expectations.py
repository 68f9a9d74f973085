"""Expectations: paths into the metrics, comparisons, and what is said when they are not met."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from peernet_sim.expectations import failed_expectations
from peernet_sim.scenario import Scenario

METRICS = {
    "peers": 5,
    "invariants": {"violated": ["bounds kept"], "checked": 3},
    "lookups": {"success": 0.97, "latency_p50": None},
    "jobs": [{"wrong": 0, "accepted": 10}, {"wrong": 2, "accepted": 10}],
}


@pytest.mark.parametrize(
    "expectation",
    [
        ("peers", "==", 5),
        ("peers", "!=", 4),
        ("lookups.success", ">=", 0.97),
        ("lookups.success", "<", 0.98),
        ("jobs.0.wrong", "<=", 0),
        ("jobs.1.wrong", ">", 1),
        ("jobs.*.accepted", "==", 10),
        ("jobs.len", "==", 2),
        ("invariants.violated.len", "==", 1),
    ],
)
def test_what_is_met_is_not_mentioned(expectation: tuple[str, str, float]) -> None:
    assert failed_expectations(METRICS, [expectation]) == []


@pytest.mark.parametrize(
    ("expectation", "said"),
    [
        (("peers", "<", 5), "peers is 5; expected < 5"),
        (("lookups.success", ">=", 0.99), "lookups.success is 0.97; expected >= 0.99"),
        (("jobs.*.wrong", "==", 0), "jobs.1.wrong is 2; expected == 0"),
        (("jobs.2.wrong", "==", 0), "jobs.2.wrong is not in the metrics; expected == 0"),
        (("lookups.sucess", ">", 0), "lookups.sucess is not in the metrics; expected > 0"),
        (("lookups.latency_p50", "<", 1), "lookups.latency_p50 is None; expected < 1"),
        (("invariants.violated", "==", 0), "invariants.violated is ['bounds kept']; expected == 0"),
        (("peers.deep", "==", 0), "peers.deep is not in the metrics; expected == 0"),
    ],
)
def test_what_is_not_met_is_told(expectation: tuple[str, str, float], said: str) -> None:
    assert failed_expectations(METRICS, [expectation]) == [said]


def test_several_comparisons_of_one_number_are_read(read: Callable[..., Scenario]) -> None:
    scenario = read("[expect]\n'jobs.0.seconds' = ['> 1', '< 1e2']\n\"peers\" = '==20'\n")
    assert scenario.expectations == (
        ("jobs.0.seconds", ">", 1.0),
        ("jobs.0.seconds", "<", 100.0),
        ("peers", "==", 20.0),
    )
