"""The one way to standard output and standard error: plain lines, JSON lines, tables, errors.

Text that came from other peers (tracebacks, platforms, reasons) is shown on a terminal, so control characters in
it are made visible here, in one place.
"""

from __future__ import annotations

import json
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import TextIO

from peernet.errors import PeernetError

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and newline, and those that reorder text: neither may reach a terminal."""

_NO_LIMIT = 10_000
"""Columns of a table: the terminal wraps long rows, so that an address in one can be copied whole."""


def visible(text: str) -> str:
    """Return text without anything that could steer a terminal."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


class Terminal:
    """What a command says, and how. `json` and `verbose` are set by the options of the command line.

    Standard output carries what was asked for: text, or with `json` nothing but JSON lines. Everything else, such
    as progress, notes and errors, goes to standard error.
    """

    def __init__(self, stdout: TextIO, stderr: TextIO, *, json: bool = False, verbose: bool = False) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.json = json
        self.verbose = verbose

    @classmethod
    def standard(cls, *, json: bool = False) -> Terminal:
        """Return the terminal of this process. Characters that a stream can't show are written as escapes."""
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="backslashreplace")
        return cls(sys.stdout, sys.stderr, json=json)

    def line(self, text: str = "") -> None:
        """Write a line of what was asked for. Not to be used with `json`."""
        self.stdout.write(visible(text) + "\n")
        self.stdout.flush()

    def emit(self, record: Mapping[str, object], raw: Mapping[str, str] | None = None) -> None:
        """Write a JSON line. raw: further fields that are JSON text already, such as results."""
        text = json.dumps(record)
        for name, value in (raw or {}).items():
            text = f"{text[:-1]}{', ' if len(text) > 2 else ''}{json.dumps(name)}: {value}}}"
        self.stdout.write(text + "\n")
        self.stdout.flush()

    def note(self, text: str) -> None:
        """Write a line for people, beside what was asked for."""
        self.stderr.write(visible(text) + "\n")
        self.stderr.flush()

    def printed(self, text: str) -> None:
        """Pass on a line that the user's own project printed, as it is."""
        self.stderr.write(text if text.endswith("\n") else text + "\n")
        self.stderr.flush()

    def error(self, error: PeernetError) -> None:
        """Write one plain line that says what was wrong, then the traceback of the user's own code, if it raised.

        With `json` the same is a JSON line on standard output too. `verbose` adds where in peernet it was raised.
        """
        message = one_line(str(error)) or type(error).__name__
        if self.json:
            told = {"type": type(error).__name__, "message": message, "exit_code": error.exit_code}
            self.emit({"error": told | ({"traceback": error.traceback} if error.traceback else {})})
        if self.verbose:
            self.note("".join(traceback.format_exception(error)).rstrip())
        self.note(f"error: {message}")
        if error.traceback and not _is_ours(error.traceback):
            self.note(error.traceback.rstrip())

    def table(
        self, headers: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()
    ) -> None:
        """Write rows under headers, aligned. right: columns of numbers. Colours on a terminal only."""
        if self.stdout.isatty():
            self._rich_table(headers, rows, right)
            return
        cells = [list(headers), *([visible(cell) for cell in row] for row in rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
        for row in cells:
            aligned = [
                cell.rjust(width) if column in right else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            self.line("  ".join(aligned).rstrip())

    def _rich_table(self, headers: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int]) -> None:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column, header in enumerate(headers):
            table.add_column(header, justify="right" if column in right else "left", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(visible(cell)) for cell in row))
        Console(file=self.stdout, highlight=False, width=_NO_LIMIT).print(table)


def _is_ours(trace: str) -> bool:
    """Return whether the user's code only ran into an error of peernet's, whose message has been told."""
    return trace.rstrip().rpartition("\n")[2].startswith("peernet.errors.")


def one_line(text: str) -> str:
    """Return a message of several lines as one."""
    return ": ".join(part for part in (line.strip() for line in text.splitlines()) if part)
