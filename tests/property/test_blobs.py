"""The blob store against a naive model: what is here, what it takes, and who has to go when room is needed."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peernet.config.storage import StorageConfig
from peernet.errors import BlobMissingError, StorageError
from peernet.storage.blobs import BlobStore, blob_path
from peernet.types import Digest

QUOTA, COUNT = 12, 5
blobs = st.sampled_from([bytes([65 + i]) * size for i, size in enumerate([0, 1, 1, 1, 2, 2, 3, 5, 12, 13])])
owners = st.sampled_from([b"job", b"other job"])
names = st.sampled_from(["put", "put", "put", "put", "get", "pin", "pin", "unpin_owner", "lose"])
steps = st.lists(st.tuples(names, blobs, owners, st.integers(0, 4)), min_size=15, max_size=40)


def digest_of(data: bytes) -> Digest:
    return Digest(hashlib.sha256(data).digest())


class Model:
    """Does each step to the store and to itself, and compares the outcome."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = BlobStore(folder, QUOTA, StorageConfig(blob_count=COUNT))
        self.here: list[bytes] = []  # oldest access first
        self.pins: list[tuple[bytes, bytes]] = []

    def pinned(self, data: bytes) -> bool:
        return any(pinned == data for pinned, _ in self.pins)

    def touch(self, data: bytes) -> None:
        self.here.remove(data)
        self.here.append(data)

    def model_after_put(self, data: bytes) -> list[bytes] | None:
        """What is here after a put, or None when there is no room."""
        here = list(self.here)
        while sum(map(len, here)) + len(data) > QUOTA or len(here) >= COUNT:
            victim = next((blob for blob in here if not self.pinned(blob)), None)
            if victim is None:
                return None
            here.remove(victim)
        return [*here, data]

    def put(self, data: bytes, chunk: int) -> None:
        if data in self.here:
            self.touch(data)
            assert self.store.put(data) == digest_of(data)
            return
        after = self.model_after_put(data)
        if after is None:
            with pytest.raises(StorageError):
                self.store.put(data)
            return
        self.here = after
        if not chunk:
            assert self.store.put(data) == digest_of(data)
            return
        with self.store.writer(digest_of(data), len(data)) as writer:
            for start in range(0, len(data), chunk):
                writer.write(data[start : start + chunk])
            writer.finish()

    def get(self, data: bytes) -> None:
        if data in self.here:
            self.touch(data)
            assert self.store.get(digest_of(data)) == data
        else:
            with pytest.raises(BlobMissingError):
                self.store.get(digest_of(data))

    def lose(self, data: bytes) -> None:
        blob_path(self.folder, digest_of(data)).unlink(missing_ok=True)
        self.here = [blob for blob in self.here if blob != data]
        self.get(data)

    def pin(self, data: bytes, owner: bytes) -> None:
        self.store.pin(digest_of(data), owner)
        if (data, owner) not in self.pins:
            self.pins.append((data, owner))

    def unpin_owner(self, owner: bytes) -> None:
        self.store.unpin_owner(owner)
        freed = [data for data, other in self.pins if other == owner]
        self.pins = [(data, other) for data, other in self.pins if other != owner]
        for data in freed:
            if data in self.here and not self.pinned(data):
                self.touch(data)

    def check(self) -> None:
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        assert {path.name for path in files} == {digest_of(data).hex() for data in self.here}
        assert self.store.used == sum(map(len, self.here)) <= QUOTA
        for data in self.here:
            assert self.store.size(digest_of(data)) == len(data)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(steps=steps)
def test_a_store_keeps_what_its_model_keeps(steps: list[tuple[str, bytes, bytes, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = Model(Path(folder))
        for name, data, owner, chunk in steps:
            if name == "put":
                model.put(data, chunk)
            elif name == "get":
                model.get(data)
            elif name == "pin":
                model.pin(data, owner)
            elif name == "unpin_owner":
                model.unpin_owner(owner)
            else:
                model.lose(data)
            model.check()
