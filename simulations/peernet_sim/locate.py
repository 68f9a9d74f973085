"""On which line of a TOML file a key stands: `tomllib` does not say, and an error should.

The text has been parsed by `tomllib` before, so this only looks for headers and keys at the beginning of lines and
skips what lies inside of strings and brackets. Keys of inline tables stand on the line of the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Path = tuple[str | int, ...]
"""Where a value stands: keys of tables and places in arrays of tables, as in ("fault", 0, "rate")."""

_HEADER = re.compile(r"\s*(\[\[?)\s*(?P<name>[^\[\]]+?)\s*\]")
_KEY = re.compile(
    r"""\s*(?P<name>(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_TOKEN = re.compile(
    r'''"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\#[^\n]*|[\[\]{}]|\n''', re.DOTALL
)


def lines_of(text: str) -> dict[Path, int]:
    """Return the line (from 1) of every table header and key of a valid TOML text."""
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, line in _logical_lines(text):
        if (header := _HEADER.match(line)) and not _KEY.match(line):
            table = _resolve(_parts(header["name"]), counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            path = table
            for part in _parts(key["name"]):
                path = (*path, part)
                lines.setdefault(path, number)
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int:
    """Return the line of a path, or that of the nearest thing around it; 1 for the file itself."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 1


def spell(path: Path) -> str:
    """Return a path as people read it: `fault[2].rate`, counted from 1."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the beginnings of statements with their line numbers, skipping the insides of strings and brackets."""
    physical = text.split("\n")
    number, depth, fresh = 1, 0, True
    at_header = False
    for token in _TOKEN.finditer(text):
        if fresh:
            at_header = _HEADER.match(physical[number - 1]) is not None
            yield number, physical[number - 1]
            fresh = False
        piece = token[0]
        if piece == "\n":
            number += 1
            fresh = depth == 0
        elif piece in "[{" and not at_header:
            depth += 1
        elif piece in "]}" and not at_header:
            depth -= 1
        else:
            number += piece.count("\n")
    if fresh and number <= len(physical):
        yield number, physical[number - 1]


def _resolve(parts: tuple[str, ...], counts: dict[Path, int]) -> Path:
    """A header under an array of tables means its last element."""
    path: Path = ()
    for place, part in enumerate(parts):
        path = (*path, part)
        if place < len(parts) - 1 and path in counts:
            path = (*path, counts[path])
    return path


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(name))
