"""Reading a scenario's tables: every mistake is told with file, line, key and remedy.

A `Table` hands out values of the wanted type and range, and knows which keys nobody asked for.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, NoReturn

from peernet.errors import UsageError
from peernet_sim.locate import Path, line_of, lines_of, spell


@dataclass(frozen=True, slots=True)
class Source:
    """A scenario file: where it is, and on which line each of its keys stands."""

    file: FilePath
    lines: dict[Path, int]

    def wrong(self, path: Path, text: str) -> NoReturn:
        """Raise UsageError about what stands at `path`."""
        raise UsageError(f"{self.file}, line {line_of(self.lines, path)}: {text}")


def read_toml(file: FilePath) -> Table:
    """Return the outermost table of a TOML file.

    Raises:
        UsageError: it can't be read or is no TOML.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UsageError(f"there is no scenario {file}: name a .toml file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} can't be read as a scenario: {error}") from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file} is not valid TOML: {error}. Texts need quotes, tables [brackets].") from error
    return Table(Source(file, lines_of(text.replace("\r\n", "\n"))), (), values)


@dataclass(slots=True)
class Table:
    """A table of the file. Ask for each key that may stand in it, then call `done()`."""

    source: Source
    path: Path
    values: dict[str, Any]
    _asked: dict[str, None] = field(default_factory=dict)

    def has(self, key: str) -> bool:
        """Whether the key is given."""
        self._asked[key] = None
        return key in self.values

    def raw(self, key: str) -> Any:
        """Return whatever stands at a key, or None."""
        return self.values[key] if self.has(key) else None

    def all_keys(self) -> list[str]:
        """Return the keys that are given, as written, and count them as known."""
        self._asked.update(dict.fromkeys(self.values))
        return list(self.values)

    def wrong(self, key: str, text: str) -> NoReturn:
        """Raise UsageError about the value of a key; `text` goes on after its name."""
        path = (*self.path, key)
        self.source.wrong(path, f"{spell(path)} {text}")

    def lacks(self, key: str, what: str) -> NoReturn:
        """Raise UsageError about a key that must be given; what: what to write there."""
        where = spell(self.path) or "the scenario"
        self.source.wrong((*self.path, key), f'{where} lacks the key "{key}": add {key} = {what}')

    def number(
        self, key: str, default: float | None = None, *, least: float = 0.0, most: float = math.inf
    ) -> float:
        """Return a number within a range; without a default it must be given."""
        value = self._given(key, default, "a number")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.wrong(key, f"is {value!r}; write a number {_range(least, most)}")
        if not least <= value <= most:
            self.wrong(key, f"is {value}; it must be {_range(least, most)}")
        return float(value)

    def above(self, key: str, default: float | None = None) -> float:
        """Return a number above 0."""
        value = self.number(key, default)
        if value == 0.0:
            self.wrong(key, "is 0; it must be above 0")
        return value

    def share(self, key: str, default: float | None = None) -> float:
        """Return a share between 0 and 1."""
        return self.number(key, default, most=1.0)

    def whole(self, key: str, default: int | None = None, *, least: int = 0, most: int = 10**9) -> int:
        """Return a whole number within a range."""
        value = self._given(key, default, "a whole number")
        if isinstance(value, bool) or not isinstance(value, int):
            self.wrong(key, f"is {value!r}; write a whole number {_range(least, most)}")
        if not least <= value <= most:
            self.wrong(key, f"is {value}; it must be {_range(least, most)}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self._given(key, default, "true or false")
        if not isinstance(value, bool):
            self.wrong(key, f"is {value!r}; write true or false")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text."""
        value = self._given(key, default, "a text")
        if not isinstance(value, str):
            self.wrong(key, f'is {value!r}; write a text in quotes, like "{key}"')
        return value

    def one_of(self, key: str, options: Iterable[str], default: str | None = None, what: str = "") -> str:
        """Return a text that is one of `options`; what: the name of such a thing, for the error."""
        known = list(options)
        value = self.text(key, default)
        if value not in known:
            self.wrong(key, f'is "{value}", which is no {what or key} that is known{nearest(value, known)}')
        return value

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return an array of texts."""
        value = self._given(key, list(default), "an array of texts")
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.wrong(key, f'is {value!r}; write an array of texts, like ["one", "other"]')
        return tuple(value)

    def table(self, key: str) -> Table:
        """Return the table at a key; an empty one if it is not given."""
        value = self._given(key, {}, "a table")
        if not isinstance(value, dict):
            self.wrong(key, f"is {value!r}; write a table, [{key}]")
        return Table(self.source, (*self.path, key), value)

    def tables(self, key: str) -> list[Table]:
        """Return the tables of an array of tables."""
        value = self._given(key, [], "tables")
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.wrong(key, f"must be written as [[{key}]], once for each")
        return [Table(self.source, (*self.path, key, place), item) for place, item in enumerate(value)]

    def done(self) -> None:
        """Complain of a key that nobody asked for."""
        for key in self.values:
            if key not in self._asked:
                where = f" in {spell(self.path)}" if self.path else ""
                text = f'unknown key "{key}"{where}{nearest(key, self._asked)}'
                self.source.wrong((*self.path, key), text)

    def _given(self, key: str, default: Any, what: str) -> Any:
        if self.has(key):
            return self.values[key]
        if default is None:
            self.lacks(key, what)
        return default


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the remedy for an unknown word: the one that was meant, and all that there are."""
    options = list(known)
    close = difflib.get_close_matches(word, options, n=1, cutoff=0.5)
    meant = f'; did you mean "{close[0]}"?' if close else "."
    return f"{meant} Known: {', '.join(options)}" if options else "."


def _range(least: float, most: float) -> str:
    if most == math.inf:
        return f"of at least {least:g}"
    return f"between {least:g} and {most:.15g}"
