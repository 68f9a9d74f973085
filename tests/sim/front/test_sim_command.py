"""`peernet sim`: what it writes, says and exits with. What it runs is prepared."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from peernet.project import Bundle
from peernet_sim.model import Violation
from peernet_sim.report import FIXED_KEYS

Run = Callable[..., Result]

BROKEN = Violation("no slice lost", 31.5, "slice 4 is nowhere", (1, 2), ("31.4 peer 1: Return",))
PICTURES = {"map.png", "lookups.png", "gossip.png", "jobs.png", "work.png", "liars.png", "traffic.png"}


def test_a_run_is_kept_whole(peernet: Run, simulator: Any, scenario_file: Path, tmp_path: Path) -> None:
    ran = peernet("sim", "run", scenario_file, "--peers", 6, "--seed", 3, "--out", "out", "--trace", 0.5)
    assert ran.exit_code == 0, ran.output
    assert "small: eight peers in a row" in ran.stdout
    assert ran.stdout.endswith("simulation: out\n")
    out = tmp_path / "out"
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert files == PICTURES | {
        "metrics.json",
        "trace.jsonl",
        "scenario.toml",
        "run.json",
        "graphs/ring.graphml",
    }
    metrics = json.loads((out / "metrics.json").read_text())
    assert tuple(metrics)[: len(FIXED_KEYS)] == FIXED_KEYS
    assert metrics["seed"] == 3 and metrics["peers"] == 6
    assert metrics["lookups"]["latency_p99"] is None
    assert (out / "trace.jsonl").read_text() == '{"t":0.5,"peer":1,"kind":"Pull"}\n'
    assert (out / "scenario.toml").read_bytes() == scenario_file.read_bytes()
    (options,) = simulator.options
    assert (options.mode, options.wire, options.crypto, options.trace_sample) == ("scale", False, False, 0.5)


def test_options_reach_the_run(peernet: Run, simulator: Any, scenario_file: Path) -> None:
    ran = peernet("sim", "run", scenario_file, "--mode", "fidelity", "--wire", "--crypto")
    assert ran.exit_code == 0
    (options,) = simulator.options
    assert (options.mode, options.wire, options.crypto) == ("fidelity", True, True)
    assert options.trace is None
    (recipe,) = simulator.recipes
    assert recipe.peers is None and recipe.seed is None


def test_nothing_is_overwritten(peernet: Run, simulator: Any, scenario_file: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out-2").write_text("mine")
    ran = peernet("sim", "run", scenario_file, "--out", "out")
    assert ran.stdout.endswith("simulation: out-3\n")
    assert not list((tmp_path / "out").iterdir())
    assert (tmp_path / "out-2").read_text() == "mine"


def test_json_is_lines_only(
    peernet: Run, simulator: Any, scenario_file: Path, json_lines: Callable[[str], list[Any]]
) -> None:
    ran = peernet("sim", "run", scenario_file, "--json", "--out", "out")
    (done,) = json_lines(ran.stdout)
    assert done["event"] == "done" and done["output"] == "out"
    assert set(FIXED_KEYS) <= set(done)


def test_a_broken_invariant(peernet: Run, simulator: Any, scenario_file: Path) -> None:
    simulator.changes = {"violations": [BROKEN]}
    ran = peernet("sim", "run", scenario_file, "--seed", 3, "--out", "out")
    assert ran.exit_code == 1
    assert "  31.4 peer 1: Return" in ran.stderr
    assert "error: invariant no slice lost broke at 31.5 s: slice 4 is nowhere" in ran.stderr
    assert ran.stderr.endswith("see it again: peernet sim replay out\n")


def test_a_broken_expectation_without_a_folder(
    peernet: Run, simulator: Any, scenario_file: Path, json_lines: Callable[[str], list[Any]]
) -> None:
    simulator.changes = {"failed_expectations": ["jobs.wrong is 2, at most 0"]}
    ran = peernet("sim", "run", scenario_file, "--seed", 3, "--wire", "--json")
    assert ran.exit_code == 1
    done, error = json_lines(ran.stdout)
    assert done["failed_expectations"] == ["jobs.wrong is 2, at most 0"]
    assert error["error"]["type"] == "BrokenRunError"
    command = f"peernet sim run {scenario_file} --peers 8 --seed 3 --mode scale --wire"
    assert error["error"]["message"].endswith(f"see it again: {command}")


@pytest.mark.parametrize("share", ["-0.1", "1.5", "nan"])
def test_a_wrong_share(peernet: Run, simulator: Any, scenario_file: Path, share: str) -> None:
    ran = peernet("sim", "run", scenario_file, f"--trace={share}")
    assert ran.exit_code == 2
    assert "a share is between 0 and 1" in ran.stderr
    assert not simulator.options


def test_a_place_that_can_not_be_made(peernet: Run, simulator: Any, scenario_file: Path) -> None:
    ran = peernet("sim", "run", scenario_file, "--out", scenario_file / "out")
    assert ran.exit_code == 2
    assert "is not a folder" in ran.stderr
    assert not simulator.options


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (OSError(errno.ENOSPC, "No space"), 1, "can't be kept in out: the disk is full"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_an_early_end_leaves_nothing(
    peernet: Run, simulator: Any, scenario_file: Path, tmp_path: Path, error: BaseException, code: int, text: str
) -> None:
    before = sorted(tmp_path.iterdir())
    simulator.ends = [error]
    ran = peernet("sim", "run", scenario_file, "--out", "out")
    assert ran.exit_code == code
    assert text in ran.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_without_matplotlib_there_are_no_pictures(
    peernet: Run, simulator: Any, scenario_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    ran = peernet("sim", "run", scenario_file, "--out", "out")
    assert ran.exit_code == 0
    assert "no pictures: pictures need matplotlib" in ran.stderr
    assert "pip install 'peernet[sim]'" in ran.stderr
    assert (tmp_path / "out" / "metrics.json").exists()
    assert not list((tmp_path / "out").glob("*.png"))


PROJECT = "import sys\nimport peernet\n\n@peernet.parallel(over=range(3))\ndef f(x):\n    return x\n"


def test_a_job(peernet: Run, simulator: Any, tmp_path: Path, json_lines: Callable[[str], list[Any]]) -> None:
    (tmp_path / "mine.py").write_text(PROJECT)
    options = (
        "--peers",
        50,
        "--liars",
        0.2,
        "--liar-kind",
        "sleeper",
        "--churn",
        5,
        "--formed",
        "--seed",
        9,
        "--json",
    )
    ran = peernet("sim", "job", "mine.py:f", *options, "--out", "out", "--", "a", "--json", "b")
    assert ran.exit_code == 0, ran.output
    job, done = json_lines(ran.stdout)
    assert job["event"] == "job" and job["accepted"] == 10
    assert set(FIXED_KEYS) <= set(done)
    (recipe,) = simulator.recipes
    assert (recipe.peers, recipe.liars, recipe.liar_kind, recipe.churn) == (50, 0.2, "sleeper", 5.0)
    assert recipe.formed
    assert Bundle.decode(recipe.bundle).argv == ("a", "--json", "b")
    assert (tmp_path / "out" / "project.bundle").read_bytes() == recipe.bundle
    simulator.changes = {"violations": [BROKEN]}
    ran = peernet("sim", "job", "mine.py:f", *options, "--", "a", "--json", "b")
    again = "peernet sim job mine.py:f --peers 50 --seed 9 --mode scale --liars 0.2 --liar-kind sleeper"
    again += " --churn 5 --formed"
    assert ran.stderr.endswith(f"see it again: {again} -- a --json b\n")


def test_a_job_of_a_broken_project(peernet: Run, simulator: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import peernet\n@peernet.parallel(over=\n")
    ran = peernet("sim", "job", "mine.py")
    assert ran.exit_code == 2
    assert not simulator.options


@pytest.mark.parametrize("kind", ["run", "job"])
def test_a_replay_is_the_same_run(
    peernet: Run, simulator: Any, scenario_file: Path, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "mine.py").write_text(PROJECT)
    source = scenario_file if kind == "run" else "mine.py"
    peernet("sim", kind, source, "--peers", 5, "--seed", 4, "--mode", "fidelity", "--crypto", "--out", "out")
    scenario_file.unlink()
    ran = peernet("sim", "replay", "out")
    assert ran.exit_code == 0, ran.output
    assert ran.stdout == "the same trace: d1\n"
    first, second = simulator.recipes
    assert (second.peers, second.seed, second.mode, second.crypto) == (5, 4, "fidelity", True)
    assert second.bundle == first.bundle
    assert Path(second.source).exists() or kind == "job"


def test_a_replay_that_went_another_way(
    peernet: Run, simulator: Any, scenario_file: Path, json_lines: Callable[[str], list[Any]], tmp_path: Path
) -> None:
    peernet("sim", "run", scenario_file, "--out", "out")
    simulator.changes = {"trace_digest": "d2"}
    ran = peernet("sim", "replay", "out", "--json")
    assert ran.exit_code == 1
    replayed, error = json_lines(ran.stdout)
    assert replayed["same"] is False and replayed["trace_digest"] == "d2"
    assert "another trace: d2 instead of d1" in error["error"]["message"]
    recipe = tmp_path / "out" / "run.json"
    record = json.loads(recipe.read_text()) | {"peernet": "0.0.1"}
    recipe.write_text(json.dumps(record))
    assert "made by peernet 0.0.1, this is" in peernet("sim", "replay", "out").stderr


def test_a_replay_of_a_scenario_that_was_changed(
    peernet: Run, simulator: Any, scenario_file: Path, tmp_path: Path
) -> None:
    peernet("sim", "run", scenario_file, "--out", "out")
    with (tmp_path / "out" / "scenario.toml").open("a") as kept:
        kept.write("# another one\n")
    ran = peernet("sim", "replay", "out")
    assert ran.exit_code == 2
    assert "error: out/scenario.toml was changed since the run: put it back, or run it anew" in ran.stderr


def test_a_replay_that_breaks_again_is_the_same(peernet: Run, simulator: Any, scenario_file: Path) -> None:
    simulator.changes = {"violations": [BROKEN]}
    assert peernet("sim", "run", scenario_file, "--out", "out").exit_code == 1
    ran = peernet("sim", "replay", "out")
    assert ran.exit_code == 0
    assert ran.stdout == "the same trace: d1; it broke again: no slice lost\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [(None, "holds no simulation"), ("{", "is damaged"), ("[]", "is damaged"), ('{"kind": "run"}', "is damaged")],
)
def test_a_replay_of_nothing(peernet: Run, simulator: Any, tmp_path: Path, text: str | None, told: str) -> None:
    (tmp_path / "out").mkdir()
    if text is not None:
        (tmp_path / "out" / "run.json").write_text(text)
    ran = peernet("sim", "replay", "out")
    assert ran.exit_code == 2
    assert told in ran.stderr
    assert not simulator.options


def test_a_topology(
    peernet: Run, simulator: Any, scenario_file: Path, tmp_path: Path, json_lines: Callable[[str], list[Any]]
) -> None:
    ran = peernet("sim", "topology", scenario_file)
    assert "here 4, there 4" in ran.stdout
    assert "10 to 70, median 30 ms one way" in ran.stdout
    assert "liar 1" in ran.stdout
    assert not list(tmp_path.glob("*.png"))
    assert peernet("sim", "topology", scenario_file, "--plot").stdout.endswith("map: topology.png\n")
    ran = peernet("sim", "topology", scenario_file, "--json", "--plot")
    (told,) = json_lines(ran.stdout)
    assert told["plot"] == "topology-2.png"
    assert told["delay"] == {"least": 0.01, "median": 0.03, "most": 0.07}
    assert (tmp_path / "topology-2.png").read_bytes().startswith(b"\x89PNG")
    ran = peernet("sim", "topology", scenario_file, "--plot", "map.docx")
    assert ran.exit_code == 2
    assert not (tmp_path / "map.docx").exists()
    assert not simulator.options


def test_a_comparison(
    peernet: Run, simulator: Any, scenario_file: Path, json_lines: Callable[[str], list[Any]], tmp_path: Path
) -> None:
    peernet("sim", "run", scenario_file, "--out", "a")
    simulator.changes = {"messages": 2468, "jobs": []}
    peernet("sim", "run", scenario_file, "--out", "b")
    (told,) = json_lines(peernet("sim", "compare", "a", "b/metrics.json", "--json").stdout)
    assert told["figures"]["messages"] == {"a": 1234, "b": 2468, "ratio": 2.0}
    assert told["figures"]["jobs.1.accepted"] == {"a": 10, "b": None, "ratio": None}
    lines = peernet("sim", "compare", "a", "b").stdout.splitlines()
    assert lines[0].split() == ["figure", "a", "b", "ratio"]
    assert ["messages", "1,234", "2,468", "2.000"] in [line.split() for line in lines]
    (tmp_path / "bad.json").write_text("[1]")
    assert "holds no metrics" in peernet("sim", "compare", "bad.json", "b").stderr
    assert peernet("sim", "compare", "nowhere", "b").exit_code == 2


def test_help_is_quick_to_come() -> None:
    """None of what a simulation needs is loaded before one runs."""
    code = (
        "import sys\n"
        "from peernet_cli.main import main\n"
        "try:\n    main(['sim', 'run', '--help'])\nexcept SystemExit: pass\n"
        "heavy = {'peernet_sim', 'matplotlib', 'networkx', 'numpy', 'trio', 'peernet.core'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
