"""What the tests of blobs share."""

from __future__ import annotations

import hashlib
from pathlib import Path

from peernet.storage.blobs import BlobStore
from peernet.types import Digest


def digest_of(data: bytes) -> Digest:
    return Digest(hashlib.sha256(data).digest())


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def reopened(folder: Path, quota: int = 100) -> BlobStore:
    return BlobStore(folder, quota)
