"""`peernet trust`, `block` and `unblock`, and what `show --evidence`, `results -o` and `verify` say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from peernet.identity.keys import KeyPair
from peernet.identity.peerid import format_peer_id
from peernet.wire.control import (
    Block,
    Evidence,
    EvidenceHead,
    EvidencePart,
    EvidenceSlice,
    JobReply,
    JobRow,
    MarkRow,
    Ok,
    ProofRow,
    Results,
    RetractedJobRow,
    Show,
    SliceValue,
    Trust,
    TrustReply,
    TrustRow,
)

Run = Callable[..., Result]
Row = Callable[..., JobRow]
Lines = Callable[[str], list[dict[str, Any]]]

ANN, BOB, EVE = (format_peer_id(KeyPair.from_seed(bytes([number]) * 32).peer_id) for number in range(3))


def known(peer: str, **change: Any) -> TrustRow:
    fields = {
        "peer": peer,
        "mine": False,
        "credibility": 0.8,
        "strikes": 0.0,
        "passed": 0,
        "failed": 0,
        "banned": False,
        "blocked": False,
        "marks": (),
    }
    return TrustRow(**(fields | change))


MARK = MarkRow(
    1_700_000_000.0, "abcdefghijkl", 7, "its result of slice 7 of primes is not the one that 2 others have"
)
LIAR = known(EVE, credibility=0.0, strikes=2.0, failed=2, banned=True, marks=(MARK,))
PRIMES = ProofRow("primes", 0.9931, 12.04, True, ())
PROVEN = known(BOB, credibility=0.9931, passed=12, functions=(PRIMES, ProofRow("pi", 0.95, 1.0, False, (ANN,))))


def test_all_that_is_known_is_a_table_with_the_least_credible_first(peernet: Run, fake_peer: Any) -> None:
    fake_peer.answer(Trust, TrustReply((LIAR, known(ANN), PROVEN), 0.1875))
    header, *rows, last = peernet("trust").stdout.splitlines()
    assert header.split() == ["credibility", "passed", "failed", "peer"]
    assert [row.split() for row in rows] == [
        ["banned", "0.0000", "0", "2", EVE],
        ["0.8000", "0", "0", ANN],
        ["trusted", "0.9931", "12", "0", BOB],
    ]
    assert last == "newcomers: a share of 19% is taken to lie"
    assert fake_peer.asked(Trust) == [Trust(())]


def test_nothing_known_is_said(peernet: Run, fake_peer: Any) -> None:
    fake_peer.answer(Trust, TrustReply((), 0.2))
    assert peernet("trust").stdout.startswith("nothing is known of any peer yet")


def test_one_peer_with_its_evidence(peernet: Run, fake_peer: Any) -> None:
    fake_peer.answer(Trust, TrustReply((LIAR,), 0.2))
    told = peernet("trust", EVE).stdout
    assert told.startswith(f"{EVE}: banned\n")
    assert "repeated with the same outcome: 0 of its results; with another: 2" in told
    assert "gets no work and its results count for nothing until its strikes have faded" in told
    assert "job abcdefghij: its result of slice 7 of primes is not the one that 2 others have" in told
    assert fake_peer.asked(Trust) == [Trust((EVE,))]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (known(ANN, mine=True, credibility=1.0), "its key is one of your own: one result of it is believed"),
        (known(ANN, blocked=True, credibility=0.0), "you have blocked it; `peernet unblock` takes that back"),
        (PROVEN, "repeated with the same outcome: 12 of its results; with another: 0"),
        (
            known(EVE, blocked=True, retracted=(RetractedJobRow("abcdefghijkl", "square", 3, 2.0),)),
            "without it 3 accepted slices of job abcdefghij (square) are retracted; submit it again",
        ),
    ],
)
def test_why_a_peer_is_trusted_or_not(peernet: Run, fake_peer: Any, row: TrustRow, told: str) -> None:
    fake_peer.answer(Trust, TrustReply((row,), 0.2))
    assert told in peernet("trust", row.peer).stdout


def test_what_a_peer_has_proven_is_told_for_each_function(peernet: Run, fake_peer: Any) -> None:
    fake_peer.answer(Trust, TrustReply((PROVEN,), 0.2))
    assert [line for line in peernet("trust", BOB).stdout.splitlines() if line.startswith("  in ")] == [
        "  in primes it has passed 12.0 checks (older ones count for less), by a trusted peer among others: "
        "credibility 0.9931",
        "  in pi it has passed 1.0 checks (older ones count for less), by 1 other peer: credibility 0.9500",
    ]


def test_trust_for_programs(peernet: Run, fake_peer: Any, json_lines: Lines) -> None:
    fake_peer.answer(Trust, TrustReply((LIAR, PROVEN), 0.2))
    (told,) = json_lines(peernet("trust", "--json").stdout)
    assert told["liars"] == 0.2
    row, proven = told["rows"]
    assert [(one["name"], one["checks"], one["sure"], one["vouchers"]) for one in proven["functions"]] == [
        ("primes", 12.04, True, []),
        ("pi", 1.0, False, [ANN]),
    ]
    assert (row["peer"], row["banned"], row["failed"], row["marks"][0]["index"]) == (EVE, True, 2, 7)


@pytest.mark.parametrize(("command", "blocked"), [("block", True), ("unblock", False)])
def test_block_and_unblock(peernet: Run, fake_peer: Any, json_lines: Lines, command: str, blocked: bool) -> None:
    fake_peer.answer(Block, Ok())
    word = "blocked" if blocked else "no longer blocked"
    assert peernet(command, ANN, BOB).stdout == f"{ANN} is {word}\n{BOB} is {word}\n"
    assert json_lines(peernet(command, ANN, "--json").stdout) == [{"peers": [ANN], "blocked": blocked}]
    assert fake_peer.asked(Block) == [Block((ANN, BOB), blocked), Block((ANN,), blocked)]


@pytest.mark.parametrize("command", [("trust",), ("block",), ("unblock",), ("trust", "--mine")])
def test_what_is_no_peer_is_refused_before_anything_is_asked(
    peernet: Run, fake_peer: Any, command: tuple[str, ...]
) -> None:
    done = peernet(*command, ANN, "QmSomething")
    assert done.exit_code == 2 and "'QmSomething'" in done.stderr
    assert not fake_peer.requests


@pytest.mark.parametrize("command", ["block", "unblock"])
def test_whom_to_block_has_to_be_said(peernet: Run, command: str) -> None:
    done = peernet(command)
    assert done.exit_code == 2 and "PEERID" in done.stderr


def test_a_mark_needs_a_peer(peernet: Run) -> None:
    for option in ("--mine", "--not-mine"):
        done = peernet("trust", option)
        assert done.exit_code == 2 and f"{option} needs the id of a peer" in done.stderr


@pytest.mark.parametrize("command", [["trust"], ["block", ANN], ["unblock", ANN]])
def test_they_need_a_running_peer(peernet: Run, command: list[str]) -> None:
    done = peernet(*command)
    assert done.exit_code == 3 and "peernet join" in done.stderr


def part(
    peer: str,
    *,
    agrees: bool = True,
    trusted: bool = False,
    audit: bool = False,
    batch: bytes = b"n",
    calls: tuple[int, ...] = (),
) -> Any:
    digest = (b"p" if calls else b"d" if agrees else b"x") * 32
    return EvidencePart(peer, b"l" * 16, "ok", digest, agrees, trusted, audit, batch, calls)


@pytest.fixture
def evidence(fake_peer: Any, job_row: Row) -> JobRow:
    """A job of two slices, with what they rest on."""
    row = job_row(policy="confidence:0.99")
    fake_peer.answer(Show, JobReply(row))
    fake_peer.answer(
        Evidence,
        EvidenceHead(b"manifest", row.policy),
        EvidenceSlice(0, 2, b"d" * 32, 5, 0.9931, (part(ANN), part(BOB, audit=True), part(EVE, agrees=False))),
        EvidenceSlice(1, 2, b"d" * 32, 5, 1.0, (part(BOB, trusted=True, batch=b""),)),
        JobReply(row),
    )
    return row


def test_evidence_for_people(peernet: Run, evidence: JobRow, fake_peer: Any) -> None:
    assert peernet("show", "abc", "--evidence").stdout.splitlines() == [
        f"slice 0: confidence:0.99, 0.993100 reached, {(b'd' * 32).hex()}",
        f"  {ANN}  agreed",
        f"  {BOB}  agreed, audit",
        f"  {EVE}  differed (ok {(b'x' * 8).hex()})",
        f"slice 1: confidence:0.99, 1.000000 reached, {(b'd' * 32).hex()}",
        f"  {BOB}  agreed, trusted, its signature was not kept",
    ]
    assert fake_peer.asked(Evidence) == [Evidence(evidence.job, False)]


def test_evidence_names_the_calls_that_differ(
    peernet: Run, fake_peer: Any, job_row: Row, json_lines: Lines
) -> None:
    row = job_row(policy="confidence:0.99")
    parts = (part(ANN), part(EVE, agrees=False), part(BOB, calls=(17,)))
    fake_peer.answer(Show, JobReply(row), JobReply(row))
    told = EvidenceSlice(0, 20, b"d" * 32, 5, 0.9931, parts, differing=(17,), differences=1)
    fake_peer.answer(Evidence, EvidenceHead(b"manifest", row.policy), told, JobReply(row))
    lines = peernet("show", "abc", "--evidence").stdout.splitlines()
    assert lines[1] == (
        "  results differed in 1 of its 20 calls: call 17, counted from 0 "
        "(if it is honest peers that differ, the function does not always return the same)"
    )
    assert lines[-1] == f"  {BOB}  agreed, asked for call 17 alone"
    (shown,) = json_lines(peernet("show", "abc", "--evidence", "--json").stdout)
    assert (shown["differing"], shown["differences"]) == ([17], 1)
    assert [(one["calls"], one["equal"]) for one in shown["workers"]] == [([], False), ([], False), ([17], False)]


def test_evidence_for_programs(peernet: Run, evidence: JobRow, json_lines: Lines) -> None:
    first, second = json_lines(peernet("show", "abc", "--evidence", "--json").stdout)
    assert (first["slice"], first["policy"], first["reached"]) == (0, "confidence:0.99", 0.9931)
    assert [(one["peer"], one["agrees"], one["audit"]) for one in first["workers"]] == [
        (ANN, True, False),
        (BOB, True, True),
        (EVE, False, False),
    ]
    assert [(one["trusted"], one["batch"]) for one in second["workers"]] == [(True, None)]


def test_a_job_without_evidence(peernet: Run, fake_peer: Any, job_row: Row) -> None:
    fake_peer.answer(Show, JobReply(job_row(state="failed")))
    assert peernet("show", "abc", "--evidence").stdout == "no slice of square is accepted\n"


def test_results_lie_beside_their_evidence_and_forgeries_are_found(
    peernet: Run,
    fake_peer: Any,
    evidence: JobRow,
    slices: tuple[SliceValue, ...],
    tmp_path: Path,
    json_lines: Lines,
) -> None:
    fake_peer.answer(Results, *slices, JobReply(evidence))
    assert peernet("results", "abc", "-o", "out").exit_code == 0
    assert fake_peer.asked(Evidence)[-1] == Evidence(evidence.job, True)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["evidence.jsonl", "results.json", "slices.bin", "stats.json"]
    done = peernet("verify", "out")
    assert done.exit_code == 1  # nobody has signed any of it
    *faults, last = done.stdout.splitlines()
    assert f"slice 0: peer {ANN}: what it signed was not kept" in faults
    assert last == f"NOT verified: {len(faults)} faults in out"
    *faults_told, summary = json_lines(peernet("verify", "out", "--json").stdout)
    assert {"fault": "what it signed was not kept", "slice": 0, "peer": ANN} in faults_told
    assert (summary["verified"], summary["faults"]) == (False, len(faults))


def test_a_folder_that_is_none_is_refused(peernet: Run) -> None:
    done = peernet("verify", "nowhere", "--json")
    assert done.exit_code == 2
    assert "nowhere has no evidence.jsonl" in json.loads(done.stdout)["error"]["message"]
