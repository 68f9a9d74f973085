from __future__ import annotations

import os
import stat
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from peernet.errors import KeyFileError, StorageError
from peernet.storage.keyfile import load_or_create_key

SEED = bytes(range(32))
OTHER = bytes(range(32, 64))


def never(size: int) -> bytes:
    raise AssertionError("a second seed was made")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key file that holds SEED."""
    path = tmp_path / "key"
    assert load_or_create_key(path, lambda size: SEED[:size]) == SEED
    return path


def test_first_use_makes_a_private_file_and_the_next_loads_it(key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert load_or_create_key(key, never) == SEED
    assert [path.name for path in key.parent.iterdir()] == ["key"]


def test_the_file_says_what_it_is(key: Path) -> None:
    header, content = key.read_text().splitlines()
    assert "peernet" in header
    assert "secret" in header
    assert bytes.fromhex(content) == SEED


def test_copies_with_other_line_ends_load(key: Path) -> None:
    key.write_bytes(key.read_bytes().replace(b"\n", b"\r\n") + b"\n")
    assert load_or_create_key(key, never) == SEED


def test_whoever_is_first_wins_and_both_agree(tmp_path: Path) -> None:
    path = tmp_path / "key"

    def overtaken(size: int) -> bytes:
        assert load_or_create_key(path, lambda size: OTHER) == OTHER  # another process, at the worst moment
        return SEED

    assert load_or_create_key(path, overtaken) == OTHER
    assert load_or_create_key(path, never) == OTHER
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601, 0o660])
def test_a_file_open_to_others_is_refused(key: Path, mode: int) -> None:
    key.chmod(mode)
    with pytest.raises(KeyFileError, match=f"has mode {mode:04o}.*run `chmod 600 {key}`"):
        load_or_create_key(key, never)


def test_the_remedy_can_be_pasted(tmp_path: Path) -> None:
    path = tmp_path / "my key"
    load_or_create_key(path, lambda size: SEED)
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match=f"chmod 600 '{path}'"):
        load_or_create_key(path, never)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: b"",
        lambda content: content[:-3],
        lambda content: content[:-1] + b"00\n",
        lambda content: content.replace(b"0", b"g"),
        lambda content: content.splitlines()[1],
        lambda content: content.replace(b"peernet", b"another"),
        lambda content: SEED,
        lambda content: content + b"\xff" * 10_000,
    ],
)
def test_wrong_content_is_refused_and_never_shown(key: Path, change: Callable[[bytes], bytes]) -> None:
    key.write_bytes(change(key.read_bytes()))
    with pytest.raises(KeyFileError, match=f"{key} is not a key file") as caught:
        load_or_create_key(key, never)
    shown = "".join(traceback.format_exception(caught.value))
    assert SEED.hex()[:16] not in shown
    assert caught.value.__context__ is None


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "key"
    if kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path, 0o600)
    with pytest.raises(KeyFileError, match="not a regular file"):
        load_or_create_key(path, never)


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.symlink_to("key")  # permissions would not stop root
    with pytest.raises(KeyFileError, match=f"cannot read the key file {path}: "):
        load_or_create_key(path, never)


def test_a_full_disk_leaves_nothing(
    tmp_path: Path, small_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    with small_disk(20), pytest.raises(StorageError, match="cannot write the key file"):
        load_or_create_key(tmp_path / "key", lambda size: SEED)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot write the key file .*No such file"):
        load_or_create_key(tmp_path / "absent" / "key", lambda size: SEED)


def test_a_source_of_too_few_bytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="31 bytes instead of 32"):
        load_or_create_key(tmp_path / "key", lambda size: SEED[1:])
    assert list(tmp_path.iterdir()) == []


STARTER = """
import hashlib, secrets, sys
from pathlib import Path
from peernet.storage.keyfile import load_or_create_key
print("ready", flush=True)
sys.stdin.readline()
print(hashlib.sha256(load_or_create_key(Path(sys.argv[1]), secrets.token_bytes)).hexdigest(), flush=True)
"""


@pytest.mark.real
def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTER, str(tmp_path / "key")]
    starters = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    try:
        for starter in starters:
            assert starter.stdout is not None
            assert starter.stdout.readline() == "ready\n"
        for starter in starters:
            assert starter.stdin is not None
            starter.stdin.write("\n")
            starter.stdin.flush()
        seen = {starter.communicate()[0] for starter in starters}
    finally:
        for starter in starters:
            starter.kill()
            starter.communicate()
    assert len(seen) == 1
    assert len(seen.pop()) == 65
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
