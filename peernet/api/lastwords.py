"""Why a peer process ended, from what it wrote to its standard error."""

from __future__ import annotations

import re
from collections.abc import Iterator

_OWN = "error: "
"""How a peer begins the one line with which it gives up (see `peernet.runtime.main`)."""

_HEADER = re.compile(r"([ |]*)(\+ Exception Group )?Traceback \(most recent call last\):")
"""What stands above a traceback. The lines of one within an exception group have a margin."""

_MEMBER = re.compile(r"( *)(\+-)?\+-+ \d+ -+")
"""What stands above a member of an exception group. One that was never raised has no traceback."""


def last_words(errors: str, exit_code: int) -> str:
    """Return the one line that tells most: the peer's own error, else the last exception of a traceback (the
    innermost of exception groups), else the last line; the exit code where nothing was written."""
    lines = errors.splitlines()
    own = [line.removeprefix(_OWN) for line in lines if line.startswith(_OWN)]
    said = own or list(_exceptions(lines)) or [line.strip() for line in lines if line.strip()]
    return said[-1] if said else f"exit code {exit_code}"


def _exceptions(lines: list[str]) -> Iterator[str]:
    """Yield the first line of each exception: the first below a header that is not indented. What follows, as more
    lines of its text, its notes or what is printed later, may look like anything."""
    margin: str | None = None
    for line in lines:
        if header := _HEADER.fullmatch(line):
            margin = header[1] + ("| " if header[2] else "")
        elif member := _MEMBER.fullmatch(line):
            margin = member[1] + ("  | " if member[2] else "| ")
        elif margin is not None and line.startswith(margin):
            text = line.removeprefix(margin)
            if text and not text[0].isspace():
                yield text
                margin = None
