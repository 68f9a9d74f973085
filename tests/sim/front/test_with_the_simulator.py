"""The command with the simulator itself: what the README shows, replays, and projects."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from peernet_sim.faults.catalogue import KINDS as FAULTS
from peernet_sim.report import FIXED_KEYS
from peernet_sim.topology.kinds import KINDS as TOPOLOGIES

Run = Callable[..., Result]

SIMULATIONS = Path(__file__).parents[3] / "simulations"
README = (SIMULATIONS / "README.md").read_text()


@pytest.fixture
def lossy(tmp_path: Path) -> Path:
    """The scenario that the README shows."""
    (text,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "lossy.toml"
    path.write_text(text)
    return path


def test_the_scenario_of_the_readme_is_kept_and_replayed(peernet: Run, lossy: Path, tmp_path: Path) -> None:
    ran = peernet("sim", "run", lossy, "--peers", 16, "--seed", 5, "--out", "out")
    assert ran.exit_code == 0, ran.output
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert tuple(metrics)[: len(FIXED_KEYS)] == FIXED_KEYS
    assert (metrics["peers"], metrics["seed"], metrics["mode"]) == (16, 5, "scale")
    assert metrics["messages"] > 1000
    events = [json.loads(line) for line in (tmp_path / "out" / "trace.jsonl").read_text().splitlines()]
    assert 0.005 < len(events) / metrics["messages"] < 0.05
    assert [event["t"] for event in events] == sorted(event["t"] for event in events)
    again = peernet("sim", "replay", "out")
    assert again.exit_code == 0
    assert again.stdout == f"the same trace: {metrics['trace_digest']}\n"


def test_what_a_scenario_expects_in_vain(peernet: Run, lossy: Path) -> None:
    lossy.write_text(lossy.read_text().replace('">= 0.999"', '"> 1.5"'))
    ran = peernet("sim", "run", lossy, "--peers", 8, "--seed", 5)
    assert ran.exit_code == 1
    assert "gossip.coverage" in ran.stderr
    assert ran.stderr.endswith(f"see it again: peernet sim run {lossy} --peers 8 --seed 5 --mode scale\n")


def test_a_mistake_in_a_scenario(peernet: Run, lossy: Path) -> None:
    lossy.write_text(lossy.read_text().replace("rate = 0.05", "rat = 0.05"))
    for command in ("run", "topology"):
        ran = peernet("sim", command, lossy)
        assert ran.exit_code == 2
        assert re.search(rf"error: {lossy}, line \d+: ", ran.stderr)


def test_a_project_among_liars(peernet: Run, tmp_path: Path, json_lines: Callable[[str], list[Any]]) -> None:
    (tmp_path / "mine.py").write_text(
        "import sys\nimport peernet\n\nprint('loaded')\n\n"
        "@peernet.parallel(over=range(int(sys.argv[1])), slice_size=5)\ndef f(x):\n    return x * x\n"
    )
    options = ("--peers", 20, "--liars", 0.2, "--churn", 5, "--seed", 4, "--json", "--out", "out")
    ran = peernet("sim", "job", "mine.py", *options, "--", 100)
    assert ran.exit_code == 0, ran.output
    lines = json_lines(ran.stdout)
    job, done = lines[-2:]
    assert (job["event"], job["slices"], job["accepted"], job["wrong"]) == ("job", 20, 20, 0)
    assert done["jobs"][0]["executions"] == job["executions"] > 20
    assert "loaded" in ran.stderr
    assert peernet("sim", "replay", "out").exit_code == 0


def test_a_project_that_raises_fails_its_job(peernet: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import peernet\n\n@peernet.parallel(over=range(20))\ndef f(x):\n    return 1 // (x - 7)\n"
    )
    ran = peernet("sim", "job", "mine.py", "--peers", 8, "--out", "out")
    assert ran.exit_code == 1
    assert re.search(r"error: the job failed: slice \d+ \(call 7\) failed: ZeroDivisionError", ran.stderr)
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["jobs"][0]["state"] == "failed"


def test_ctrl_c_in_a_project_ends_the_run(peernet: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import peernet\n\n@peernet.parallel(over=range(20))\ndef f(x):\n    raise KeyboardInterrupt\n"
    )
    ran = peernet("sim", "job", "mine.py", "--peers", 8, "--out", "out")
    assert ran.exit_code == 130
    assert "interrupted" in ran.stderr
    assert not (tmp_path / "out").exists()


def test_the_confidence_of_a_project_counts(
    peernet: Run, tmp_path: Path, json_lines: Callable[[str], list[Any]]
) -> None:
    executions = []
    for confidence in (0.9, 0.99999):
        (tmp_path / "mine.py").write_text(
            f"import peernet\n\n@peernet.parallel(over=range(40), slice_size=2, confidence={confidence})\n"
            "def f(x):\n    return x\n"
        )
        ran = peernet("sim", "job", "mine.py", "--peers", 12, "--json")
        executions.append(json_lines(ran.stdout)[-1]["jobs"][0]["executions"])
    assert executions[0] < executions[1]


def test_the_readme_names_what_there_is() -> None:
    scenarios = {path.stem for path in (SIMULATIONS / "scenarios").glob("*.toml")}
    assert scenarios == set(re.findall(r"^\| `([a-z-]+)` \|", README, re.MULTILINE))
    for name in (*FAULTS, *TOPOLOGIES):
        assert re.search(rf"[`, \"]{name}[`, \"]", README), name
    for key in FIXED_KEYS:
        assert f"`{key}`" in README
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (SIMULATIONS / target).exists(), target
