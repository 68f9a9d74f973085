"""What is said of the default policy, from figures made up."""

from __future__ import annotations

from dataclasses import replace

from peernet_sim.policies.promise import promise
from peernet_sim.policies.table import Line

OURS = Line("confidence:0.99", 50, 0.2, "colluding", 50, True, 1, 1.0, 5000, 0, 5500)


def test_a_promise_that_is_kept_for_less_than_others_take():
    rival = replace(OURS, policy="poco", executions=10_000)
    text = promise([OURS, rival])
    assert "kept its promise in 1 of 1 jobs" in text
    assert "In 1 of the 1 of these in which others kept it too" in text
    assert "it took 1.10 executions a slice at most (50 peers, 20% colluding, warm)" in text
    assert "not so" not in text


def test_a_promise_that_is_broken_is_named_with_its_figures():
    text = promise([replace(OURS, wrong=60), replace(OURS, kind="sleeper", ended=0.0)])
    assert "kept its promise in 0 of 2 jobs" in text
    assert "not so: 50 peers, 20% colluding, warm, 1.20% (at most 1.49%)" in text


def test_one_who_keeps_it_for_less_is_named():
    text = promise([OURS, replace(OURS, policy="adaptive", executions=5100)])
    assert "In 0 of the 1 of these" in text
    assert "not so: 50 peers, 20% colluding, warm, 1.10; adaptive, 1.02" in text


def test_a_majority_stands_for_its_warm_job_too_and_counts_only_where_it_keeps_the_promise():
    cheap = replace(OURS, policy="majority:2/3", warm=False, executions=5001)
    assert "not so: 50 peers, 20% colluding, warm, 1.10; majority:2/3, 1.00" in promise([OURS, cheap])
    assert "In 0 of the 0 of these" in promise([OURS, replace(cheap, wrong=500)])
