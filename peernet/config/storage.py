"""Bounds and defaults of storage."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class StorageConfig:
    """Bounds of the journal and of the blob store. See each field."""

    journal_limit: int = 16 * GIB
    """Bytes that the journal's file may reach. A million slices with inline results of a KiB take 2 GiB; beyond
    16 a flood of results is likelier than a job, and the disk is not ours alone."""

    journal_wal_limit: int = 64 * MIB
    """Bytes that the write-ahead log keeps after a checkpoint; a larger one (a burst) is cut back to this."""

    journal_checkpoint_pages: int = 1000
    """Pages of 4 KiB in the log that start a checkpoint: about 4 MiB, SQLite's own default. It bounds what a
    power loss can cost and what a restart has to read again."""

    journal_page_rows: int = 256
    """Records that a prefix load reads at once. With values at the inline limit of 48 KiB a page is 12 MiB;
    larger pages were not faster."""

    journal_busy_seconds: float = 5.0
    """How long to wait for another process that holds the journal's write lock (a reader that recovers the
    log after a crash). Peers never share a journal, so longer means that something is wrong."""

    blob_quota: int = 10 * GIB
    """Bytes of blobs kept on disk. Blobs of ended jobs are evicted beyond it, oldest access first."""

    blob_size: int = 1 * GIB
    """Bytes of one blob at most: a stranger's claim of more is refused before other blobs make room for it."""

    blob_count: int = 65_536
    """Blobs kept at most, so that the index in memory stays near 16 MiB. Blobs are larger than the inline
    limit of 48 KiB; the quota of 10 GiB is met before this by blobs of 160 KiB and more."""

    blob_pins: int = 262_144
    """Pairs of blob and owner that may be pinned: four jobs for each blob. Pins live in memory."""

    blob_writers: int = 64
    """Blobs being pulled at once. Each costs a file descriptor, of which a process has 1024 by default."""
