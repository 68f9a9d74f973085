"""The results of a job that is done: as text, as a summary, and as a folder with results.json and stats.json."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO, cast

from peernet.errors import StorageError
from peernet.results import decode, to_json, write_json, write_json_list
from peernet.wire.control import FinalValue, JobRow, SliceValue
from peernet_cli.evidence import Evidence, write_evidence
from peernet_cli.folders import check_new_folder, new_file, new_folder, why
from peernet_cli.retractions import Places
from peernet_cli.stats import counted, stats_of, summary_of

SHOWN_CHARACTERS = 200
"""A value up to this long is shown whole in the summary: it is two lines of a terminal."""

INLINE_CHARACTERS = 64 * 1024
"""A value up to this long stands in the last JSON line of `submit`; a pipe takes that much without waiting."""

_PREVIEW, _CLIPPED = 5, 24
"""Results, and characters of each, that a summary shows of a list that is too long for it."""

_MOST_TRACEBACKS = 1000
"""Slices whose tracebacks are written beside the results: each may have 8 KiB of them."""

Encoded = Iterable[SliceValue | FinalValue]


def values_of(encoded: Encoded) -> Iterator[object]:
    """Yield results one by one: those of the slices in the order of the input, or the one reduced value."""
    for reply in encoded:
        if isinstance(reply, FinalValue):
            yield decode(reply.value)
        else:
            yield from cast(list[object], decode(reply.value))


def write_results(row: JobRow, encoded: Encoded, stream: TextIO) -> None:
    """Write the JSON of the reduced value, or of the list of results, while it is read."""
    values = values_of(encoded)
    if row.reduces:
        write_json(next(values, None), stream)
    else:
        write_json_list(values, stream)
    stream.write("\n")


def inline_json(row: JobRow, encoded: Encoded, limit: int = INLINE_CHARACTERS) -> str | None:
    """Return the JSON of all results on one line, or None where it is longer than `limit` characters."""
    if row.reduces:
        text = to_json(next(values_of(encoded), None))
        return text if len(text) <= limit else None
    parts: list[str] = []
    length = 2
    for value in values_of(encoded):
        parts.append(to_json(value))
        length += len(parts[-1]) + 2
        if length > limit + 2:
            return None
    return f"[{', '.join(parts)}]"


def summary(row: JobRow, encoded: Encoded) -> list[str]:
    """Return what people read at the end: name and value in a line, as far as they fit, and where the rest is."""
    values = values_of(encoded)
    numbers = f"({summary_of(row)})"
    if row.reduces:
        text = to_json(next(values, None))
        whole = len(text) <= SHOWN_CHARACTERS
        shown = text if whole else f"{text[:SHOWN_CHARACTERS]}…"
    else:
        first = [to_json(value) for value in itertools.islice(values, _PREVIEW * 4)]
        text = f"[{', '.join(first)}]"
        whole = len(text) <= SHOWN_CHARACTERS and next(values, _NOTHING) is _NOTHING
        shown = text if whole else f"{_results(row)}: [{', '.join(map(_clip, first[:_PREVIEW]))}, …]"
    lines = [f"{row.name}: {shown}  {numbers}"]
    if not whole:
        lines.append(f"all of it: peernet results {row.job[:10]} -o DIR")
    return lines


_NOTHING = object()


def _results(row: JobRow) -> str:
    return "results" if row.calls is None else counted(row.calls, "result")


def _clip(text: str) -> str:
    return text if len(text) <= _CLIPPED else f"{text[:_CLIPPED]}…"


def _noting(encoded: Encoded, failed: list[str]) -> Encoded:
    """Pass on results, and note the tracebacks of calls that were skipped, as many as help."""
    for reply in encoded:
        if isinstance(reply, SliceValue) and reply.traceback and len(failed) < _MOST_TRACEBACKS:
            failed.append(f"slice {reply.index}, {reply.traceback}\n")
        yield reply


def check_output(output: Path | None) -> None:
    """Tell before anything runs that a folder for results can't be made.

    Raises:
        UsageError: its name is empty, or the folder it would be in is no folder or can't be written.
    """
    check_new_folder(output, "-o", "the results")


def save(
    row: JobRow, encoded: Encoded, output: Path, evidence: Evidence | None = None, places: Places | None = None
) -> Path:
    """Write results.json and stats.json into a new folder and return it: `output`, or the next free suffix.

    tracebacks.txt has those of calls that were skipped, if there are any. evidence: of the job, to be written
    beside them; None where no peer has run it. places: is told where retracted results stand. The files are
    written beside it first, so that the folder appears whole or not at all.

    Raises:
        StorageError: the disk refused. Nothing is left behind, and the results are still with the peer.
    """
    try:
        with new_folder(output) as folder:
            failed: list[str] = []
            places = places or Places(row)
            with new_file(folder.path / "results.json") as stream:
                write_results(row, _noting(places.noting(encoded), failed), stream)
            if failed:
                with new_file(folder.path / "tracebacks.txt") as stream:
                    stream.writelines(failed)
            with new_file(folder.path / "stats.json") as stream:
                stream.write(json.dumps(stats_of(row, places.ranges), indent=2) + "\n")
            if evidence is not None:
                write_evidence(row, evidence, folder.path)
            return folder.publish()
    except OSError as error:
        again = f"nothing is lost: `peernet results {row.job[:10]} -o ELSEWHERE` writes them again"
        raise StorageError(f"the results can't be written to {output}: {why(error)}; {again}") from error
