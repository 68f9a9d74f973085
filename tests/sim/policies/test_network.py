"""Policies in the simulator's scale mode: a few small cells, and that they tell what the field does."""

from __future__ import annotations

import json
import multiprocessing
from dataclasses import replace

import pytest

from peernet_sim.policies import copies, network, running
from peernet_sim.policies.__main__ import main
from peernet_sim.policies.agreement import compare, key_of
from peernet_sim.policies.cases import Case
from peernet_sim.policies.table import lines
from peernet_sim.policies.workers import LIARS

CASE = Case("confidence:0.99", 12, 0.2, "colluding", 12, 1)

forks = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system does not copy processes"
)


def figures(rows):
    return [replace(row, cpu_seconds=0.0) for row in rows]


@pytest.mark.parametrize("kind", [kind for kind in LIARS if kind != "sleeper"])
def test_the_default_accepts_nothing_wrong_in_a_network(kind):
    cold, warm = network.measure(replace(CASE, kind=kind))
    assert (cold.state, warm.state) == ("done", "done")
    assert (cold.accepted, warm.accepted) == (cold.slices, warm.slices) == (144, 144)
    assert cold.wrong == warm.wrong == 0
    assert cold.banned + warm.banned >= 2


def test_what_was_learnt_in_the_cold_job_makes_the_warm_one_cheaper():
    cold, warm = network.measure(CASE)
    assert warm.executions < cold.executions
    assert warm.executions <= 1.25 * warm.slices


def test_one_seed_twice_is_one_run():
    first, second = figures(network.measure(CASE)), figures(network.measure(CASE))
    assert first == second
    assert figures(network.measure(replace(CASE, seed=2)))[0].executions != first[0].executions


@forks
def test_a_case_in_a_copy_of_a_network_goes_as_it_does_alone():
    found = {}
    todo = [CASE, replace(CASE, kind="independent"), replace(CASE, policy="majority:2/3", warm=False)]
    copies.run(todo, 2, lambda rows: found.__setitem__(rows[0].case, figures(rows)))
    assert found == {case: figures(network.measure(case)) for case in todo}


def test_a_majority_believes_colluders_in_a_network_too():
    (cold,) = network.measure(replace(CASE, policy="majority:2/3", share=0.4, warm=False))
    assert cold.state == "done"
    assert cold.wrong > 0.1 * cold.slices


@pytest.mark.parametrize("policy", ["adaptive", "poco"])
def test_results_that_wait_while_their_peer_earns_trust_break_no_invariant(policy):
    cold, warm = network.measure(replace(CASE, policy=policy, peers=20, share=0.0, kind="honest", each=30))
    assert (cold.state, warm.state, cold.wrong, warm.wrong) == ("done", "done", 0, 0)
    assert warm.executions < cold.executions


def test_a_colluding_majority_is_noticed_by_the_own_machine():
    case = replace(CASE, peers=20, share=0.6, each=20, warm=False)
    (cold,) = network.measure(case)
    assert cold.state == "failed"
    assert cold.reason.startswith("not enough honest peers: ")


def test_a_rejoining_liar_learns_of_its_ban_and_comes_back():
    cold, warm = network.measure(replace(CASE, kind="rejoining", share=0.1, each=30))
    assert cold.banned + warm.banned > 1  # there is one of them
    assert cold.wrong == warm.wrong == 0


def test_network_and_field_agree():
    case = replace(CASE, policy="majority:2/3", peers=20, each=20, warm=False)
    told, twins = lines(network.measure(case)), lines(running.measure(case))
    (verdict,) = compare(told, {key_of(line): line for line in twins})
    assert verdict.agrees


@forks
def test_the_command_measures_a_network_once_and_writes_both_ways_side_by_side(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("Before.\n\n<!-- network.md -->\nold\n<!-- end -->\n\nBehind.\n")
    arguments = ["--way", "network", "--out", str(tmp_path), "--peers", "6", "--liars", "0.2", "--each", "4"]
    arguments += ["--kind", "colluding", "--policy", "majority:2/3", "--processes", "1", "--page", str(page)]
    assert main(arguments) == 0
    assert "network, 0 to go: majority:2/3, 6 peers, 20% colluding, seed 1" in capsys.readouterr().err
    rows = (tmp_path / "network.jsonl").read_text()
    assert [json.loads(line)["warm"] for line in rows.splitlines()] == [False, True]
    assert "| 6 | 20% colluding | warm |" in (tmp_path / "network.md").read_text()
    assert "Of 2 combinations" in (tmp_path / "agreement.md").read_text()
    text = page.read_text()
    assert text.startswith("Before.") and text.endswith("Behind.\n")
    assert "| 6 | 20% colluding | warm |" in text and "\nold\n" not in text
    assert main(arguments) == 0
    assert capsys.readouterr().err == ""
    assert (tmp_path / "network.jsonl").read_text() == rows
