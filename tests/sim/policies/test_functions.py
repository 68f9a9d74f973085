"""Trust for each function, on the field: peers that are right in one and wrong in another, in small."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from peernet_sim.policies.functions import Case, main, measure

CASE = Case("selective", 0.2, 10, 20, 1)


@pytest.mark.parametrize("fault", ["selective", "broken"])
def test_what_was_proven_in_another_function_does_not_make_a_lie_believed(fault):
    for each, most in ((3, 2.0), (20, 1.5)):
        jobs = measure(replace(CASE, fault=fault, each=each))
        assert [job.state for job in jobs] == ["done"] * 4
        assert [job.wrong for job in jobs] == [0] * 4
        assert jobs[1].executions < most * jobs[1].accepted


def test_who_has_proven_itself_elsewhere_needs_fewer_checks_in_a_new_function():
    cold, new, warm, _ = measure(replace(CASE, share=0.0, each=50))
    assert cold.wrong == new.wrong == warm.wrong == new.banned == 0
    assert warm.executions < new.executions < cold.executions


def test_the_command_writes_rows_and_a_table(tmp_path):
    assert main(["--out", str(tmp_path), "--peers", "5", "--each", "3", "--seeds", "1"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "functions.jsonl").read_text().splitlines()]
    assert len(rows) == 4 * (1 + 2 * 2)
    assert "| 3 | 20% broken |" in (tmp_path / "functions.md").read_text()
