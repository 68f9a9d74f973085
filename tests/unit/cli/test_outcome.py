"""Results on their way out: JSON, summaries, and folders that appear whole or not at all."""

from __future__ import annotations

import errno
import io
import json
from pathlib import Path

import pytest

from peernet.errors import StorageError, UsageError
from peernet.results import encode
from peernet.wire.control import FinalValue, JobRow, SliceValue
from peernet_cli import folders
from peernet_cli.outcome import check_output, inline_json, save, summary, values_of, write_results

ROW = JobRow(job="j" * 52, name="n", state="done", submitted=1.0, ended=2.0, calls=3, slices=2)
REDUCED = JobRow(job="j" * 52, name="n", state="done", submitted=1.0, ended=2.0, reduces=True)
SLICES = [SliceValue(0, encode([1, (2,)])), SliceValue(1, encode([float("inf")]))]
JSON = [1, [2], {"$float": "inf"}]


def test_values_come_one_by_one_in_order() -> None:
    assert list(values_of(SLICES)) == [1, (2,), float("inf")]
    assert list(values_of([FinalValue(encode(5))])) == [5]


def test_the_json_of_all_results() -> None:
    stream = io.StringIO()
    write_results(ROW, SLICES, stream)
    assert json.loads(stream.getvalue()) == JSON
    assert stream.getvalue().endswith("]\n")
    assert inline_json(ROW, SLICES) == json.dumps(JSON)
    assert inline_json(ROW, []) == "[]"


def test_inline_json_ends_at_its_limit() -> None:
    exact = len(json.dumps(JSON))
    assert inline_json(ROW, SLICES, exact) is not None
    assert inline_json(ROW, SLICES, exact - 1) is None
    assert inline_json(REDUCED, [FinalValue(encode("x" * 98))], 100) == f'"{"x" * 98}"'
    assert inline_json(REDUCED, [FinalValue(encode("x" * 99))], 100) is None


def test_a_summary_shows_what_fits() -> None:
    assert summary(ROW, SLICES) == [f"n: {json.dumps(JSON)}  (2 slices, 0 peers, 1.0 s)"]
    long = [SliceValue(0, encode(["x" * 1000, *range(50)]))]
    first, more = summary(ROW, long)
    assert first.startswith('n: 3 results: ["xxxxxxxxxxxxxxxxxxxxxxx…, 0, 1, 2, 3, …]  (')
    assert more == "all of it: peernet results jjjjjjjjjj -o DIR"
    first, more = summary(REDUCED, [FinalValue(encode("y" * 1000))])
    assert len(first) < 250


def test_a_new_folder(tmp_path: Path) -> None:
    folder = save(ROW, SLICES, tmp_path / "a/b")
    assert folder == tmp_path / "a/b"
    assert json.loads((folder / "results.json").read_text()) == JSON
    assert json.loads((folder / "stats.json").read_text())["project_time"] == 1.0
    assert sorted(path.name for path in folder.iterdir()) == ["results.json", "stats.json"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


@pytest.mark.parametrize("taken", ["folder", "file", "broken link"])
def test_whatever_exists_is_left_alone(tmp_path: Path, taken: str) -> None:
    out = tmp_path / "out"
    if taken == "folder":
        out.mkdir()
    elif taken == "file":
        out.write_text("mine")
    else:
        out.symlink_to("nowhere")
    assert save(ROW, SLICES, out).name == "out-2"
    assert save(ROW, SLICES, out).name == "out-3"
    if taken == "folder":
        assert list(out.iterdir()) == []
    elif taken == "file":
        assert out.read_text() == "mine"
    else:
        assert out.is_symlink()


def test_a_folder_that_another_program_fills_meanwhile_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Path.mkdir

    def race(path: Path, *args: int, **options: bool) -> None:
        make(path, *args, **options)
        if path.name == "out":
            (path / "theirs").write_text("")

    monkeypatch.setattr(Path, "mkdir", race)
    assert save(ROW, SLICES, tmp_path / "out").name == "out-2"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["theirs"]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folders.os, "fsync", full)
    with pytest.raises(
        StorageError, match=r"disk is full; nothing is lost: `peernet results jjjjjjjjjj -o ELSEWHERE`"
    ):
        save(ROW, SLICES, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_results_that_stop_coming_leave_nothing_behind(tmp_path: Path) -> None:
    def broken() -> object:
        yield SLICES[0]
        raise StorageError("gone")

    with pytest.raises(StorageError, match="gone"):
        save(ROW, broken(), tmp_path / "out")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", ".", "..", "a/.."])
def test_a_name_that_can_be_no_new_folder(name: str) -> None:
    with pytest.raises(UsageError, match="name a new folder"):
        check_output(Path(name))


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is not a folder"):
        check_output(tmp_path / "file/out")
    check_output(tmp_path / "new/out")
    check_output(None)
