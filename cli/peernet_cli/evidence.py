"""The evidence in a folder of results: why each of them was accepted, to be checked later by `peernet verify`.

Beside results.json and stats.json lie

- `slices.bin`: the canonical bytes of all slices' results, one after the other, as the workers signed their
  digests; before them those of the reduced value, if there is one.
- `evidence.jsonl`: JSON lines, each an object whose `line` says what it is. Bytes are base64, digests SHA-256 in
  hex.
  - `job`, once, first: `format` (2), the job's id, its `policy`, its signed `manifest` (the id is its SHA-256),
    the number of `slices`, `value` (offset, size and digest of a reduced value in slices.bin), `pickles`.
  - `batch`: results as a worker signed them: its `number` here, the `peer`, the `envelope` (`identity.envelope`,
    the body being `wire.signed.ResultBatch`).
  - `slice`, in order: `index`, `calls`, `digest`, `offset` and `size` in slices.bin, the probability `reached` (0
    under policies that do not weigh any), and `workers`: who returned it under which `lease` in which `batch`
    (null where it was not kept), with which `status` and `digest`; `agrees` with what was accepted, and is then
    `equal` to it by the project's own comparison if its bytes are not; `trusted`: its word alone was believed;
    `audit`: it came after that; `calls`: the digest is of the results of these calls of the slice alone (from 0),
    which it executed again because others differed there; empty for all of them. `differing`: the first calls in
    which results differed, of `differences` in all. `retracted`: the peer without whom it is believed no more,
    since the job has ended, or null.
  - `end`, once, last: SHA-256 of all `lines` before it, and of the other `files`.

What the workers signed can't be made up. What the submitter says of them (who is trusted, what is equal, the
probability, what was left out) is the submitter's word, guarded against accidents by the last line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from peernet.identity.envelope import peek_author
from peernet.identity.peerid import format_peer_id
from peernet.wire.control import EvidenceBatch, EvidenceHead, EvidencePart, EvidenceSlice, JobReply, JobRow
from peernet_cli.folders import new_binary

_ROUNDING = 1e-6
"""Policies' names round their target to six digits."""

FORMAT = 2
EVIDENCE, VALUES = "evidence.jsonl", "slices.bin"
GUARDED = ("results.json", "stats.json", VALUES)
"""Files that are always there; their digests are in the last line, with those of what else was written."""

Evidence = Iterable[EvidenceHead | EvidenceBatch | EvidenceSlice | JobReply]


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where bytes lie in slices.bin."""

    offset: int
    size: int
    digest: str


class Worker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One worker's part in a slice."""

    peer: str
    lease: str
    batch: int | None
    status: str
    digest: str
    agrees: bool
    equal: bool
    trusted: bool
    audit: bool
    calls: tuple[int, ...]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="line"):
    """The base of all lines."""


class JobLine(Line, frozen=True, tag="job"):
    format: int
    job: str
    policy: str
    manifest: bytes
    slices: int
    value: Place | None
    pickles: bool


class BatchLine(Line, frozen=True, tag="batch"):
    number: int
    peer: str
    envelope: bytes


class SliceLine(Line, frozen=True, tag="slice"):
    index: int
    calls: int
    offset: int
    size: int
    digest: str
    reached: float
    differing: tuple[int, ...]
    differences: int
    workers: tuple[Worker, ...]
    retracted: str | None = None


class EndLine(Line, frozen=True, tag="end"):
    lines: str
    files: dict[str, str]


AnyLine = JobLine | BatchLine | SliceLine | EndLine

encode_line = msgspec.json.Encoder().encode
decode_line = msgspec.json.Decoder(AnyLine).decode


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hex. The disk's OSErrors pass."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_evidence(row: JobRow, evidence: Evidence, folder: Path) -> None:
    """Write slices.bin and evidence.jsonl beside the other files, which are there by now. OSErrors pass."""
    with new_binary(folder / EVIDENCE) as lines:
        with new_binary(folder / VALUES) as values:
            writer = _Writer(row, lines, values)
            for part in evidence:
                writer.write(part)
        names = sorted(path.name for path in folder.iterdir() if path.name != EVIDENCE)
        files = {name: file_digest(folder / name) for name in names}
        lines.write(encode_line(EndLine(writer.digest, files)) + b"\n")


class _Writer:
    """Turns what the peer tells into lines and bytes."""

    def __init__(self, row: JobRow, lines: BinaryIO, values: BinaryIO) -> None:
        self._row = row
        self._lines = lines
        self._values = values
        self._hash = hashlib.sha256()
        self._offset = 0
        self._numbers: dict[bytes, int] = {}

    @property
    def digest(self) -> str:
        """SHA-256 of all lines so far."""
        return self._hash.hexdigest()

    def write(self, part: EvidenceHead | EvidenceBatch | EvidenceSlice | JobReply) -> None:
        """Write what one reply says."""
        match part:
            case EvidenceHead():
                value = None if part.value is None else self._place(part.value)
                row, slices = self._row, self._row.accepted
                self._line(JobLine(FORMAT, row.job, part.policy, part.manifest, slices, value, part.pickles))
            case EvidenceBatch():
                number = self._numbers[part.name] = len(self._numbers)
                peer = format_peer_id(peek_author(part.envelope))
                self._line(BatchLine(number, peer, part.envelope))
            case EvidenceSlice():
                place = self._place(part.value)
                workers = tuple(self._worker(worker, part.digest) for worker in part.parts)
                told = SliceLine(
                    index=part.index,
                    calls=part.calls,
                    offset=place.offset,
                    size=place.size,
                    digest=part.digest.hex(),
                    reached=part.reached,
                    differing=part.differing,
                    differences=part.differences,
                    workers=workers,
                    retracted=part.retracted or None,
                )
                self._line(told)

    def _place(self, data: bytes) -> Place:
        place = Place(self._offset, len(data), hashlib.sha256(data).hexdigest())
        self._values.write(data)
        self._offset += len(data)
        return place

    def _worker(self, part: EvidencePart, accepted: bytes) -> Worker:
        return Worker(
            peer=part.peer,
            lease=part.lease.hex(),
            batch=self._numbers.get(part.batch),
            status=part.status,
            digest=part.digest.hex(),
            agrees=part.agrees,
            equal=part.agrees and part.digest != accepted and not part.calls,
            trusted=part.trusted,
            audit=part.audit,
            calls=part.calls,
        )

    def _line(self, line: Line) -> None:
        data = encode_line(line) + b"\n"
        self._hash.update(data)
        self._lines.write(data)


def lack_of(policy: str, reached: float, agreeing: Sequence[Worker]) -> str:
    """Return what the policy misses in a slice, or nothing. What can't be told offline is taken as it is said: who
    is trusted, what is equal, and the probability, which is 1 for results that have proven themselves to the job
    host."""
    trusted = reached >= 1 or any(worker.trusted for worker in agreeing)
    if all(worker.equal or worker.calls for worker in agreeing):
        return "nobody has signed its result as a whole"
    if found := re.fullmatch(r"majority:([0-9]{1,4})/[0-9]{1,4}", policy):
        needed = int(found[1]) if reached < 1 else 1
    elif policy in ("plain", "adaptive", "poco"):
        needed = 2 if policy == "plain" and not trusted else 1
    elif found := re.fullmatch(r"confidence:([0-9.]{1,12})", policy):
        needed = 1
        if not trusted and reached < float(found[1]) - _ROUNDING:
            return f"its result reached a confidence of {reached:.6g}, not {found[1]}"
    else:
        return f"its policy {policy!r:.60} is not known to this version; update peernet"
    if len(agreeing) < needed:
        return f"{len(agreeing)} peers agree with its result, and {policy} needs {needed}"
    return ""
