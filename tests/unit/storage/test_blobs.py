"""Blobs as files: what is put comes back, whatever happens to the files and to the process."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from peernet.errors import BlobMissingError, StorageError
from peernet.storage.blobs import BlobStore, blob_path, read_blob
from peernet.types import Digest

from .blob_helpers import digest_of, files_in, reopened

JOB, OTHER_JOB = b"job", b"other job"


# -- what is put comes back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"a", bytes(range(100))])
def test_what_is_put_comes_back(store: BlobStore, folder: Path, data: bytes) -> None:
    digest = store.put(data)
    assert digest == digest_of(data)
    for reader in (store, reopened(folder)):
        assert reader.has(digest)
        assert reader.size(digest) == reader.used == len(data)
        assert reader.get(digest) == reader.read(digest, 0, 1000) == data
    assert read_blob(folder, digest) == data


def test_a_blob_is_one_private_file_under_its_digest(store: BlobStore, folder: Path) -> None:
    digest = store.put(b"data")
    store.put(b"data")
    assert files_in(folder) == [folder / digest.hex()[:2] / digest.hex()]
    assert stat.S_IMODE(blob_path(folder, digest).stat().st_mode) == 0o600
    assert stat.S_IMODE(blob_path(folder, digest).parent.stat().st_mode) == 0o700
    assert store.used == 4


def test_parts(store: BlobStore) -> None:
    digest = store.put(b"0123456789")
    assert store.read(digest, 0, 4) == b"0123"
    assert store.read(digest, 8, 4) == b"89"
    assert store.read(digest, 10, 4) == store.read(digest, 2**70, 4) == store.read(digest, 3, 0) == b""
    assert store.read(digest, 0, 2**70) == b"0123456789"


@pytest.mark.parametrize(("offset", "length"), [(-1, 4), (0, -1)])
def test_parts_that_are_none(store: BlobStore, offset: int, length: int) -> None:
    digest = store.put(b"0123456789")
    with pytest.raises(StorageError, match=f"no {length} bytes at {offset}"):
        store.read(digest, offset, length)


@pytest.mark.parametrize("name", [bytes(32), b"", b"../../etc/passwd", bytes(31), b"\x00/", bytes(1000)])
def test_what_is_not_here(store: BlobStore, folder: Path, name: bytes) -> None:
    digest = Digest(name)
    assert not store.has(digest)
    assert store.size(digest) is None
    with pytest.raises(BlobMissingError, match="is not here"):
        store.get(digest)
    with pytest.raises(BlobMissingError, match="is not here"):
        store.read(digest, 0, 1)
    assert files_in(folder.parent) == []


# -- what was altered on disk -------------------------------------------------------------------------------------


@pytest.mark.parametrize("altered", [b"DATA", b"dat", b"data+", b"", None])
@pytest.mark.parametrize("at_start", [False, True])
def test_an_altered_blob_is_missing_and_can_be_put_again(
    store: BlobStore, folder: Path, altered: bytes | None, at_start: bool
) -> None:
    digest = store.put(b"data")
    path = blob_path(folder, digest)
    if altered is None:
        path.unlink()
    else:
        path.write_bytes(altered)
    if at_start:
        store = reopened(folder)
    with pytest.raises(BlobMissingError, match=digest.hex()):
        store.get(digest)
    assert not store.has(digest)
    assert store.used == 0
    assert store.put(b"data") == digest
    assert store.get(digest) == b"data"


@pytest.mark.parametrize("altered", [b"dat", None])
def test_a_part_of_a_blob_that_shrank_is_missing(store: BlobStore, folder: Path, altered: bytes | None) -> None:
    digest = store.put(b"data")
    blob_path(folder, digest).unlink()
    if altered is not None:
        blob_path(folder, digest).write_bytes(altered)
    with pytest.raises(BlobMissingError, match=digest.hex()):
        store.read(digest, 1, 3)
    assert not store.has(digest)


@pytest.mark.parametrize("altered", [b"dat", None])
def test_put_mends_a_blob_that_shrank(store: BlobStore, folder: Path, altered: bytes | None) -> None:
    digest = store.put(b"data")
    blob_path(folder, digest).unlink()
    if altered is not None:
        blob_path(folder, digest).write_bytes(altered)
    assert store.put(b"data") == digest
    assert store.get(digest) == b"data"
    assert store.used == 4


def test_reading_beside_a_peer_verifies_and_changes_nothing(store: BlobStore, folder: Path) -> None:
    digest = store.put(b"data")
    blob_path(folder, digest).write_bytes(b"DATA")
    with pytest.raises(BlobMissingError, match=f"{digest.hex()} has been altered"):
        read_blob(folder, digest)
    assert blob_path(folder, digest).read_bytes() == b"DATA"
    with pytest.raises(BlobMissingError, match="is not here"):
        read_blob(folder, digest_of(b"other"))


# -- opening ------------------------------------------------------------------------------------------------------


def test_open_removes_what_was_left_unfinished_and_nothing_else(store: BlobStore, folder: Path) -> None:
    digest = store.put(b"data")
    unfinished = store.writer(digest_of(b"unfinished"), 10)
    unfinished.write(b"unfin")  # as after kill -9: neither finished nor aborted
    for foreign in ("notes.txt", "ab/notes.txt", f"ab/{'ab' * 31}", f"ab/{'cd' * 32}", f"ab/{'AB' * 32}"):
        (folder / foreign).parent.mkdir(exist_ok=True)
        (folder / foreign).write_text("foreign")
    (folder / "ab" / ("ab" * 32)).mkdir()
    again = reopened(folder)
    assert again.used == 4
    assert again.get(digest) == b"data"
    assert len([path for path in files_in(folder) if path.read_bytes() == b"foreign"]) == 5
    assert len(files_in(folder)) == 6
    unfinished.abort()


def test_open_drops_names_whose_bytes_a_power_loss_took(store: BlobStore, folder: Path) -> None:
    empty, lost = store.put(b""), store.put(b"lost")
    blob_path(folder, lost).write_bytes(b"")
    again = reopened(folder)
    assert again.has(empty)
    assert not again.has(lost)
    assert not blob_path(folder, lost).exists()


def test_open_refuses_what_is_no_folder(folder: Path) -> None:
    folder.write_text("")
    with pytest.raises(StorageError, match=f"cannot open the blob folder {folder}"):
        BlobStore(folder, 100)
