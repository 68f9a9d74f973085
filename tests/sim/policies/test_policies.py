"""What policies cost and how often they are wrong, on the field: the promises of the table, in small."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import pytest

from peernet.config import Config, TrustConfig
from peernet.errors import UsageError
from peernet_sim.policies.__main__ import main
from peernet_sim.policies.agreement import bursts, compare, key_of
from peernet_sim.policies.cases import BATCHES, MAJORITIES, PEERS, SHARES, Case, Row, cases
from peernet_sim.policies.field import Field
from peernet_sim.policies.intervals import interval, upper_bound
from peernet_sim.policies.page import agreement, rewrite
from peernet_sim.policies.running import Store, measure
from peernet_sim.policies.slices import Slices
from peernet_sim.policies.table import lines
from peernet_sim.policies.workers import LIARS, make_workers


def case(policy="confidence:0.99", **change):
    given = {"peers": 30, "share": 0.2, "kind": "colluding", "each": 30, "seed": 1} | change
    return Case(policy, **given)


@pytest.mark.parametrize("kind", LIARS)
@pytest.mark.parametrize("share", [0.05, 0.2])
def test_the_default_keeps_its_promise_and_costs_a_quarter_when_warm(kind, share):
    cold, warm = measure(case(kind=kind, share=share))
    assert (cold.state, warm.state) == ("done", "done")
    assert cold.accepted == warm.accepted == cold.slices
    # A sleeper that has earned trust is wrong about 1 / audits times before it is seen: no confidence covers that.
    promised = 0.01 if kind != "sleeper" else share / TrustConfig().audits / 30
    assert cold.wrong + warm.wrong <= promised * (cold.slices + warm.slices)
    assert cold.executions <= 2.0 * cold.slices
    assert warm.executions <= 1.25 * warm.slices


def test_a_higher_confidence_costs_more_and_is_kept():
    low, high = (measure(case(policy))[0] for policy in ("confidence:0.99", "confidence:0.999"))
    assert low.wrong == high.wrong == 0
    assert low.executions < high.executions


@pytest.mark.parametrize("policy", ["majority:2/3", "adaptive"])
def test_plain_policies_believe_colluders(policy):
    cold, _ = measure(case(policy))
    assert cold.wrong > 0.01 * cold.slices


def test_poco_keeps_the_promise_at_twice_the_price():
    ours, theirs = (measure(case(policy))[1] for policy in ("confidence:0.99", "poco"))
    assert theirs.wrong <= 0.01 * theirs.slices
    assert theirs.executions > 1.5 * ours.executions


def test_liars_that_come_back_under_fresh_keys_gain_nothing():
    cold, _ = measure(case(kind="rejoining"))
    assert cold.banned > 6
    assert cold.wrong == 0


def test_where_most_lie_and_nobody_is_trusted_it_says_so_instead_of_accepting():
    workers = make_workers(20, 0.8, "independent", 0, Random(3))
    outcome = Field(workers, own=False, seed=3).run("confidence:0.99", 200, longest=2000)
    assert (outcome.state, outcome.slices) == ("failed", 0)
    assert "none is believed at a confidence of 0.99" in outcome.reason


def test_colluders_in_the_majority_are_noticed_by_the_own_machine():
    workers = make_workers(20, 0.6, "colluding", 0, Random(3))
    outcome = Field(workers, own=True, seed=3).run("confidence:0.99", 400, longest=4000)
    assert outcome.state == "failed"
    assert outcome.reason.startswith("not enough honest peers: ")


def test_equal_seeds_give_equal_runs():
    first, second = (measure(case()) for _ in range(2))
    assert [row.executions for row in first] == [row.executions for row in second]
    assert measure(case(seed=2))[0].executions != first[0].executions


def test_the_bound_of_an_error_is_clopper_and_pearson_s():
    assert upper_bound(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300), rel=1e-6)
    assert upper_bound(5, 100) == pytest.approx(0.1022537, rel=1e-5)
    assert upper_bound(0, 0) == upper_bound(3, 3) == 1.0
    assert interval(5, 100) == pytest.approx((0.0164319, 0.1128349), rel=1e-5)
    assert interval(0, 10) == pytest.approx((0.0, 0.3084971), rel=1e-5)
    assert interval(10, 10) == pytest.approx((0.6915029, 1.0), rel=1e-5)


def test_the_command_writes_the_table_and_its_pictures(tmp_path):
    pytest.importorskip("matplotlib")
    arguments = [
        "--out",
        str(tmp_path),
        "--peers",
        "6",
        "--liars",
        "0",
        "0.2",
        "--policy",
        "confidence:0.9",
        "majority:2/3",
    ]
    assert main([*arguments, "--each", "4", "--processes", "1"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "field.jsonl").read_text().splitlines()]
    assert len(rows) == 2 * len(list(cases(["a", "b"], [6], [0, 0.2], 4, 1)))
    assert "| 6 | 20% rejoining | warm |" in (tmp_path / "field.md").read_text()
    assert {path.name for path in tmp_path.glob("*.png")} == {"policies-cold.png", "policies-warm.png"}


def test_lines_put_seeds_together():
    rows = [row for seed in (1, 2) for row in measure(case(seed=seed, peers=10, each=5))]
    told = lines(rows)
    assert [line.warm for line in told] == [False, True]
    assert told[0].each == sum(row.executions for row in rows if not row.warm) / 100


def test_every_network_and_kind_of_liar_is_measured_with_the_default_and_the_majorities():
    for way in ("field", "network"):
        measured = {(case.policy, case.peers, case.share, case.kind) for b in BATCHES[way] for case in b.cases()}
        for one in cases(["confidence:0.99", *MAJORITIES], PEERS, SHARES, 1, 1):
            key = (one.policy, one.peers, one.share, one.kind)
            assert key in measured or (way, one.peers, one.share) == ("field", 1000, 0.05)


def test_a_store_keeps_what_was_measured_and_measures_halves_again(tmp_path):
    path = tmp_path / "field.jsonl"
    whole, half = case(peers=6, each=4), case(peers=6, each=4, seed=2)
    store = Store(path)
    store.add(measure(whole))
    store.add(measure(half)[:1])
    again = Store(path)
    assert whole in again
    assert half not in again
    again.add(measure(half))
    assert half in Store(path)
    assert [row.warm for row in Store(path).rows() if row.case == half] == [False, True]


def test_a_file_that_holds_something_else_is_named_with_its_line(tmp_path):
    path = tmp_path / "field.jsonl"
    Store(path).add(measure(case(peers=6, each=4)))
    with path.open("a") as file:
        file.write('{"peers": 6}\n')
    with pytest.raises(UsageError, match=r"field\.jsonl, line 3 is no row of a table"):
        Store(path)


def test_rows_come_back_as_they_were_told():
    for row in (*measure(case(peers=6, each=4)), *measure(case(peers=6, each=4, warm=False))):
        assert Row.from_json(row.as_json()) == row


def test_a_page_without_a_place_for_tables_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("No marks.")
    with pytest.raises(UsageError, match="marks no place for a table"):
        rewrite(page, tmp_path)


def test_lines_that_differ_are_told():
    (cold, _) = lines(measure(case("majority:2/3", peers=10, each=5)))
    for other, what in (
        (replace(cold, wrong=cold.accepted), "error"),
        (replace(cold, executions=2 * cold.executions), "cost"),
        (replace(cold, ended=0.5), "ended"),
    ):
        (verdict,) = compare([cold], {key_of(cold): other})
        assert not verdict.agrees
        assert not getattr(verdict, what)
        assert "| majority:2/3 | 10 | 20% colluding | cold |" in agreement([verdict])
    assert "100" not in agreement(compare([cold], {}))


def test_a_sleeper_s_errors_count_by_bursts():
    (cold, _) = lines(measure(case(kind="sleeper", peers=10, each=5)))
    assert bursts(cold) == 25
    assert bursts(replace(cold, policy="majority:2/3")) == bursts(replace(cold, kind="colluding")) == 1
    assert cold.between(25)[1] > cold.between()[1]


@pytest.mark.parametrize("kind", ["independent", "colluding"])
def test_a_dispute_over_one_call_of_a_hundred_costs_hardly_more_than_that_call(kind):
    def calls(falsified, **change):
        config = Config(work=replace(Config().work, **change))
        workers = make_workers(12, 0.17, kind, 0, Random(3))
        field = Field(workers, own=False, seed=3, slices=Slices(100, falsified), config=config)
        outcome = field.run("majority:2/2", 60)
        assert outcome.state == "done" and outcome.slices == 60
        assert kind == "colluding" or not outcome.wrong
        return outcome.calls

    needed = 2 * 60 * 100
    whole, narrowed = calls(1, narrow_share=0.0) - needed, calls(1) - needed
    assert narrowed < whole / 4, "two liars in one slice make a whole execution necessary all the same"
    assert calls(100) == calls(100, narrow_share=0.0)
