"""Broken scenario files: the error names file, line, key and remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from peernet.errors import UsageError
from peernet_sim.replay import Recipe, compile_recipe
from peernet_sim.scenario import compile_plan, load

Write = Callable[..., Path]

# What is written after the least (five lines with the first empty one), on which line it is wrong, what is said.
BROKEN = [
    pytest.param("pears = 3", 5, ['unknown key "pears"', 'did you mean "peers"'], id="unknown key"),
    pytest.param("[topolgy]\nkind = 'ring'", 5, ['unknown key "topolgy"', 'did you mean "topology"'], id="table"),
    pytest.param(
        "[topology]\nkind = 'rign'", 6, ["topology.kind", '"rign"', 'did you mean "ring"', "star"], id="topology"
    ),
    pytest.param(
        "[topology]\nkind = 'ring'\ncircle = 1", 7, ['unknown key "circle" in topology', "around"], id="other kind"
    ),
    pytest.param("[topology]\nkind = 'ring'\naround = -1", 7, ["topology.around is -1", "between"], id="range"),
    pytest.param("[topology]\nkind = 'ring'\naround = '1'", 7, ["topology.around", "write a number"], id="type"),
    pytest.param("[topology]\nkind = 'ring'\naround = nan", 7, ["topology.around", "write a number"], id="nan"),
    pytest.param("[topology.weights]\nmars = 1", 6, ["topology.weights.mars", "no region"], id="region"),
    pytest.param("[topology.weights]\nasia = 0", 5, ["topology.weights", "above 0"], id="nowhere"),
    pytest.param("[topology]\nkind = 'graph'", 5, ['topology lacks the key "file"'], id="no file"),
    pytest.param(
        "[topology]\nkind = 'graph'\nfile = 'no.graphml'",
        7,
        ["topology.file", "no.graphml", "not there"],
        id="gone",
    ),
    pytest.param("[topology]\nkind = 'star'\nspoke = { gauss = 1 }", 7, ["topology.spoke", "uniform"], id="draw"),
    pytest.param(
        "[topology]\nkind = 'star'\nspoke = { uniform = [2, 1] }",
        7,
        ["spoke.uniform", "lower one first"],
        id="bounds",
    ),
    pytest.param(
        "[machines]\ncores = { choice = [1, 2], weights = [1] }",
        6,
        ["machines.cores.weights", "2 choices"],
        id="sums",
    ),
    pytest.param("[access]\nhome = 0.5\nmobile = 0.2", 5, ["add to 0.7", "must add to 1"], id="shares"),
    pytest.param(
        "[access]\nhome = { share = 1.0, open = 0.5 }", 6, ["open, restricted and closed add to 0.5"], id="nats"
    ),
    pytest.param("[access]\nhome = { share = 1.0, dwon = 5 }", 6, ['"dwon"', 'did you mean "down"'], id="inline"),
    pytest.param("features = ['dht', 'jobs']", 5, ["features", '"jobs"', "work"], id="features"),
    pytest.param("join_seconds = 100", 5, ["join_seconds is 100", "between 0 and 60"], id="too late"),
    pytest.param("formed = 1", 5, ["formed is 1", "true or false"], id="formed"),
    pytest.param(
        "formed = true\njoin_seconds = 3", 6, ["join_seconds", "formed = true", "leave out one"], id="joined twice"
    ),
    pytest.param("[workload]\nlookups = 1.5", 6, ["workload.lookups is 1.5", "whole number"], id="whole"),
    pytest.param("[workload]\nlookups = true", 6, ["workload.lookups is True", "whole number"], id="no number"),
    pytest.param("[workload]\nput_seconds = 99", 6, ["workload.put_seconds is 99", "between 0 and 60"], id="puts"),
    pytest.param("[[job]]\nat = 1", 5, ['job[1] lacks the key "calls"', "add calls ="], id="missing"),
    pytest.param("[job]\nat = 1", 5, ["job must be written as [[job]]"], id="one table"),
    pytest.param(
        "[[job]]\nat = 1\ncalls = 5\n[[job]]\nat = 99\ncalls = 5", 9, ["job[2].at is 99"], id="second job"
    ),
    pytest.param(
        "[[job]]\nat = 1\ncalls = 5\nreplicas = 2\nquorum = 3", 9, ["job[1].quorum", "quorum of 3"], id="policy"
    ),
    pytest.param("[[fault]]\nkind = 'los'", 6, ['"los"', "no fault", 'did you mean "loss"'], id="fault"),
    pytest.param("[[fault]]\nkind = 'loss'\nrate = 2", 7, ["fault[1].rate is 2", "between 0 and 1"], id="rate"),
    pytest.param("[[fault]]\nkind = 'loss'\nrate = 0.1\nuntil = 0", 8, ["fault[1].until is 0"], id="window"),
    pytest.param(
        "[[fault]]\nkind = 'loss'\nrate = 0.1\nfrom = 60",
        8,
        ["fault[1].from is 60", "ends at 60 s"],
        id="late rule",
    ),
    pytest.param(
        "[[fault]]\nkind = 'crash'\nat = 99\npeers = 'all'",
        7,
        ["fault[1].at is 99", "earlier"],
        id="late crash",
    ),
    pytest.param(
        "[[job]]\nat = 1\ncalls = 2_000_000_000", 7, ["job[1].calls is 2000000000", "1 and 1000000000"], id="most"
    ),
    pytest.param("[[fault]]\nkind = 'crash'\nat = 3", 5, ['lacks the key "peers"'], id="nobody"),
    pytest.param(
        "[[fault]]\nkind = 'lazy'\npeers = 'evryone'", 7, ["fault[1].peers", "no set of peers", "all"], id="set"
    ),
    pytest.param("[[fault]]\nkind = 'lazy'\npeers = 3", 7, ["fault[1].peers is 3", "share"], id="no set"),
    pytest.param("[[fault]]\nkind = 'lazy'\npeers = {}", 7, ["needs one of the keys", "share"], id="empty set"),
    pytest.param(
        "[[fault]]\nkind = 'lazy'\npeers = { region = 'a', nat = 'open' }", 7, ["only one of"], id="two traits"
    ),
    pytest.param("[[fault]]\nkind = 'churn'", 5, ["percent_per_minute and mean_session"], id="churn"),
    pytest.param("[sets]\nall = 'submitter'", 6, ["sets.all", "another name"], id="set's name"),
    pytest.param("[expect]\n'jobs.0.wrong' = 0", 6, ["expect.jobs.0.wrong is 0", "== 0"], id="expectation"),
    pytest.param("[expect]\n'a.b' = '> 1.2.3'", 6, ["expect.a.b", "comparison"], id="number"),
]


@pytest.mark.parametrize(("text", "line", "said"), BROKEN)
def test_what_is_wrong_is_told_with_line_key_and_remedy(
    written: Write, text: str, line: int, said: list[str]
) -> None:
    file = written(text)
    with pytest.raises(UsageError) as caught:
        load(file)
    message = str(caught.value)
    assert message.startswith(f"{file}, line {line}: "), message
    for part in said:
        assert part in message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        pytest.param(
            "[[job]]\nat = 1\ncalls = 5\nsubmitter = 30", 8, "20 peers the last one is 19", id="submitter"
        ),
        pytest.param("[[fault]]\nkind = 'lazy'\npeers = { peers = [40] }", 7, "names peer 40", id="index"),
        pytest.param("[[fault]]\nkind = 'lazy'\npeers = 'region:oslo'", 7, 'the region "oslo"', id="region"),
        pytest.param(
            "[[fault]]\nkind = 'partition'\npeers = 'all'\nother = 'all'", 8, "peers in common", id="sides"
        ),
        pytest.param("[[fault]]\nkind = 'sybils'\npeers = 'all'", 5, "have no victim", id="no victim"),
    ],
)
def test_what_is_wrong_only_for_these_peers_is_told_when_they_are_drawn(
    written: Write, text: str, line: int, said: str
) -> None:
    file = written(text)
    scenario = load(file)
    with pytest.raises(UsageError) as caught:
        compile_plan(scenario)
    assert str(caught.value).startswith(f"{file}, line {line}: ")
    assert said in str(caught.value)


def test_a_formed_start_is_refused_in_fidelity_mode(written: Write) -> None:
    file = written("formed = true")
    assert compile_recipe(Recipe(source=str(file))).formed
    with pytest.raises(UsageError) as caught:
        compile_recipe(Recipe(source=str(file), mode="fidelity"))
    assert str(caught.value).startswith(f"{file}, line 5: formed is true")
    assert "leave it out, or run with --mode scale" in str(caught.value)


def test_a_jobs_network_is_not_formed_in_fidelity_mode() -> None:
    with pytest.raises(UsageError, match=r"--formed is given.*--mode scale"):
        compile_recipe(Recipe(source="mine.py", bundle=b"", mode="fidelity", formed=True))


def test_a_short_run_needs_no_word_on_joining(written: Write) -> None:
    assert load(written("peers = 5\nseconds = 4\nabout = 'x'", least="")).join_seconds == 2.0


def test_a_text_over_many_lines_does_not_move_the_count(written: Write) -> None:
    file = written(
        'peers = 20\nseconds = 60\nabout = """\n[fault]\nkind = 3\n"""\nfeatures = [\n  "dht", # ]\n]\n'
        "seed = -1\n",
        least="",
    )
    with pytest.raises(UsageError, match=r"line 10: seed is -1"):
        load(file)


def test_a_file_that_is_no_toml_is_told_with_its_line(written: Write) -> None:
    with pytest.raises(UsageError, match=r"not valid TOML.*line 5"):
        load(written("kind = ring"))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no scenario"):
        load(tmp_path / "none.toml")


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="can't be read"):
        load(tmp_path / "bytes.toml")


@pytest.mark.parametrize(("peers", "seed", "said"), [(1, None, "2 to"), (None, -1, "seed")])
def test_numbers_of_the_caller_are_checked(written: Write, peers: int | None, seed: int | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        compile_plan(load(written("")), peers, seed)
