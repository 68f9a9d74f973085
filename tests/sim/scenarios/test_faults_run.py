"""Every kind of fault in a small network that really runs: the job ends right and no invariant breaks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from peernet_sim.faults.catalogue import KINDS
from peernet_sim.model import RunOptions
from peernet_sim.scale import run_scale
from peernet_sim.scenario import Scenario, compile_plan

LEAST = """
about = "every fault"
peers = 16
seconds = 70
join_seconds = 3
[topology]
kind = "star"
[workload]
settle = 10
lookups = 5
puts = 2
broadcasts = 2
[[job]]
at = 12
calls = 200
slice_size = 5
seconds = 1
[sets]
some = { share = 0.25, of = "not submitter" }
"""

FAULTS = {
    "loss": "rate = 0.05\nretransmit = 0.2",  # as TCP does; a grant lost for good is missed when it is late
    "delay": "seconds = 0.2\npeers = 'some'",
    "jitter": "mean = 0.1",
    "duplicate": "rate = 0.1",
    "reorder": "rate = 0.2",
    "partition": "peers = 'some'\nfrom = 15\nuntil = 30",
    "crash": "peers = 'some'\nat = 15\nrestart_after = 10\nwith_state = false",
    "freeze": "peers = 'some'\nat = 15\nseconds = 15",
    "slow": "peers = 'some'\nfactor = 5",
    "churn": "mean_session = 60\nmean_away = 5\nshape = 0.5",
    "clock-skew": "peers = 'some'\nseconds = 20\nspread = 5",
    "full-disk": "peers = 'some'\nat = 15\nseconds = 10",
    "liars": "peers = 'some'",
    "lazy": "peers = 'some'",
    "sybils": "peers = 'some'\nbits = 8",
    "eclipse": "peers = 'some'",
    "withhold": "peers = 'some'",
    "huge-replies": "peers = 'some'",
    "spam": "peers = 'some'\nrate = 5",
    "forged-adverts": "peers = 'some'",
    "mute": "peers = 'some'",
}


def test_all_kinds_are_tried() -> None:
    assert set(FAULTS) == set(KINDS)


@pytest.mark.parametrize("kind", FAULTS)
def test_the_job_ends_right_and_no_invariant_breaks(read: Callable[..., Scenario], kind: str) -> None:
    plan = compile_plan(read(f"[[fault]]\nkind = '{kind}'\n{FAULTS[kind]}\n", LEAST))
    report = run_scale(plan, RunOptions(trace_sample=0.0))
    assert report.violations == []
    [job] = report.metrics["jobs"]
    assert job["wrong"] == 0
    if kind != "lazy":  # their slices are only missed when they are late, after the run's end
        assert job["accepted"] == 40, job
