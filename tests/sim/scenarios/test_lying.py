"""Liars and policies of the command line in a scenario, and liars that come back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from peernet.errors import UsageError
from peernet_sim.model import Report
from peernet_sim.replay import Recipe, command_of, compile_recipe, perform

SCENARIO = """
name = "little"
about = "a job among a few"
peers = 12
seconds = 90.0
[topology]
kind = "regions"
[workload]
settle = 15.0
[[job]]
at = 20.0
calls = 400
slice_size = 5
seconds = 0.5
POLICY
[expect]
"invariants.violated.len" = "== 0"
"jobs.0.accepted" = "== 80"
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "little.toml"
    path.write_text(SCENARIO.replace("POLICY", ""))
    return path


def run(scenario: Path, **given: object) -> Report:
    recipe = Recipe(source=str(scenario), seed=4, **given)  # type: ignore[arg-type]
    return perform(compile_recipe(recipe), recipe.options)


@pytest.mark.parametrize("kind", ["independent", "colluding", "rejoining"])
def test_a_quarter_of_liars_brings_no_wrong_result(scenario: Path, kind: str) -> None:
    report = run(scenario, liars=0.25, liar_kind=kind)
    [job] = report.metrics["jobs"]
    assert (job["state"], job["accepted"], job["wrong"]) == ("done", 80, 0)
    assert job["disagreements"] > 0
    assert report.failed_expectations == []


def test_liars_come_back_under_fresh_keys(scenario: Path) -> None:
    recipe = Recipe(source=str(scenario), seed=4, liars=0.25, liar_kind="rejoining")
    plan = compile_recipe(recipe)
    events: list[str] = []
    perform(plan, replace(recipe.options, trace=events.append))
    starts = [event for event in events if '"boot"' in event]
    assert len(starts) > len(plan.topology.peers)


def test_a_policy_for_all_jobs(scenario: Path) -> None:
    cheap, dear = (run(scenario, policy=policy).metrics["jobs"][0] for policy in ("confidence:.9", "majority:3/5"))
    assert dear["executions"] >= 4 * 80
    assert cheap["executions"] < dear["executions"]


def test_a_policy_of_a_job_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "named.toml"
    path.write_text(SCENARIO.replace("POLICY", 'policy = "majority:2/2"'))
    [job] = compile_recipe(Recipe(source=str(path))).workload.jobs
    assert job.policy == "majority:2/2"
    path.write_text(SCENARIO.replace("POLICY", 'policy = "best"'))
    with pytest.raises(UsageError, match=r"named.toml.*policy.*'best' is no policy"):
        compile_recipe(Recipe(source=str(path)))


def test_a_job_of_the_file_may_follow_another(tmp_path: Path) -> None:
    path = tmp_path / "named.toml"
    path.write_text(SCENARIO.replace("POLICY", "[[job]]\nat = 5.0\nfollows = true\ncalls = 10"))
    before, then = compile_recipe(Recipe(source=str(path))).workload.jobs
    assert (before.follows, then.follows) == (False, True)
    path.write_text(SCENARIO.replace("POLICY", "follows = true"))
    with pytest.raises(UsageError, match=r"named.toml.*follows.*no job before the first one"):
        compile_recipe(Recipe(source=str(path)))


def test_the_command_that_makes_it_again_names_them(scenario: Path) -> None:
    recipe = Recipe(source=str(scenario), seed=4, liars=0.25, liar_kind="colluding", policy="adaptive")
    told = command_of(recipe, compile_recipe(recipe))
    assert "--liars 0.25 --liar-kind colluding --policy adaptive" in told


@pytest.mark.parametrize(("given", "said"), [({"liars": 25.0}, "write 0.2"), ({"policy": "poco:7"}, "--policy")])
def test_what_can_not_be(scenario: Path, given: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        run(scenario, **given)
