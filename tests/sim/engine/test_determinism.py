from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from peernet_sim.model import Plan, Report, RunOptions
from peernet_sim.scale import run_scale

SILENT = ("cpu_seconds", "peak_rss_bytes")


def comparable(report: Report) -> dict[str, Any]:
    return {key: value for key, value in report.metrics.items() if key not in SILENT}


@pytest.mark.parametrize("seed", range(20))
def test_one_seed_gives_one_trace(seed: int, make_plan: Callable[..., Plan]) -> None:
    one = run_scale(make_plan(count=6, seed=seed, seconds=16.0), RunOptions())
    two = run_scale(make_plan(count=6, seed=seed, seconds=16.0), RunOptions())

    assert one.metrics["trace_digest"] == two.metrics["trace_digest"]
    assert comparable(one) == comparable(two)
    assert one.series == two.series


def test_another_seed_gives_another_trace(make_plan: Callable[..., Plan]) -> None:
    digests = {
        run_scale(make_plan(count=6, seed=seed, seconds=8.0), RunOptions()).metrics["trace_digest"]
        for seed in (1, 2, 3)
    }
    assert len(digests) == 3


CHILD = """
    import sys
    from pathlib import Path
    from peernet_sim.model import RunOptions
    from peernet_sim.scale import run_scale
    from peernet_sim.scenario import compile_plan, load

    plan = compile_plan(load(Path(sys.argv[1])), peers=12, seed=5)
    from dataclasses import replace
    print(run_scale(replace(plan, seconds=25.0, expectations=()), RunOptions()).metrics["trace_digest"])
"""


def test_the_hash_seed_of_python_changes_nothing() -> None:
    root = Path(__file__).parents[3]
    scenario = root / "simulations" / "scenarios" / "healthy.toml"
    digests = {
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(CHILD), str(scenario)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "4242")
    }
    assert len(digests) == 1 and len(digests.pop().strip()) == 64


def test_wire_and_crypto_change_no_outcome(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(count=6, seconds=16.0)
    for options in (RunOptions(wire=True), RunOptions(crypto=True), RunOptions(wire=True, crypto=True)):
        report = run_scale(plan, options)
        assert report.violations == []
        assert report.metrics["jobs"][0]["state"] == "done"
        assert report.metrics["jobs"][0]["wrong"] == 0
        assert report.metrics["lookups"]["success"] == 1.0


def test_the_trace_file_is_sampled_and_the_digest_is_not(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(count=5, seconds=8.0)
    lines: list[str] = []
    tenth: list[str] = []
    whole = run_scale(plan, RunOptions(trace=lines.append))
    part = run_scale(plan, replace(RunOptions(), trace=tenth.append, trace_sample=0.1))

    assert whole.metrics["trace_digest"] == part.metrics["trace_digest"]
    assert len(lines) > 100
    assert abs(len(tenth) - len(lines) / 10) <= 1
    assert set(tenth) <= set(lines)
