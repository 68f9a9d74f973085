"""What commands say of a job whose results are believed no more, since a peer was shut out after its end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from peernet.results import encode
from peernet.wire.control import (
    Evidence,
    EvidenceHead,
    EvidenceSlice,
    FinalValue,
    JobReply,
    JobRow,
    JobsReply,
    ListJobs,
    Results,
    RetractedRow,
    Retraction,
    Show,
    SliceValue,
    Watch,
)
from peernet_cli.stats import stats_of

Run = Callable[..., Result]
Row = Callable[..., JobRow]
Lines = Callable[[str], list[dict[str, Any]]]

EVE = "12D3KooWEve"
ENTRY = RetractedRow(EVE, 1, 2, 1_700_000_500.0, "which you have blocked")
WHY = f"1 of 2 slices: they rested on {EVE}, which you have blocked"


@pytest.fixture
def retracted(fake_peer: Any, job_row: Row) -> JobRow:
    """A job of two slices, of which the second is retracted."""
    row = job_row(retracted=(ENTRY,))
    slices = SliceValue(0, encode([0, 1])), SliceValue(1, encode([4, 9]), retracted=EVE)
    evidence = (
        EvidenceSlice(0, 2, b"d" * 32, 5, 0.995, ()),
        EvidenceSlice(1, 2, b"e" * 32, 5, 0.995, (), retracted=EVE),
    )
    fake_peer.answer(Show, JobReply(row))
    fake_peer.answer(ListJobs, JobsReply((row, job_row())))
    fake_peer.answer(Results, *slices, JobReply(row))
    fake_peer.answer(Evidence, EvidenceHead(b"manifest", "confidence:0.99"), *evidence, JobReply(row))
    return row


def test_show(peernet: Run, retracted: JobRow, json_lines: Lines) -> None:
    assert f"retracted:     {WHY}; submit the job again\n" in peernet("show", "abc").stdout
    (told,) = json_lines(peernet("show", "abc", "--json").stdout)
    assert told["retracted"] == 1
    assert told["retractions"] == [
        {"peer": EVE, "slices": 1, "calls": 2, "when": 1_700_000_500.0, "reason": "which you have blocked"}
    ]


def test_show_of_what_was_taken_back_before_the_end(peernet: Run, fake_peer: Any, job_row: Row) -> None:
    fake_peer.answer(Show, JobReply(job_row(taken_back=3)))
    assert "taken back:    3 slices, computed again before the end\n" in peernet("show", "abc").stdout


def test_numbers_count_what_was_taken_back_before_the_end_and_since(job_row: Row) -> None:
    told = stats_of(job_row(taken_back=3, retracted=(ENTRY, ENTRY)))
    assert told["retracted"] == 5


def test_evidence(peernet: Run, retracted: JobRow, json_lines: Lines) -> None:
    lines = peernet("show", "abc", "--evidence").stdout.splitlines()
    assert lines[2] == f"  retracted: it is believed no more without {EVE}; submit the job again"
    told = json_lines(peernet("show", "abc", "--evidence", "--json").stdout)
    assert [line["retracted"] for line in told] == [None, EVE]


def test_jobs(peernet: Run, retracted: JobRow, json_lines: Lines) -> None:
    _, first, second = peernet("jobs").stdout.splitlines()
    assert first.endswith("1 slice retracted: submit it again") and "retracted" not in second
    told = json_lines(peernet("jobs", "--json").stdout)
    assert [(line["retracted"], len(line["retractions"])) for line in told] == [(1, 1), (0, 0)]


def test_results_are_given_and_the_retracted_ones_are_named(
    peernet: Run, retracted: JobRow, json_lines: Lines
) -> None:
    done = peernet("results", "abc")
    assert (done.exit_code, done.stdout) == (0, "[\n0,\n1,\n4,\n9\n]\n")
    assert done.stderr.splitlines() == [
        f"warning: retracted: {WHY}",
        "results 2 to 3 (counted from 0) are retracted; submit the job again to have them computed anew",
    ]
    *values, last = json_lines(peernet("results", "abc", "--json").stdout)
    assert [value.get("retracted") for value in values] == [None, None, True, True]
    assert last["retracted_results"] == [[2, 3]]


def test_a_folder_tells_it_too(peernet: Run, retracted: JobRow, tmp_path: Path, json_lines: Lines) -> None:
    done = peernet("results", "abc", "-o", "out")
    assert done.exit_code == 0 and "1 slice retracted" in done.stdout and "results 2 to 3" in done.stderr
    stats = json.loads((tmp_path / "out/stats.json").read_text())
    assert stats["retracted_results"] == [[2, 3]]
    assert [entry["peer"] for entry in stats["retractions"]] == [EVE]
    checked = peernet("verify", "out")
    text = "is retracted: it is believed no more without this peer; submit the job again"
    assert checked.exit_code == 1
    assert f"slice 1: peer {EVE}: {text}" in checked.stdout.splitlines()
    assert {"fault": text, "slice": 1, "peer": EVE} in json_lines(peernet("verify", "out", "--json").stdout)


def test_a_reduced_value_contains_what_is_retracted(peernet: Run, fake_peer: Any, job_row: Row) -> None:
    row = job_row(reduces=True, retracted=(ENTRY,))
    fake_peer.answer(Show, JobReply(row))
    fake_peer.answer(Results, FinalValue(encode(14)), JobReply(row))
    done = peernet("results", "abc")
    assert done.stdout == "14\n"
    assert "the value of job abcdefghij contains what is retracted; submit the job again" in done.stderr


def test_who_waits_for_another_job_is_told_at_once(
    peernet: Run, fake_peer: Any, job_row: Row, slices: tuple[SliceValue, ...], json_lines: Lines
) -> None:
    told = Retraction("other", EVE, "4 accepted slices of job other are retracted")
    running, done = job_row(state="running", ended=0.0), job_row()
    fake_peer.answer(Show, JobReply(running))
    fake_peer.answer(Watch, JobReply(running), told, JobReply(done))
    fake_peer.answer(Results, *slices, JobReply(done))
    assert "warning: 4 accepted slices of job other are retracted\n" in peernet("results", "abc").stderr
    events = json_lines(peernet("results", "abc", "--json").stdout)
    assert {"event": "retracted", "job": "other", "peer": EVE, "text": told.text} in events


def test_many_ranges_are_told_in_stats_only(peernet: Run, fake_peer: Any, job_row: Row) -> None:
    row = job_row(retracted=(ENTRY,))
    values = [SliceValue(i, encode([i]), retracted=EVE if i % 2 else "") for i in range(20)]
    fake_peer.answer(Show, JobReply(row))
    fake_peer.answer(Results, *values, JobReply(row))
    assert "results 1, 3, 5, 7, 9 and 5 more ranges, which stats.json has" in peernet("results", "abc").stderr
