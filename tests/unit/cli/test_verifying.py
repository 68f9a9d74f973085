"""Evidence in a folder: what is written verifies, and nothing in it can be changed unnoticed."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from peernet.errors import UsageError
from peernet.identity.digest import digest
from peernet.identity.envelope import seal
from peernet.identity.jobid import format_job_id
from peernet.identity.keys import KeyPair
from peernet.identity.peerid import format_peer_id
from peernet.results import encode
from peernet.types import Digest, JobId, LeaseId
from peernet.wire.codec import encode_body
from peernet.wire.control import (
    EvidenceBatch,
    EvidenceHead,
    EvidencePart,
    EvidenceSlice,
    FinalValue,
    JobRow,
    SliceValue,
)
from peernet.wire.signed import MANIFEST, RESULTS, Manifest, Needs, ResultBatch, SliceResult
from peernet_cli.outcome import save
from peernet_cli.verifying import MOST_FAULTS, Report, verify_folder

OWNER, ANN, BOB, EVE = (KeyPair.from_seed(bytes([number]) * 32) for number in range(4))
VALUES = [encode([1, 2]), encode([3]), encode(["ü", 1.5, None])]
FALSE = encode([666])


def sealed(key: KeyPair, domain: str, body: Any) -> bytes:
    data = encode_body(body)
    return seal(key.sign, key.peer_id, domain, data, sequence=1, issued=1_700_000_000.0, lifetime=3600.0)


MANIFEST_BYTES = sealed(
    OWNER, MANIFEST, Manifest(b"n" * 16, "square", Digest(bytes(32)), 1, Needs("", 0, ""), 0, 0)
)
JOB = JobId(digest(MANIFEST_BYTES))
ROW = JobRow(format_job_id(JOB), "square", "done", 1.0, 2.0, slices=3, accepted=3, policy="majority:2/3")
REDUCED = JobRow(format_job_id(JOB), "square", "done", 1.0, 2.0, reduces=True, slices=3, accepted=3)


def lease_of(key: KeyPair, index: int) -> LeaseId:
    return LeaseId(hashlib.sha256(key.peer_id + bytes([index])).digest()[:16])


def batch_of(key: KeyPair, values: list[bytes], job: JobId = JOB) -> bytes:
    """What a peer signed: its result of each slice."""
    results = tuple(
        SliceResult(lease_of(key, index), "ok", digest(value), len(value), 0.5, 0.5, "", "")
        for index, value in enumerate(values)
    )
    return sealed(key, RESULTS, ResultBatch(job, results))


def evidence_of(policy: str = "majority:2/3", value: bytes | None = None, **change: Any) -> list[Any]:
    """The evidence of a job in which two agree, and one differs in the middle."""
    batches = {
        key: batch_of(key, [VALUES[0], FALSE if key is EVE else VALUES[1], VALUES[2]]) for key in (ANN, BOB, EVE)
    }
    slices = []
    for index, data in enumerate(VALUES):
        parts = []
        for key in (ANN, BOB, EVE):
            said = FALSE if key is EVE and index == 1 else data
            peer, agrees = format_peer_id(key.peer_id), said == data
            parts.append(
                EvidencePart(
                    peer, lease_of(key, index), "ok", digest(said), agrees, False, False, digest(batches[key])
                )
            )
        given = {"index": index, "calls": 1, "digest": digest(data), "size": len(data), "reached": 0.0}
        slices.append(EvidenceSlice(**given | change, parts=tuple(parts), value=data))
    return [
        EvidenceHead(MANIFEST_BYTES, policy, value),
        *(EvidenceBatch(digest(batch), batch) for batch in batches.values()),
        *slices,
    ]


def written(folder: Path, evidence: list[Any]) -> Path:
    return save(ROW, [SliceValue(index, data) for index, data in enumerate(VALUES)], folder, evidence)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "out", evidence_of())


def texts(report: Report) -> str:
    return "\n".join(f"{fault.slice} {fault.peer} {fault.text}" for fault in report.faults)


def lines_of(folder: Path) -> list[Any]:
    return [json.loads(line) for line in (folder / "evidence.jsonl").read_text().splitlines()]


def rewrite(folder: Path, lines: list[Any]) -> Path:
    """Write changed lines as a forger would: with an end that fits them and the other files."""
    data = b"".join(
        json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for line in lines[:-1]
    )
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in lines[-1]["files"]}
    end = {"line": "end", "lines": hashlib.sha256(data).hexdigest(), "files": files}
    (folder / "evidence.jsonl").write_bytes(data + json.dumps(end, separators=(",", ":")).encode() + b"\n")
    return folder


def test_what_is_written_verifies(folder: Path) -> None:
    report = verify_folder(folder)
    assert texts(report) == ""
    assert (report.job, report.policy, report.slices, report.batches) == (ROW.job, ROW.policy, 3, 3)
    assert list(report.peers) == [format_peer_id(key.peer_id) for key in (ANN, BOB, EVE)]
    assert verify_folder(rewrite(folder, lines_of(folder))).faults == []


def test_a_reduced_value_verifies_and_can_not_be_changed(tmp_path: Path) -> None:
    value = encode({"sum": 6})
    out = save(REDUCED, [FinalValue(value)], tmp_path / "out", evidence_of(value=value))
    assert texts(verify_folder(out)) == ""
    (out / "results.json").write_text('{"sum": 7}\n')
    assert "results.json is not what" in texts(verify_folder(rewrite(out, lines_of(out))))


def test_a_search_that_ended_early_leaves_slices_out_and_says_how_many_there_are(tmp_path: Path) -> None:
    value = encode([3])
    evidence = evidence_of(value=value)
    del evidence[4]
    row = replace(REDUCED, accepted=2)
    out = save(row, [FinalValue(value)], tmp_path / "out", evidence)
    assert texts(verify_folder(out)) == ""
    lines = lines_of(out)
    swapped = [*lines[:4], lines[5], lines[4], lines[6]]
    del lines[4]
    assert "the job has 2 slices, and evidence.jsonl tells of 1" in texts(verify_folder(rewrite(out, lines)))
    assert "is missing, or not in its place" in texts(verify_folder(rewrite(out, swapped)))


@pytest.mark.parametrize("name", ["results.json", "stats.json", "slices.bin", "evidence.jsonl"])
def test_a_changed_byte_anywhere_is_found(folder: Path, tmp_path: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for at in range(0, len(data), 1 if len(data) < 200 else 7):
        (copy / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert verify_folder(copy).faults, (name, at)
    for cut in (data[:-1], data + b"\n", data[1:], b""):
        (copy / name).write_bytes(cut)
        assert verify_folder(copy).faults


Change = Callable[[list[Any]], None]


def put(line: int, *path: Any, to: Any) -> Change:
    """Change one thing in the lines: job 0, batches 1 to 3, slices 4 to 6."""

    def change(lines: list[Any]) -> None:
        place = lines[line]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return change


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


ANN_ID, BOB_ID, EVE_ID = (format_peer_id(key.peer_id) for key in (ANN, BOB, EVE))
OTHER_JOB = JobId(b"j" * 32)
BROKEN = bytearray(batch_of(BOB, VALUES))
BROKEN[-1] ^= 1
CHANGED = bytearray(batch_of(BOB, VALUES))
CHANGED[-100] ^= 1


@pytest.mark.parametrize(
    ("change", "fault", "where"),
    [
        (put(0, "job", to=format_job_id(OTHER_JOB)), "is not that of job", None),
        (put(0, "manifest", to=encoded(batch_of(ANN, VALUES))), "the manifest does not hold", None),
        (put(0, "format", to=3), "has format 3", None),
        (put(0, "slices", to=4), "the job has 4 slices", None),
        (
            put(0, "policy", to="majority:3/3"),
            "2 peers agree with its result, and majority:3/3 needs 3",
            (1, None),
        ),
        (put(0, "policy", to="magic"), "is not known", (0, None)),
        (put(2, "envelope", to=encoded(bytes(BROKEN))), "batch 1 does not hold: the signature", (None, BOB_ID)),
        (put(2, "envelope", to=encoded(bytes(CHANGED))), "batch 1 does not hold", (None, BOB_ID)),
        (put(2, "envelope", to=encoded(b"no envelope")), "batch 1 does not hold", (None, BOB_ID)),
        (put(2, "envelope", to=encoded(MANIFEST_BYTES)), "batch 1 does not hold", (None, BOB_ID)),
        (put(2, "envelope", to=encoded(batch_of(EVE, VALUES))), f"is signed by {EVE_ID}", (None, BOB_ID)),
        (put(2, "envelope", to=encoded(batch_of(BOB, VALUES, OTHER_JOB))), "is of another job", (None, BOB_ID)),
        (put(2, "peer", to=EVE_ID), f"batch 1 is signed by {BOB_ID}", (None, EVE_ID)),
        (put(2, "number", to=0), "there are two batches 0", (None, BOB_ID)),
        (
            put(2, "envelope", to=encoded(batch_of(BOB, [FALSE] * 3))),
            f"not ok {digest(VALUES[0]).hex()}",
            (0, BOB_ID),
        ),
        (put(4, "index", to=1), "slice 0 is missing", (1, None)),
        (put(4, "offset", to=1), "do not lie where", (0, None)),
        (put(4, "size", to=2), "have not the digest", (0, None)),
        (put(4, "digest", to=digest(FALSE).hex()), "is said to agree, and does not", (0, ANN_ID)),
        (put(4, "workers", 0, "digest", to=digest(FALSE).hex()), "is said to agree, and does not", (0, ANN_ID)),
        (put(4, "workers", 0, "status", to="error"), "signed ok", (0, ANN_ID)),
        (put(5, "workers", 2, "agrees", to=True), "is said to agree, and does not", (1, EVE_ID)),
        (put(5, "workers", 0, "agrees", to=False), "is said to differ, and does not", (1, ANN_ID)),
        (
            put(5, "workers", 0, "lease", to=lease_of(BOB, 0).hex()),
            "did not sign a result of this lease",
            (1, ANN_ID),
        ),
        (put(5, "workers", 0, "lease", to=lease_of(ANN, 0).hex()), "is that of slice 0 too", (1, ANN_ID)),
        (put(5, "workers", 0, "batch", to=1), f"batch 1 is signed by {BOB_ID}", (1, ANN_ID)),
        (put(5, "workers", 0, "batch", to=9), "batch 9, which it signed, is not there", (1, ANN_ID)),
        (put(5, "workers", 0, "batch", to=None), "what it signed was not kept", (1, ANN_ID)),
        (put(5, "workers", 1, "peer", to=ANN_ID), "counts twice", (1, ANN_ID)),
        (put(5, "workers", to=[]), "nobody has signed its result as a whole", (1, None)),
        (lambda lines: lines.pop(5), "slice 1 is missing", (2, None)),
        (lambda lines: lines.pop(0), "does not begin with a job", None),
        (lambda lines: lines.insert(1, lines[0]), "tells of two jobs", None),
        (put(5, "workers", 0, "equal", to=True), "is said to be equal", (1, ANN_ID)),
        (put(5, "workers", 2, "equal", to=True), "is said to be equal", (1, EVE_ID)),
        (put(5, "more", to=1), "can't be read", None),
        (put(5, "line", to="what"), "can't be read", None),
    ],
)
def test_a_forger_who_mends_the_last_line_is_found(
    folder: Path, change: Change, fault: str, where: tuple[int | None, str | None] | None
) -> None:
    lines = lines_of(folder)
    change(lines)
    report = verify_folder(rewrite(folder, lines))
    found = [one for one in report.faults if fault in one.text]
    assert found, texts(report)
    if where is not None:
        assert where in [(one.slice, one.peer) for one in found], texts(report)


def test_changed_results_with_a_fitting_end_are_found(folder: Path) -> None:
    text = (folder / "results.json").read_text()
    (folder / "results.json").write_text(text.replace("3", "4", 1))
    assert "results.json is not what the slices' bytes say" in texts(
        verify_folder(rewrite(folder, lines_of(folder)))
    )


def test_changed_bytes_of_a_slice_with_a_fitting_end_name_the_slice(folder: Path) -> None:
    data = bytearray((folder / "slices.bin").read_bytes())
    data[len(VALUES[0]) + 1] ^= 1
    (folder / "slices.bin").write_bytes(data)
    report = verify_folder(rewrite(folder, lines_of(folder)))
    assert [(fault.slice, "have not the digest" in fault.text) for fault in report.faults] == [(1, True)]


@pytest.mark.parametrize(
    ("policy", "reached", "fault"),
    [
        ("confidence:0.99", 0.991, ""),
        ("confidence:0.99", 1.0, ""),
        ("confidence:0.99", 0.98, "its result reached a confidence of 0.98, not 0.99"),
        ("plain", 0.0, ""),
        ("adaptive", 0.0, ""),
        ("poco", 0.99, ""),
        ("majority:2/2", 0.0, ""),
        ("majority:4/4", 1.0, ""),
    ],
)
def test_each_policy_is_checked_as_far_as_can_be_told(
    tmp_path: Path, policy: str, reached: float, fault: str
) -> None:
    report = verify_folder(written(tmp_path / "out", evidence_of(policy, reached=reached)))
    assert fault in texts(report) and bool(fault) == bool(report.faults)


def test_results_that_are_equal_without_the_same_bytes_are_counted(tmp_path: Path) -> None:
    """As under `equal=`: Eve's result of slice 1 is taken for the same; somebody has to have signed its bytes."""
    evidence = evidence_of()
    close = evidence[5]
    assert close.index == 1
    ann, bob, eve = close.parts
    evidence[5] = replace(close, parts=(ann, bob, replace(eve, agrees=True)))
    report = verify_folder(written(tmp_path / "out", evidence))
    assert (texts(report), report.equal) == ("", 1)
    evidence[5] = replace(close, parts=(replace(eve, agrees=True),))
    assert "1 None nobody has signed its result" in texts(verify_folder(written(tmp_path / "alone", evidence)))


def test_what_else_was_written_is_guarded_and_only_in_the_folder(folder: Path) -> None:
    (folder / "tracebacks.txt").write_text("slice 1")
    lines = lines_of(folder)
    lines[-1]["files"]["tracebacks.txt"] = ""
    assert verify_folder(rewrite(folder, lines)).faults == []
    (folder / "tracebacks.txt").write_text("slice 2")
    assert texts(verify_folder(folder)) == "None None tracebacks.txt is not as it was written"
    (folder.parent / "outside").write_text("")
    lines[-1]["files"]["../outside"] = ""
    assert "which is no file of this folder" in texts(verify_folder(rewrite(folder, lines)))


def test_a_file_that_is_missing_is_a_fault(folder: Path) -> None:
    (folder / "slices.bin").unlink()
    assert texts(verify_folder(folder)) == "None None slices.bin is missing"


def test_a_folder_without_evidence_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no evidence.jsonl; name a folder that `peernet results JOB -o`"):
        verify_folder(tmp_path)


def test_faults_without_end_are_bounded(folder: Path) -> None:
    with (folder / "evidence.jsonl").open("ab") as lines:
        lines.write(b"{}\n" * (MOST_FAULTS + 10))
    report = verify_folder(folder)
    assert len(report.faults) == MOST_FAULTS + 1
    assert "the rest was not read" in report.faults[-1].text


# --- parts of slices ---------------------------------------------------------------------------------------------

LONG = [encode([1, 2, 3]), encode([4]), encode(["ü", 1.5, None])]
PART = encode([2, 3])


def narrowed_evidence(said: bytes = PART, only: tuple[int, ...] = (1, 2), **change: Any) -> list[Any]:
    """Ann executed the first slice as a whole, Eve falsified two calls of it, and Bob executed these."""
    lie = encode([1, 6, 6])
    told = {ANN: (LONG[0], ()), EVE: (lie, ()), BOB: (said, only)}
    batches, parts = {}, []
    for key, (data, calls) in told.items():
        result = SliceResult(lease_of(key, 0), "ok", digest(data), len(data), 0.5, 0.5, "", "", calls)
        batches[key] = sealed(key, RESULTS, ResultBatch(JOB, (result,)))
        given = {"agrees": key is not EVE, "trusted": False, "audit": False, "calls": calls}
        given |= change if key is BOB else {}
        named = format_peer_id(key.peer_id), lease_of(key, 0), "ok", digest(data)
        parts.append(
            EvidencePart(
                *named, given["agrees"], given["trusted"], given["audit"], digest(batches[key]), given["calls"]
            )
        )
    return [
        EvidenceHead(MANIFEST_BYTES, "majority:2/2", None),
        *(EvidenceBatch(digest(batch), batch) for batch in batches.values()),
        EvidenceSlice(
            0, 3, digest(LONG[0]), len(LONG[0]), 0.0, tuple(parts), LONG[0], differing=(1, 2), differences=2
        ),
    ]


def narrowed_report(folder: Path, evidence: list[Any]) -> Report:
    row = replace(ROW, slices=1, accepted=1, policy="majority:2/2")
    return verify_folder(save(row, [SliceValue(0, LONG[0])], folder / "out", evidence))


def test_a_part_of_a_slice_verifies(tmp_path: Path) -> None:
    assert texts(narrowed_report(tmp_path, narrowed_evidence())) == ""
    (line,) = [line for line in lines_of(tmp_path / "out") if line["line"] == "slice"]
    assert (line["differing"], line["differences"]) == ([1, 2], 2)
    assert [worker["calls"] for worker in line["workers"]] == [[], [], [1, 2]]
    assert not any(worker["equal"] for worker in line["workers"])


@pytest.mark.parametrize(
    ("evidence", "fault"),
    [
        (narrowed_evidence(encode([2, 4])), "is said to agree, and does not"),
        (narrowed_evidence(calls=(0, 2)), "signed results of other calls than are named"),
        (narrowed_evidence(calls=(1, 3)), "is said to agree, and does not"),
        (narrowed_evidence(calls=()), "signed results of other calls than are named"),
        (narrowed_evidence(agrees=False), "1 peers agree with its result, and majority:2/2 needs 2"),
    ],
)
def test_a_part_that_is_another_is_found(tmp_path: Path, evidence: list[Any], fault: str) -> None:
    assert fault in texts(narrowed_report(tmp_path, evidence))


def test_parts_alone_are_not_enough(tmp_path: Path) -> None:
    head, *batches, told = narrowed_evidence()
    bob = told.parts[2]
    kept = [batch for batch in batches if batch.name == bob.batch]
    report = narrowed_report(tmp_path, [head, *kept, replace(told, parts=(bob,))])
    assert "nobody has signed its result as a whole" in texts(report)


def test_a_slice_that_has_no_calls_to_compare_is_told(tmp_path: Path) -> None:
    head, *batches, told = narrowed_evidence()
    data = encode("no list")
    row = replace(ROW, slices=1, accepted=1)
    folder = save(
        row,
        [SliceValue(0, LONG[0])],
        tmp_path / "out",
        [head, *batches, replace(told, value=data, digest=digest(data), size=len(data))],
    )
    assert "can't be told apart by calls" in texts(verify_folder(folder))
