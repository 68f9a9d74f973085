"""What a peer keeps on disk: its home folder, key file, journal and blobs. All of it is synchronous."""

from __future__ import annotations

from peernet.storage.blobs import BlobStore, read_blob
from peernet.storage.blobwriter import BlobWriter
from peernet.storage.home import Home
from peernet.storage.journal import SPACES, Change, Journal, Removal
from peernet.storage.keyfile import load_or_create_key

__all__ = [
    "SPACES",
    "BlobStore",
    "BlobWriter",
    "Change",
    "Home",
    "Journal",
    "Removal",
    "load_or_create_key",
    "read_blob",
]
