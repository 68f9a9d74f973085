"""Checks a folder of results against the evidence in it, with no peer and no network: see `evidence` for the
files.

Checked are every signature, that the signer is the peer that is named, that it signed results of this job, that
the lease, calls and digest of each worker's part are in what it signed, that the bytes of each slice have the
accepted digest, that results.json is what these bytes say, that enough peers agree for the policy, that no slice
had been retracted by the time that the folder was written, and every file's own digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from peernet.errors import EnvelopeError, PeernetError, ProtocolError, UsageError
from peernet.identity.envelope import open_kept
from peernet.identity.jobid import format_job_id
from peernet.identity.keys import verify
from peernet.identity.peerid import format_peer_id
from peernet.results import decode, write_json, write_json_list
from peernet.results.items import join, split
from peernet.types import JobId
from peernet.wire.base import ENVELOPE_LIMIT
from peernet.wire.codec import decode_body
from peernet.wire.signed import MANIFEST, RESULTS, ResultBatch, SliceResult
from peernet.wire.work import BATCH_LIMIT
from peernet_cli.evidence import (
    EVIDENCE,
    FORMAT,
    GUARDED,
    VALUES,
    BatchLine,
    EndLine,
    JobLine,
    Place,
    SliceLine,
    Worker,
    decode_line,
    encode_line,
    file_digest,
    lack_of,
)

MOST_FAULTS = 1000
"""Faults that are told one by one; a folder with more is not worth reading further."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, in a sentence; the slice and the peer that it is about, if it is about one."""

    text: str
    slice: int | None = None
    peer: str | None = None


@dataclass(slots=True)
class Report:
    """What was found. slices, batches: how many were checked; peers: those whose signatures hold. equal: results
    that agree by the project's own comparison, which can't be checked here."""

    job: str = ""
    policy: str = ""
    slices: int = 0
    batches: int = 0
    equal: int = 0
    peers: dict[str, None] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def verify_folder(folder: Path) -> Report:
    """Check a folder that `peernet results -o` or `peernet submit -o` has written.

    Raises:
        UsageError: it is no such folder.
    """
    path = folder / EVIDENCE
    if not path.is_file():
        raise UsageError(f"{folder} has no {EVIDENCE}; name a folder that `peernet results JOB -o` has written")
    missing = [name for name in GUARDED if not (folder / name).is_file()]
    if missing:
        return Report(faults=[Fault(f"{name} is missing") for name in missing])
    check = _Check(folder)
    with (folder / VALUES).open("rb") as values:
        try:
            check.run(values)
        except _TooManyError:
            check.report.faults.append(Fault(f"more than {MOST_FAULTS} faults: the rest was not read"))
    return check.report


class _TooManyError(Exception):
    """There are more faults than anybody reads."""


class _Check:
    """What is known so far of one folder, line by line."""

    def __init__(self, folder: Path) -> None:
        self.report = Report()
        self._folder = folder
        self._head: JobLine | None = None
        self._batches: dict[int, tuple[str, dict[str, SliceResult]]] = {}
        self._leases: dict[str, int] = {}
        self._places: list[Place] = []
        self._items: list[bytes] = []
        self._offset = 0
        self._next = 0
        self._ended = False

    def run(self, values: BinaryIO) -> None:
        hashed = hashlib.sha256()
        with (self._folder / EVIDENCE).open("rb") as lines:
            for number, raw in enumerate(lines, 1):
                self._line(number, raw, hashed.hexdigest(), values)
                hashed.update(raw)
        if not self._ended:
            self._fault(f"{EVIDENCE} ends too early: its last line is missing")
        head = self._head
        if head is None:
            return self._fault(f"{EVIDENCE} does not begin with a job")
        if self.report.slices != head.slices:
            self._fault(f"the job has {head.slices} slices, and {EVIDENCE} tells of {self.report.slices}")
        if values.seek(0, 2) != self._offset:
            self._fault(f"{VALUES} has {values.tell()} bytes, and {EVIDENCE} tells of {self._offset}")
        self._results(head, values)

    def _fault(self, text: str, slice: int | None = None, peer: str | None = None) -> None:
        if len(self.report.faults) >= MOST_FAULTS:
            raise _TooManyError
        self.report.faults.append(Fault(text, slice, peer))

    def _line(self, number: int, raw: bytes, before: str, values: BinaryIO) -> None:
        try:
            line = decode_line(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._fault(f"line {number} of {EVIDENCE} can't be read: {error}")
            return
        if self._ended:
            self._fault(f"line {number} of {EVIDENCE} comes after the end")
        elif encode_line(line) + b"\n" != raw:
            self._fault(f"line {number} of {EVIDENCE} is not as it was written")
        match line:
            case JobLine():
                self._job(line, values)
            case BatchLine():
                self._batch(line)
            case SliceLine():
                self._slice(line, values)
            case EndLine():
                self._end(line, before)

    def _job(self, line: JobLine, values: BinaryIO) -> None:
        if self._head is not None:
            return self._fault(f"{EVIDENCE} tells of two jobs")
        self._head = line
        self.report.job, self.report.policy = line.job, line.policy
        if line.format != FORMAT:
            self._fault(f"{EVIDENCE} has format {line.format}, this version knows {FORMAT}; update peernet")
        if format_job_id(JobId(hashlib.sha256(line.manifest).digest())) != line.job:
            self._fault(f"the manifest is not that of job {line.job}")
        try:
            open_kept(line.manifest, MANIFEST, verify=verify, max_size=max(ENVELOPE_LIMIT, len(line.manifest)))
        except EnvelopeError as error:
            self._fault(f"the manifest does not hold: {error}")
        if line.value is not None:
            self._bytes(line.value, values, None)

    def _batch(self, line: BatchLine) -> None:
        self.report.batches += 1
        try:
            opened = open_kept(line.envelope, RESULTS, verify=verify, max_size=BATCH_LIMIT)
            batch = decode_body(ResultBatch, opened.body)
        except (EnvelopeError, ProtocolError) as error:
            self._fault(f"batch {line.number} does not hold: {error}", peer=line.peer)
            return
        signer = format_peer_id(opened.author)
        if signer != line.peer:
            self._fault(f"batch {line.number} is signed by {signer}", peer=line.peer)
        elif self._head is None or format_job_id(JobId(batch.job)) != self._head.job:
            self._fault(
                f"batch {line.number} is of another job, {format_job_id(JobId(batch.job))}", peer=line.peer
            )
        elif line.number in self._batches:
            self._fault(f"there are two batches {line.number}", peer=line.peer)
        else:
            self.report.peers[signer] = None
            self._batches[line.number] = signer, {result.lease.hex(): result for result in batch.results}

    def _slice(self, line: SliceLine, values: BinaryIO) -> None:
        index = line.index
        search = self._head is not None and self._head.value is not None  # it may end before all is done
        if index != self._next and not (search and index > self._next):
            self._fault(f"slice {self._next} is missing, or not in its place", index)
        self._next = index + 1
        self.report.slices += 1
        self._bytes(Place(line.offset, line.size, line.digest), values, index)
        self._items = self._split(line, values) if any(worker.calls for worker in line.workers) else []
        for worker in line.workers:
            self._worker(line, worker)
        peers = [worker.peer for worker in line.workers]
        for peer in dict.fromkeys(peers):
            if peers.count(peer) > 1:
                self._fault("counts twice", index, peer)
        if line.retracted is not None:
            text = "is retracted: it is believed no more without this peer; submit the job again"
            self._fault(text, index, line.retracted)
        if self._head is not None:
            lack = lack_of(self._head.policy, line.reached, [worker for worker in line.workers if worker.agrees])
            if lack:
                self._fault(lack, index)

    def _worker(self, line: SliceLine, worker: Worker) -> None:
        def fault(text: str) -> None:
            self._fault(text, line.index, worker.peer)

        if self._leases.setdefault(worker.lease, line.index) != line.index:
            fault(f"its lease is that of slice {self._leases[worker.lease]} too")
        accepted = _part(self._items, worker.calls) if worker.calls else None
        digest = line.digest if accepted is None else hashlib.sha256(accepted).hexdigest()
        same = (worker.status, worker.digest) == ("ok", digest)
        self.report.equal += worker.equal
        if worker.equal and (same or not worker.agrees or worker.status != "ok"):
            fault("is said to be equal without the same bytes, and is not")
        elif same != worker.agrees and not worker.equal and (worker.agrees or not worker.calls):
            # A part may agree with a whole that it was not compared with: with one that differs elsewhere as well.
            fault("is said to agree, and does not" if worker.agrees else "is said to differ, and does not")
        if worker.batch is None:
            return fault("what it signed was not kept")
        batch = self._batches.get(worker.batch)
        if batch is None:
            fault(f"batch {worker.batch}, which it signed, is not there or does not hold")
            return
        signer, results = batch
        result = results.get(worker.lease)
        if signer != worker.peer:
            fault(f"batch {worker.batch} is signed by {signer}")
        elif result is None:
            fault("did not sign a result of this lease")
        elif result.only != worker.calls:
            fault("signed results of other calls than are named")
        elif (result.status, result.digest.hex()) != (worker.status, worker.digest):
            fault(f"signed {result.status} {result.digest.hex()}, not {worker.status} {worker.digest}")
        elif same and result.size != (line.size if accepted is None else len(accepted)):
            fault(f"signed {result.size} bytes, not {line.size if accepted is None else len(accepted)}")

    def _split(self, line: SliceLine, values: BinaryIO) -> list[bytes]:
        """The encoded results of a slice, call by call; none where they can't be told apart."""
        try:
            return split(_read(values, Place(line.offset, line.size, line.digest)))
        except PeernetError as error:
            self._fault(f"its bytes can't be told apart by calls: {error}", line.index)
            return []

    def _bytes(self, place: Place, values: BinaryIO, index: int | None) -> None:
        """Check that the bytes of a slice, or of the reduced value, are there, next to those before."""
        self._places.append(place)
        what = "its bytes" if index is not None else "the bytes of the reduced value"
        if place.offset != self._offset or place.size < 0:
            return self._fault(f"{what} do not lie where the last ones end", index)
        self._offset += place.size
        if hashlib.sha256(_read(values, place)).hexdigest() != place.digest:
            self._fault(f"{what} in {VALUES} have not the digest {place.digest}", index)

    def _end(self, line: EndLine, before: str) -> None:
        self._ended = True
        if line.lines != before:
            self._fault(f"the lines of {EVIDENCE} are not as they were written")
        for name in dict.fromkeys((*GUARDED, *line.files)):
            path = self._folder / name
            if Path(name).name != name:
                self._fault(f"the last line of {EVIDENCE} tells of {name!r:.100}, which is no file of this folder")
            elif not path.is_file() or file_digest(path) != line.files.get(name):
                self._fault(f"{name} is not as it was written")

    def _results(self, head: JobLine, values: BinaryIO) -> None:
        """Compare results.json with what the bytes say. Pickles are never loaded, and faulty bytes not either."""
        if head.pickles or self.report.faults:
            return
        try:
            with (self._folder / "results.json").open("rb") as stream:
                compared = _Compared(stream)
                if head.value is not None:
                    write_json(decode(_read(values, head.value)), compared)
                else:
                    write_json_list(self._values(values), compared)
                compared.write("\n")
                if not compared.equal or stream.read(1):
                    self._fault("results.json is not what the slices' bytes say")
        except (PeernetError, ValueError) as error:
            self._fault(f"the slices' bytes can't be decoded: {error}")

    def _values(self, values: BinaryIO) -> Iterator[object]:
        for place in self._places:
            yield from cast(list[object], decode(_read(values, place)))


class _Compared:
    """Takes text, and sees whether a file has the same."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.equal = True

    def write(self, text: str, /) -> object:
        data = text.encode("ascii")
        self.equal = self.equal and self._stream.read(len(data)) == data
        return len(text)


def _part(items: Sequence[bytes], calls: Sequence[int]) -> bytes:
    """The encoded results of some calls of a slice; nothing where it has not all of them."""
    if not all(0 <= call < len(items) for call in calls):
        return b""
    return join([items[call] for call in calls])


def _read(values: BinaryIO, place: Place) -> bytes:
    values.seek(place.offset)
    return values.read(place.size)
