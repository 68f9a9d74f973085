"""What is shown of the standard error of a peer that ended."""

from __future__ import annotations

import traceback

import pytest

from peernet.api.lastwords import last_words


def printed(error: BaseException) -> str:
    try:
        raise error
    except BaseException as raised:  # noqa: BLE001 - any kind is printed the same way
        return "".join(traceback.format_exception(raised))


def with_cause(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def with_note(error: Exception, note: str) -> Exception:
    error.add_note(note)
    return error


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as again:  # noqa: BLE001 - given a traceback, whatever it is
        return again


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ("warning: no sandbox\nerror: the port 80 is taken\n", "the port 80 is taken"),
        ("error: the port 80 is taken\n" + printed(ValueError("while leaving")), "the port 80 is taken"),
        (printed(OSError(98, "in use")), "OSError: [Errno 98] in use"),
        (printed(KeyboardInterrupt()), "KeyboardInterrupt"),
        (printed(ValueError("first line\nSecond: line")), "ValueError: first line"),
        (printed(with_note(ValueError("what"), "Note: more")), "ValueError: what"),
        (printed(with_cause(TypeError("what came of it"), OSError("why"))), "TypeError: what came of it"),
        (printed(ValueError("what")) + "sys:1: ResourceWarning: unclosed\n", "ValueError: what"),
        ("/usr/bin/python: No module named peernet\n\n", "/usr/bin/python: No module named peernet"),
        ("", "exit code -9"),
        ("\n", "exit code -9"),
    ],
)
def test_the_line_that_tells_most_is_shown(errors: str, words: str) -> None:
    assert last_words(errors, -9) == words


def test_a_group_is_told_by_its_innermost_exception() -> None:
    inner = raised(OSError(98, "in use"))
    assert last_words(printed(ExceptionGroup("nursery", [inner])), 1) == "OSError: [Errno 98] in use"
    nested = raised(ExceptionGroup("inner", [raised(TypeError("a")), ValueError("never raised\nbut here")]))
    assert last_words(printed(ExceptionGroup("nursery", [KeyError("k"), nested])), 1) == "ValueError: never raised"


def test_a_group_of_many_ends_with_the_last_one_that_is_printed() -> None:
    many = ExceptionGroup("nursery", [raised(ValueError(number)) for number in range(30)])
    assert last_words(printed(many), 1) == "ValueError: 14"
