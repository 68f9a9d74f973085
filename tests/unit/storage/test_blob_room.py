"""The room of blobs: quota, pins and eviction, and blobs that arrive in chunks."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from peernet.config.storage import StorageConfig
from peernet.errors import BlobMissingError, StorageError
from peernet.storage.blobs import BlobStore, blob_path
from peernet.types import Digest

from .blob_helpers import digest_of, files_in, reopened

JOB, OTHER_JOB = b"job", b"other job"


def test_the_oldest_access_makes_room(store: BlobStore, folder: Path) -> None:
    first, second, third = (store.put(name * 30) for name in (b"1", b"2", b"3"))
    store.read(first, 0, 1)
    fourth = store.put(b"4" * 30)
    assert [store.has(digest) for digest in (first, second, third, fourth)] == [True, False, True, True]
    store.get(third)
    store.put(b"4" * 30)
    store.put(b"5" * 30)
    assert [store.has(digest) for digest in (first, third, fourth)] == [False, True, True]
    assert store.used == 90
    assert len(files_in(folder)) == 3


def test_age_survives_a_restart(store: BlobStore, folder: Path) -> None:
    digests = [store.put(name * 30) for name in (b"1", b"2", b"3")]
    for age, digest in enumerate(digests):
        os.utime(blob_path(folder, digest), ns=(0, 10**9 * (10 - age)))
    store.get(digests[2])  # else the oldest
    again = reopened(folder)
    again.put(b"4" * 30)
    assert [again.has(digest) for digest in digests] == [True, False, True]


def test_more_than_the_quota_on_disk_goes_only_when_room_is_needed(store: BlobStore, folder: Path) -> None:
    digests = [store.put(name * 30) for name in (b"1", b"2", b"3")]
    smaller = reopened(folder, quota=40)
    assert smaller.used == 90
    smaller.pin(digests[0], JOB)
    new = smaller.put(b"4" * 10)
    assert [smaller.has(digest) for digest in (*digests, new)] == [True, False, False, True]


def test_a_blob_above_the_quota_evicts_nothing(store: BlobStore, folder: Path) -> None:
    digest = store.put(b"1" * 60)
    with pytest.raises(StorageError, match="no room for a blob of 101 bytes: 0 of the quota of 100 bytes"):
        store.put(b"2" * 101)
    assert store.get(digest) == b"1" * 60
    assert len(files_in(folder)) == 1


def test_pinned_blobs_stay_until_every_owner_lets_go(store: BlobStore) -> None:
    digest = store.put(b"1" * 60)
    store.pin(digest, JOB)
    store.pin(digest, JOB)
    store.pin(digest, OTHER_JOB)
    for owner in (JOB, OTHER_JOB):
        with pytest.raises(StorageError, match=r"60 of the quota of 100 bytes are in use .* stop a job"):
            store.put(b"2" * 60)
        assert store.has(digest)
        store.unpin_owner(owner)
    store.unpin_owner(JOB)
    assert store.has(digest)  # not dropped before its room is needed
    store.put(b"2" * 60)
    assert not store.has(digest)


def test_a_blob_may_be_pinned_before_it_comes_and_after_it_went(store: BlobStore, folder: Path) -> None:
    digest = digest_of(b"1" * 60)
    store.pin(digest, JOB)
    assert not store.has(digest)
    for _ in range(2):
        store.put(b"1" * 60)
        with pytest.raises(StorageError, match="no room"):
            store.put(b"2" * 60)
        blob_path(folder, digest).unlink()
        with pytest.raises(BlobMissingError, match="is not here"):
            store.get(digest)
        assert store.used == 0


def test_the_number_of_blobs_is_bounded(folder: Path) -> None:
    store = BlobStore(folder, 100, StorageConfig(blob_count=2))
    digests = [store.put(b"1"), store.put(b"2"), store.put(b"3")]
    assert [store.has(digest) for digest in digests] == [False, True, True]
    for digest in digests[1:]:
        store.pin(digest, JOB)
    with pytest.raises(StorageError, match="no room for another blob: 2 are in use"):
        store.put(b"4")
    with pytest.raises(StorageError, match="no room for another blob"):
        store.put(b"")


def test_the_number_of_pins_is_bounded(folder: Path) -> None:
    store = BlobStore(folder, 100, StorageConfig(blob_pins=2))
    store.pin(digest_of(b"1"), JOB)
    store.pin(digest_of(b"2"), JOB)
    store.pin(digest_of(b"2"), JOB)
    with pytest.raises(StorageError, match="2 blobs are pinned"):
        store.pin(digest_of(b"2"), OTHER_JOB)
    store.unpin_owner(JOB)
    store.pin(digest_of(b"2"), OTHER_JOB)


def test_a_full_disk_leaves_nothing(
    store: BlobStore, folder: Path, small_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    kept = store.put(b"kept")
    with small_disk(50), pytest.raises(StorageError, match=r"cannot write .*: the file would be larger"):
        store.put(b"1" * 60)
    assert store.used == 4
    assert len(files_in(folder)) == 1
    assert store.get(kept) == b"kept"
    store.put(b"1" * 60)


def test_a_full_disk_is_told_as_such(store: BlobStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        with pytest.raises(StorageError, match="the disk is full: free some space, or set PEERNET_HOME"):
            store.put(b"data")
    assert store.used == 0
    assert files_in(folder) == []
    assert store.has(store.put(b"data"))


def test_a_blob_that_cannot_be_removed_costs_no_room(
    store: BlobStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EIO, "Input/output error")

    store.put(b"1" * 60)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(StorageError, match=r"cannot remove .*: the disk reports an input/output error"):
            store.put(b"2" * 60)
    assert store.used == 0
    assert store.get(store.put(b"2" * 60)) == b"2" * 60


# -- blobs that arrive in chunks ----------------------------------------------------------------------------------


def test_chunks_become_a_blob(store: BlobStore, folder: Path) -> None:
    data = b"0123456789"
    with store.writer(digest_of(data), 10) as writer:
        for start in (0, 3, 6, 9):
            assert writer.written == start
            writer.write(data[start : start + 3])
        assert not store.has(digest_of(data))
        assert writer.finish() == digest_of(data)
    assert store.get(digest_of(data)) == data
    assert store.used == 10
    assert len(files_in(folder)) == 1


@pytest.mark.parametrize("came", [b"", b"012345678", b"012345678X"])
def test_wrong_bytes_are_not_kept(store: BlobStore, folder: Path, came: bytes) -> None:
    digest = digest_of(b"0123456789")
    with store.writer(digest, 10) as writer:
        writer.write(came)
        with pytest.raises(
            BlobMissingError, match=f"the {len(came)} bytes that came are not the blob {digest.hex()}"
        ):
            writer.finish()
    assert not store.has(digest)
    assert store.used == 0
    assert files_in(folder) == []


def test_too_many_bytes_are_refused_as_they_come(store: BlobStore, folder: Path) -> None:
    with store.writer(digest_of(b"0123456789"), 10) as writer:
        writer.write(b"012345678")
        with pytest.raises(BlobMissingError, match="more than 10 bytes came"):
            writer.write(b"9X")
        with pytest.raises(ValueError, match="has ended"):
            writer.write(b"9")
        with pytest.raises(ValueError, match="has ended"):
            writer.finish()
    assert store.used == 0
    assert files_in(folder) == []


def test_a_pull_that_ends_early_leaves_nothing(store: BlobStore, folder: Path) -> None:
    with pytest.raises(ConnectionError), store.writer(digest_of(b"0123456789"), 10) as writer:
        writer.write(b"01234")
        raise ConnectionError
    writer.abort()
    assert store.used == 0
    assert files_in(folder) == []


def test_room_is_reserved_at_the_start(store: BlobStore) -> None:
    old = store.put(b"1" * 60)
    with store.writer(digest_of(b"2" * 70), 70):
        assert not store.has(old)
        assert store.used == 70
        with pytest.raises(StorageError, match="70 of the quota of 100 bytes"):
            store.put(b"3" * 31)
    store.put(b"3" * 31)


def test_a_blob_that_comes_twice_at_once_counts_once(store: BlobStore, folder: Path) -> None:
    digest = digest_of(b"data")
    with store.writer(digest, 4) as one, store.writer(digest, 4) as two:
        for writer in (one, two):
            writer.write(b"data")
            writer.finish()
    assert store.used == 4
    assert len(files_in(folder)) == 1


@pytest.mark.parametrize("size", [-1, 51, 2**70])
def test_sizes_that_no_blob_has_evict_nothing(folder: Path, size: int) -> None:
    store = BlobStore(folder, 100, StorageConfig(blob_size=50))
    digest = store.put(b"1" * 50)
    with pytest.raises(StorageError, match=f"can't have {size} bytes: at most 50"):
        store.writer(digest_of(b""), size)
    assert store.has(digest)


@pytest.mark.parametrize("name", [b"", bytes(31), b"../../etc/passwd", bytes(33)])
def test_names_that_are_no_digest(store: BlobStore, name: bytes) -> None:
    with pytest.raises(BlobMissingError, match=f"{len(name)} bytes are no digest"):
        store.writer(Digest(name), 1)
    assert store.used == 0


def test_the_number_of_writers_is_bounded(folder: Path) -> None:
    store = BlobStore(folder, 100, StorageConfig(blob_writers=2))
    first = store.writer(digest_of(b"1"), 1)
    with store.writer(digest_of(b"2"), 1):
        with pytest.raises(StorageError, match="2 blobs are being written already"):
            store.put(b"3")
        first.abort()
        store.put(b"3")


def test_a_writer_that_cannot_start_costs_nothing(store: BlobStore, folder: Path) -> None:
    (folder / "incoming").rmdir()
    with pytest.raises(StorageError, match=r"cannot write .*incoming"):
        store.put(b"data")
    assert store.used == 0
    (folder / "incoming").mkdir()
    assert store.has(store.put(b"data"))


def test_threads_share_a_store(folder: Path) -> None:
    store = BlobStore(folder, quota=2_000)
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for i in range(60):
                data = bytes([(seed + i) % 40]) * 100
                digest = store.put(data)
                try:
                    assert store.get(digest) == data
                    assert store.read(digest, 10, 20) == data[10:30]
                except BlobMissingError:
                    continue  # evicted by another thread between two calls
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(7 * seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.used == sum(path.stat().st_size for path in files_in(folder)) <= 2_000
