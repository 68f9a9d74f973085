from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from peernet.config.storage import StorageConfig
from peernet.errors import StorageError
from peernet.storage.journal import SPACES, Change, Journal, Removal

JOB = bytes(31) + b"\xff"
NEXT_JOB = bytes(30) + b"\x01\x00"


def slice_key(job: bytes, index: int) -> bytes:
    return job + index.to_bytes(8, "big")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open(path, config=StorageConfig(journal_page_rows=3)) as journal:
        yield journal


@pytest.mark.parametrize("space", SPACES)
def test_each_space_is_its_own(journal: Journal, space: str) -> None:
    journal.commit([Change(other, b"key", other.encode()) for other in SPACES])
    journal.commit([Change(space, b"key", None)])
    assert [journal.get(other, b"key") is None for other in SPACES] == [other == space for other in SPACES]


def test_values_may_be_empty_or_large(journal: Journal, path: Path) -> None:
    journal.commit([Change("meta", b"", b""), Change("meta", b"\x00\xff", bytes(1_000_000))])
    journal.close()
    with Journal.open(path) as again:
        assert again.get("meta", b"") == b""
        assert again.get("meta", b"\x00\xff") == bytes(1_000_000)
        assert again.get("meta", b"\x00") is None


def test_the_last_change_of_a_key_wins(journal: Journal) -> None:
    journal.commit(
        [
            Change("job", b"stays", b"1"),
            Change("job", b"goes", b"1"),
            Change("job", b"stays", None),
            Change("job", b"goes", None),
            Change("job", b"stays", b"2"),
            Change("job", b"absent", None),
        ]
    )
    assert list(journal.load("job")) == [(b"stays", b"2")]


def test_a_commit_of_nothing_is_no_transaction(journal: Journal, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        journal.commit([])


def test_an_unknown_space_writes_nothing(journal: Journal) -> None:
    with pytest.raises(ValueError, match="unknown space 'jobs'"):
        journal.commit([Change("job", b"a", b""), Change("jobs", b"a", b"")])
    assert list(journal.load("job")) == []
    for ask in (
        lambda: journal.get("jobs", b""),
        lambda: journal.load("jobs"),
        lambda: journal.commit([Removal("jobs", b"")]),
    ):
        with pytest.raises(ValueError, match="unknown space"):
            ask()


def test_a_prefix_loads_a_job_in_order_over_many_pages(journal: Journal) -> None:
    indexes = [300, 2, 65_536, 0, 1, 255, 256, 7]
    journal.commit([Change("slice", slice_key(job, i), b"%d" % i) for job in (NEXT_JOB, JOB) for i in indexes])
    expected = [(slice_key(JOB, i), b"%d" % i) for i in sorted(indexes)]
    assert list(journal.load("slice", JOB)) == expected
    assert [key[:32] for key, _ in journal.load("slice")] == [JOB] * 8 + [NEXT_JOB] * 8


def test_a_page_that_ends_at_a_key_does_not_skip_its_next_neighbour(journal: Journal) -> None:
    keys = [b"a", b"b", b"c", b"c\x00", b"c\x00\x00", b"c\x01"]  # a page has three
    journal.commit([Change("meta", key, b"") for key in keys])
    assert [key for key, _ in journal.load("meta")] == keys


def test_a_load_may_begin_anywhere(journal: Journal) -> None:
    journal.commit([Change("slice", slice_key(job, i), b"") for job in (JOB, NEXT_JOB) for i in range(8)])
    keys = [key for key, _ in journal.load("slice", JOB, slice_key(JOB, 5))]
    assert keys == [slice_key(JOB, i) for i in (5, 6, 7)]
    assert list(journal.load("slice", NEXT_JOB, slice_key(JOB, 5))) == list(journal.load("slice", NEXT_JOB))
    assert list(journal.load("slice", JOB, NEXT_JOB)) == []
    assert len(list(journal.load("slice", b"", slice_key(JOB, 5)))) == 11


def test_a_mistake_of_the_caller_writes_nothing(journal: Journal) -> None:
    journal.commit([Change("job", b"a", b"1")])
    mistake = Change("meta", b"a", {})  # type: ignore[arg-type]
    with pytest.raises(sqlite3.Error, match="not supported"):
        journal.commit([Removal("job", b"a"), Change("job", b"b", b"2"), mistake])
    journal.commit([Change("job", b"c", b"3")])
    assert list(journal.load("job")) == [(b"a", b"1"), (b"c", b"3")]


def test_prefixes_of_the_highest_byte_have_no_end(journal: Journal) -> None:
    journal.commit([Change("meta", key, b"") for key in (b"\xfe", b"\xff", b"\xff\xff", b"\xff\xff\x01")])
    assert [key for key, _ in journal.load("meta", b"\xff\xff")] == [b"\xff\xff", b"\xff\xff\x01"]
    journal.commit([Removal("meta", b"\xff\xff")])
    assert [key for key, _ in journal.load("meta")] == [b"\xfe", b"\xff"]


def test_a_removal_takes_one_job_only(journal: Journal) -> None:
    for job in (JOB, NEXT_JOB):
        journal.commit([Change(space, slice_key(job, i), b"") for space in ("slice", "outcome") for i in range(5)])
    journal.commit([Removal("slice", JOB)])
    assert [key[:32] for key, _ in journal.load("slice")] == [NEXT_JOB] * 5
    assert len(list(journal.load("outcome", JOB))) == 5


def test_changes_and_removals_are_one_commit_in_their_order(journal: Journal) -> None:
    journal.commit([Change("slice", b"a0", b"old"), Change("slice", b"b0", b"old"), Change("job", b"a0", b"old")])
    journal.commit(
        [
            Change("slice", b"a1", b"before"),
            Change("slice", b"b1", b"before"),
            Removal("slice", b"a"),
            Change("slice", b"a2", b"after"),
            Removal("lease", b""),
            Change("slice", b"a2", b"last"),
        ]
    )
    assert list(journal.load("slice")) == [(b"a2", b"last"), (b"b0", b"old"), (b"b1", b"before")]
    assert journal.get("job", b"a0") == b"old"


def test_a_removal_is_undone_with_its_commit(path: Path) -> None:
    with Journal.open(path, config=StorageConfig(journal_limit=40 * 4096)) as journal:
        journal.commit([Change("slice", b"a", b"1"), Change("slice", b"b", b"2")])
        with pytest.raises(StorageError, match="limit is reached"):
            journal.commit([Removal("slice", b"a"), Change("slice", b"c", bytes(200_000))])
        assert list(journal.load("slice")) == [(b"a", b"1"), (b"b", b"2")]


def test_commits_go_on_while_records_are_read(journal: Journal) -> None:
    journal.commit([Change("slice", slice_key(JOB, i), b"old") for i in range(0, 12, 2)])
    seen = []
    for key, value in journal.load("slice", JOB):
        seen.append((key[-1], value))
        if key[-1] == 4:  # the last of the first page
            journal.commit(
                [
                    Change("slice", slice_key(JOB, 1), b"behind"),
                    Change("slice", slice_key(JOB, 5), b"ahead"),
                    Change("slice", slice_key(JOB, 6), None),
                    Change("slice", slice_key(JOB, 8), b"new"),
                ]
            )
    assert seen == [(0, b"old"), (2, b"old"), (4, b"old"), (5, b"ahead"), (8, b"new"), (10, b"old")]


def test_threads_take_turns(journal: Journal) -> None:
    def write(name: int) -> None:
        for i in range(50):
            journal.commit([Change("meta", bytes([name, i, part]), b"") for part in range(3)])
            assert sum(1 for _ in journal.load("meta", bytes([name]))) == 3 * (i + 1)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(1 for _ in journal.load("meta")) == 450


def test_files_are_private(journal: Journal, path: Path) -> None:
    journal.commit([Change("meta", b"a", b"")])
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_close_folds_the_log_in_and_may_be_repeated(journal: Journal, path: Path) -> None:
    journal.commit([Change("meta", b"a", b"1")])
    journal.close()
    journal.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_log_is_cut_back_after_a_burst(path: Path) -> None:
    with Journal.open(
        path, config=StorageConfig(journal_wal_limit=50_000, journal_checkpoint_pages=10)
    ) as journal:
        journal.commit([Change("meta", b"burst", bytes(1_000_000))])
        journal.commit([Change("meta", b"after", b"")])
        journal.commit([Change("meta", b"after", b"1")])
        assert path.with_name(path.name + "-wal").stat().st_size <= 50_000


# -- read-only ----------------------------------------------------------------------------------------------------


def test_a_reader_sees_commits_of_the_running_peer_as_they_come(journal: Journal, path: Path) -> None:
    journal.commit([Change("job", b"a", b"1")])
    with Journal.open(path, read_only=True) as reader:
        assert reader.get("job", b"a") == b"1"
        journal.commit([Change("job", b"a", b"2")])
        assert list(reader.load("job")) == [(b"a", b"2")]


def test_a_reader_does_not_hold_up_the_writer(journal: Journal, path: Path) -> None:
    journal.commit([Change("job", bytes([i]), b"") for i in range(9)])
    with Journal.open(path, read_only=True, config=StorageConfig(journal_page_rows=2)) as reader:
        records = reader.load("job")
        next(records)
        journal.commit([Removal("job", b"\x05")])
        journal.close()
        assert len(list(records)) == 7


def test_a_reader_needs_no_running_peer(journal: Journal, path: Path) -> None:
    journal.commit([Change("job", b"a", b"1")])
    journal.close()
    with Journal.open(path, read_only=True) as reader:
        assert reader.get("job", b"a") == b"1"
    with Journal.open(path) as writer:
        writer.commit([Change("job", b"a", b"2")])


def test_a_reader_cannot_write(journal: Journal, path: Path) -> None:
    journal.commit([Change("job", b"a", b"1")])
    with Journal.open(path, read_only=True) as reader:
        with pytest.raises(StorageError, match="can't be written"):
            reader.commit([Change("job", b"a", None)])
        with pytest.raises(StorageError, match="can't be written"):
            reader.commit([Removal("job", b"")])
        assert reader.get("job", b"a") == b"1"


@pytest.mark.parametrize("content", [None, b""])
def test_a_reader_does_not_make_a_journal(path: Path, content: bytes | None) -> None:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StorageError, match="no peer has run with this PEERNET_HOME yet"):
        Journal.open(path, read_only=True)
    assert path.exists() == (content is not None)


# -- files that are no journal ------------------------------------------------------------------------------------

ONLY_READ = pytest.mark.parametrize("read_only", [False, True])


@ONLY_READ
def test_a_newer_journal_is_refused(journal: Journal, path: Path, read_only: bool) -> None:
    journal.close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 7")
    with pytest.raises(StorageError, match=f"{path} has format 7 .* knows format 3: update peernet, or"):
        Journal.open(path, read_only=read_only)


@ONLY_READ
def test_a_journal_whose_records_can_not_be_read_any_more_is_refused(
    journal: Journal, path: Path, read_only: bool
) -> None:
    journal.close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 1")
    remedy = rf"move {path.name}\* out of {path.parent} \(jobs and trust are lost, .* identity stays\), or"
    with pytest.raises(StorageError, match=rf"has format 1 .* knows format 3: {remedy}"):
        Journal.open(path, read_only=read_only)


@ONLY_READ
def test_another_programs_database_is_refused_and_left_alone(path: Path, read_only: bool) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE job (key BLOB PRIMARY KEY)")
    before = path.read_bytes()
    with pytest.raises(StorageError, match=f"{path} is another program's database: move it away, or"):
        Journal.open(path, read_only=read_only)
    assert path.read_bytes() == before


@ONLY_READ
def test_a_file_that_is_no_database_is_refused(path: Path, read_only: bool) -> None:
    path.write_bytes(b"this is not a database. " * 1000)
    with pytest.raises(StorageError, match=f"{path} is damaged or not a journal .* move journal.sqlite"):
        Journal.open(path, read_only=read_only)


def test_damage_is_told_when_it_is_met(journal: Journal, path: Path) -> None:
    journal.commit([Change("slice", slice_key(JOB, i), bytes(500)) for i in range(100)])
    journal.close()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
    with Journal.open(path, read_only=True) as damaged:
        with pytest.raises(StorageError, match=f"{path} is damaged"):
            list(damaged.load("slice"))
        with pytest.raises(StorageError, match=f"{path} is damaged"):
            damaged.get("slice", b"")


def test_a_folder_in_its_place_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StorageError, match=f"cannot open the journal {path}"):
        Journal.open(path)
    with pytest.raises(StorageError, match=f"there is no journal {path}"):
        Journal.open(path, read_only=True)


def test_a_lock_of_another_program_is_told(path: Path) -> None:
    config = StorageConfig(journal_busy_seconds=0.0)
    with (
        Journal.open(path, config=config) as journal,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="another program holds it"):
            journal.commit([Change("job", b"a", b"1")])
        other.execute("ROLLBACK")
        journal.commit([Change("job", b"a", b"2")])
        assert journal.get("job", b"a") == b"2"


def test_a_closed_journal_is_a_mistake_of_the_caller(journal: Journal) -> None:
    journal.close()
    with pytest.raises(sqlite3.ProgrammingError):
        journal.get("job", b"a")


# -- no room ------------------------------------------------------------------------------------------------------


def test_a_full_journal_keeps_what_it_has_and_goes_on_when_there_is_room(path: Path) -> None:
    with Journal.open(path, config=StorageConfig(journal_limit=40 * 4096)) as journal:
        written = 0
        with pytest.raises(StorageError, match=f"{path} failed .*limit is reached: free some space"):
            for written in range(100):
                journal.commit(
                    [Change("slice", slice_key(JOB, written), bytes(3000)), Change("meta", b"n", b"%d" % written)]
                )
        assert 0 < written < 40
        assert [int.from_bytes(key[32:], "big") for key, _ in journal.load("slice")] == list(range(written))
        assert journal.get("meta", b"n") == b"%d" % (written - 1)  # all of the commit or nothing
        journal.commit([Removal("slice", JOB)])
        journal.commit([Change("slice", slice_key(JOB, i), bytes(3000)) for i in range(written)])
        assert len(list(journal.load("slice"))) == written


def test_a_disk_full_at_first_use_is_told_and_the_next_start_works(
    path: Path, small_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    with small_disk(1000), pytest.raises(StorageError, match=f"{path} failed"):
        Journal.open(path)
    with Journal.open(path) as journal:
        journal.commit([Change("job", b"a", b"1")])
        assert journal.get("job", b"a") == b"1"


def test_a_limit_below_what_there_is_lets_records_be_removed(journal: Journal, path: Path) -> None:
    journal.commit([Change("slice", slice_key(JOB, i), bytes(3000)) for i in range(100)])
    journal.close()
    with Journal.open(path, config=StorageConfig(journal_limit=4096)) as tight:
        with pytest.raises(StorageError, match="limit is reached"):
            tight.commit([Change("slice", slice_key(NEXT_JOB, i), bytes(3000)) for i in range(100)])
        tight.commit([Removal("slice", JOB)])
        tight.commit([Change("slice", slice_key(NEXT_JOB, 0), bytes(3000))])
        assert len(list(tight.load("slice"))) == 1


def test_a_full_disk_costs_the_commit_only(
    journal: Journal, path: Path, small_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    journal.commit([Change("job", b"before", b"1")])
    with small_disk(200_000):
        with pytest.raises(StorageError, match=f"{path} failed .*free some space"):
            journal.commit([Change("job", b"%d" % i, bytes(50_000)) for i in range(10)])
        assert list(journal.load("job")) == [(b"before", b"1")]
        journal.commit([Change("job", b"small", b"2")])
    journal.commit([Change("job", b"%d" % i, bytes(50_000)) for i in range(10)])
    assert len(list(journal.load("job"))) == 12


# -- kill -9 ------------------------------------------------------------------------------------------------------

WRITER = """
import itertools, sys
from pathlib import Path
from peernet.config.storage import StorageConfig
from peernet.storage.journal import Change, Journal

journal = Journal.open(Path(sys.argv[1]), config=StorageConfig(journal_checkpoint_pages=50))
for number in itertools.count():
    key = number.to_bytes(8, "big")
    records = [Change("slice", key, bytes(300)), Change("outcome", key, bytes(700)), Change("meta", b"n", key)]
    journal.commit(records)
    print(number, flush=True)
"""


@pytest.mark.real
@pytest.mark.parametrize("kill_after", [1, 40, 1500])
def test_kill_9_loses_nothing_that_was_committed(path: Path, kill_after: int) -> None:
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        try:
            for _ in range(kill_after):
                assert writer.stdout.readline()
            with Journal.open(path, read_only=True) as reader:  # beside the running writer
                assert sum(1 for _ in reader.load("slice")) >= kill_after
        finally:
            writer.kill()
        printed = kill_after + sum(1 for line in writer.stdout if line.endswith("\n"))
    with Journal.open(path, read_only=True) as reader:
        found = [int.from_bytes(key, "big") for key, _ in reader.load("slice")]
    with Journal.open(path) as journal:
        assert found == list(range(len(found)))
        assert len(found) - printed in (0, 1)  # the last commit may not have been printed yet
        assert [key for key, _ in journal.load("outcome")] == [key for key, _ in journal.load("slice")]
        assert journal.get("meta", b"n") == (len(found) - 1).to_bytes(8, "big")
        journal.commit([Change("slice", b"after", b"")])
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_journal_of_a_version_with_fewer_spaces_gets_the_others(path: Path) -> None:
    Journal.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute('DROP TABLE "evidence"')
        connection.execute("INSERT INTO \"job\" VALUES (x'01', x'02')")
        connection.commit()
    with Journal.open(path) as journal:
        journal.commit([Change("evidence", b"key", b"value")])
        assert journal.get("job", b"\x01") == b"\x02"
    with Journal.open(path, read_only=True) as journal:
        assert journal.get("evidence", b"key") == b"value"
