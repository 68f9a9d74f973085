"""The terminal: what may reach it, and how."""

from __future__ import annotations

import io
import json

import pytest

from peernet.errors import ProjectError, TaskError, UnreachableError
from peernet_cli.terminal import Terminal, one_line, visible


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal() -> Terminal:
    return Terminal(io.StringIO(), io.StringIO())


def written(stream: object) -> str:
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, größer, 12D3…", "plain, größer, 12D3…"),
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[2J", "\\x1b[2J"),
        ("over\rwritten\x00\x7f", "over\\rwritten\\x00\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202edcba", "abc\\u202edcba"),
    ],
)
def test_nothing_can_steer_a_terminal(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_messages_of_several_lines_become_one() -> None:
    assert one_line("x.py:2: syntax error\n    def f(:\n") == "x.py:2: syntax error: def f(:"


def test_an_error_is_one_plain_line(terminal: Terminal) -> None:
    terminal.error(UnreachableError("nobody answers at \x1b[1m/ip4/1.2.3.4/tcp/1"))
    assert written(terminal.stderr) == "error: nobody answers at \\x1b[1m/ip4/1.2.3.4/tcp/1\n"
    assert written(terminal.stdout) == ""


def test_the_traceback_of_the_users_code_follows(terminal: Terminal) -> None:
    terminal.error(TaskError("call 3 failed: KeyError: 'x'", "Traceback\n  File x\nKeyError: 'x'\n"))
    assert written(terminal.stderr) == "error: call 3 failed: KeyError: 'x'\nTraceback\n  File x\nKeyError: 'x'\n"


def test_a_traceback_that_ends_in_peernets_own_error_says_nothing_new(terminal: Terminal) -> None:
    terminal.error(
        ProjectError("slice_size=0", "Traceback\n  File x\npeernet.errors.ProjectError: slice_size=0\n")
    )
    assert written(terminal.stderr) == "error: slice_size=0\n"


def test_an_error_without_a_text_has_its_name(terminal: Terminal) -> None:
    terminal.error(UnreachableError())
    assert written(terminal.stderr) == "error: UnreachableError\n"


def test_an_error_as_a_json_line() -> None:
    terminal = Terminal(io.StringIO(), io.StringIO(), json=True)
    terminal.error(UnreachableError("nobody"))
    assert json.loads(written(terminal.stdout)) == {
        "error": {"type": "UnreachableError", "message": "nobody", "exit_code": 3}
    }


def test_json_lines_take_raw_json(terminal: Terminal) -> None:
    terminal.emit({"event": "done"}, {"value": "1" * 5000})  # longer than Python itself would parse
    terminal.emit({}, {"result": "[1, 2]"})
    first, second = written(terminal.stdout).splitlines()
    assert first == '{"event": "done", "value": ' + "1" * 5000 + "}"
    assert json.loads(second) == {"result": [1, 2]}


def test_a_plain_table_is_aligned(terminal: Terminal) -> None:
    terminal.table(["name", "n"], [["a", "1"], ["longer", "1000"]], frozenset({1}))
    assert written(terminal.stdout) == "name       n\na          1\nlonger  1000\n"


def test_a_table_on_a_terminal_holds_the_same() -> None:
    terminal = Terminal(Tty(), io.StringIO())
    terminal.table(["name", "n"], [["a[bold]", "1\x1b[2J"]])
    shown = written(terminal.stdout)
    assert "a[bold]" in shown
    assert "\x1b[2J" not in shown


def test_what_a_project_prints_ends_its_line(terminal: Terminal) -> None:
    terminal.printed("one")
    terminal.printed("two\n")
    assert written(terminal.stderr) == "one\ntwo\n"
