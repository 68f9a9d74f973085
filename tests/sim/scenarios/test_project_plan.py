"""The plan of one project's job: who lies, who leaves, and numbers that are out of range."""

from __future__ import annotations

from typing import Any

import pytest

from peernet.errors import UsageError
from peernet_sim.scenario import job_plan


def test_the_job_is_the_project_in_a_network_of_the_wanted_size() -> None:
    plan = job_plan(b"bundle", peers=50, seed=3)
    [job] = plan.workload.jobs
    assert (job.project, job.submitter, job.calls) == (b"bundle", 0, 0)
    assert len(plan.topology.peers) == 50 and plan.seed == 3 and plan.stop_with_jobs
    assert plan.topology.peers[0].nat == "open"
    assert plan.faults.behaviours == {} and plan.faults.happenings == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("independent", "liar"),
        ("colluding", "colluding liar"),
        ("sleeper", "sleeping colluding liar"),
        ("rejoining", "rejoining liar"),
    ],
)
def test_the_share_of_liars_is_of_the_others(kind: Any, name: str) -> None:
    plan = job_plan(b"", peers=101, liars=0.2, liar_kind=kind)
    assert len(plan.faults.behaviours) == 20 and 0 not in plan.faults.behaviours
    assert {behaviour.name for behaviour in plan.faults.behaviours.values()} == {name}


def test_churn_leaves_the_submitter_alone(new_diary: Any) -> None:
    plan = job_plan(b"", peers=100, churn=50.0, seconds=300.0)
    entries = new_diary().run(plan.faults.happenings, 300.0)
    left = {entry[2] for entry in entries if entry[1] == "crash"}
    assert len(left) > 60 and 0 not in left
    assert {entry[3] for entry in entries if entry[1] == "restart"} == {True}


def test_a_seed_draws_the_same_network_and_liars() -> None:
    one, again, other = (job_plan(b"", peers=60, liars=0.3, seed=seed) for seed in (1, 1, 2))
    assert one.topology.peers == again.topology.peers != other.topology.peers
    assert list(one.faults.behaviours) == list(again.faults.behaviours) != list(other.faults.behaviours)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"peers": 1}, "at least 2"),
        ({"liars": 20.0}, "write 0.2"),
        ({"churn": -1.0}, "per cent"),
        ({"seed": -1}, "seed"),
        ({"policy": "best"}, "'best' is no policy"),
    ],
)
def test_numbers_out_of_range_are_told(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        job_plan(b"", **wrong)
