"""Bad input: one plain line that names the value, and exit code 2, before any peer is looked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]
Write = Callable[..., str]

DOUBLE = "@peernet.parallel(over=range(4))\ndef double(x): return 2 * x"


def check(result: Result, *told: str, code: int = 2) -> None:
    """One line on standard error that says what was wrong, and nothing else."""
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    for text in told:
        assert text in lines[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "missing command; see `peernet --help`"),
        (["frobnicate"], "'frobnicate'"),
        (["--frobnicate"], "'--frobnicate'"),
        (["jobs", "--frobnicate"], "see `peernet jobs --help`"),
        (["submit"], "FILE.py"),
        (["submit", "project.py", "--frobnicate"], "'--frobnicate'"),
        (["submit", "project.py", "--local", "two"], "'two'"),
        (["show"], "'JOB'"),
        (["id", "surplus"], "surplus"),
    ],
)
def test_the_command_line_itself(peernet: Run, arguments: list[str], told: str) -> None:
    check(peernet(*arguments), told)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--local", "0"], "--local 0"),
        (["--local", "-1"], "--local -1"),
        (["--local", "100000"], "--local 100000"),
        (["--local", "2", "--no-local"], "exclude"),
        (["--slice-size", "0"], "slice_size=0"),
        (["--replicas", "0"], "replicas=0"),
        (["--quorum", "3", "--replicas", "2"], "quorum=3"),
        (["--timeout", "0"], "timeout=0"),
        (["--timeout", "nan"], "timeout=nan"),
        (["--name", " "], "name=' '"),
        (["--patience", "-1"], "--patience -1"),
        (["--patience", "inf"], "--patience inf"),
        (["--detach", "--local", "2"], "--detach"),
        (["--detach", "-o", "out"], "--detach"),
        (["-o", ""], "-o"),
        (["-o", "/proc/version/out"], "/proc/version is not a folder"),
    ],
)
def test_options_of_submit(peernet: Run, project: Write, options: list[str], told: str) -> None:
    check(peernet("submit", project(DOUBLE), *options), told)


@pytest.mark.parametrize("target", ["missing.py", "missing.py:double"])
def test_a_missing_file(peernet: Run, target: str) -> None:
    check(peernet("submit", target), "missing.py", "no such file")


def test_a_folder_instead_of_a_file(peernet: Run, tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    check(peernet("submit", "folder.py"), "folder.py is a directory")


def test_a_syntax_error_names_file_and_line(peernet: Run, project: Write) -> None:
    check(peernet("submit", project("def f(:")), "project.py:2", "syntax error", "def f(:")


def test_a_name_that_is_none(peernet: Run, project: Write) -> None:
    check(peernet("submit", project(DOUBLE) + ":not-a-name"), "'not-a-name'")


@pytest.mark.parametrize("target", ["nonsense", "/ip4/1.2.3.4", "/ip4/1.2.3.4/tcp/99999", "1.2.3.4:4001"])
def test_an_address_that_is_none(peernet: Run, target: str) -> None:
    check(peernet("join", target), f"'{target}'", "/ip4/192.0.2.7/tcp/4001")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--port", "65536"], "--port 65536"),
        (["--port", "-1"], "--port -1"),
        (["--nprocs", "-1"], "--nprocs -1"),
        (["--tasks", "0"], "--tasks 0"),
        (["--serve", "nobody"], "'nobody'"),
    ],
)
def test_options_of_join(peernet: Run, options: list[str], told: str) -> None:
    check(peernet("join", *options), told)


def test_a_peer_id_that_is_none(peernet: Run) -> None:
    check(peernet("trust", "--mine", "QmSomething"), "'QmSomething'")


@pytest.mark.parametrize("command", ["show", "results"])
def test_a_job_that_is_not_there(peernet: Run, command: str) -> None:
    check(peernet(command, "abc"), "'abc'")


@pytest.mark.parametrize("arguments", [["peers"], ["stop", "abc"], ["trust", "--mine"]])
def test_commands_that_need_a_running_peer(peernet: Run, arguments: list[str]) -> None:
    if arguments[0] == "trust":
        arguments = [*arguments, peernet("id").stdout.strip()]
    check(peernet(*arguments), "peernet join", code=3)


def test_a_home_that_is_a_file(peernet: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PEERNET_HOME", str(tmp_path / "file"))
    check(peernet("id"), str(tmp_path / "file"))


def test_verbose_shows_where_it_was_raised(peernet: Run) -> None:
    for arguments in (["-v", "show", "abc"], ["show", "abc", "-v"]):
        result = peernet(*arguments)
        assert result.exit_code == 2
        assert result.stderr.startswith("Traceback")
        assert result.stderr.splitlines()[-1].startswith("error: ")


def test_with_json_the_error_is_a_json_line_too(peernet: Run, json_lines: Callable[[str], list[dict]]) -> None:
    for arguments in (["show", "abc", "--json"], ["show", "--json"], ["submit", "missing.py", "--json"]):
        result = peernet(*arguments)
        assert result.exit_code == 2
        [line] = json_lines(result.stdout)
        assert line["error"]["exit_code"] == 2
        assert result.stderr == f"error: {line['error']['message']}\n"


def test_json_after_two_dashes_is_the_projects(peernet: Run) -> None:
    result = peernet("submit", "missing.py", "--", "--json")
    check(result, "missing.py")


@pytest.mark.parametrize("error", [KeyError("x"), ExceptionGroup("wrapped", [KeyError("x")])])
def test_a_fault_of_peernet_is_one_line_too(
    peernet: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> str:
        raise error

    monkeypatch.setattr("platform.python_version", fail)
    check(peernet("version"), "KeyError: 'x'", "a fault in peernet", code=1)
    assert "in fail" in peernet("-v", "version").stderr
