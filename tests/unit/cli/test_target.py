"""`FILE.py[:NAME]`."""

from __future__ import annotations

from pathlib import Path

import pytest

from peernet_cli.submission import split_target


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        ("a.py", "a.py", None),
        ("dir/a.py:square", "dir/a.py", "square"),
        ("a.py:", "a.py", ""),
        ("with:colon.py", "with:colon.py", None),
        ("with:colon.py:square", "with:colon.py", "square"),
    ],
)
def test_file_and_name(text: str, path: str, name: str | None) -> None:
    assert split_target(text) == (Path(path), name)


def test_a_file_that_exists_is_meant_whole(tmp_path: Path) -> None:
    file = tmp_path / "odd:name"
    file.write_text("")
    assert split_target(str(file)) == (file, None)
