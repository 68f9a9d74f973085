"""Trust for each function or for each submitter: what the comparison rests on, in small."""

from __future__ import annotations

import json
from dataclasses import replace

from peernet_sim.policies.functions import Case, main, measure

CASE = Case("submitter", "selective", 0.2, 10, 20, 1)


def test_trust_for_each_function_begins_anew_with_each():
    shared, apart = measure(CASE), measure(replace(CASE, trust="function"))
    assert [job.state for job in (*shared, *apart)] == ["done"] * 8
    assert shared[1].executions < apart[1].executions
    # Those who are wrong in B are kept for A.
    assert apart[2].seconds < shared[2].seconds
    assert shared[2].banned == apart[2].banned == 0


def test_a_short_job_is_over_before_those_who_are_trusted_for_another_function_are_met():
    shared, apart, credit = (
        measure(replace(CASE, trust=trust, each=3)) for trust in ("submitter", "function", "credit")
    )
    assert shared[1].wrong > 0.05 * shared[1].accepted
    assert apart[1].wrong == credit[1].wrong == 0
    assert shared[1].executions < credit[1].executions < apart[1].executions


def test_without_faults_only_the_cost_differs():
    shared, apart = (measure(replace(CASE, share=0.0, trust=trust)) for trust in ("submitter", "function"))
    assert all(job.wrong == job.banned == 0 for job in (*shared, *apart))
    assert sum(job.executions for job in shared) < sum(job.executions for job in apart)


def test_the_command_writes_rows_and_a_table(tmp_path):
    assert main(["--out", str(tmp_path), "--peers", "5", "--each", "3", "--seeds", "1"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "functions.jsonl").read_text().splitlines()]
    assert len(rows) == 4 * 3 * (1 + 2 * 2)
    assert "| 3 | 20% broken | function |" in (tmp_path / "functions.md").read_text()
