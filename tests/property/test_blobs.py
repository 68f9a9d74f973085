"""The blob store against a naive model: what is here, what it takes, and who has to go when room is needed."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from peernet.config.storage import StorageConfig
from peernet.errors import BlobMissingError, StorageError
from peernet.storage.blobs import BlobStore
from peernet.types import Digest

QUOTA, COUNT = 12, 5
blobs = st.sampled_from([bytes([65 + i]) * size for i, size in enumerate([0, 1, 2, 3, 4, 5, 6, 7, 12, 13])])
owners = st.sampled_from([b"job", b"other job"])


def digest_of(data: bytes) -> Digest:
    return Digest(hashlib.sha256(data).digest())


class BlobsLikeModel(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = BlobStore(Path(self.folder.name), QUOTA, StorageConfig(blob_count=COUNT))
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

    @rule(data=blobs, chunk=st.integers(0, 4))
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

    @rule(data=blobs)
    def get(self, data: bytes) -> None:
        if data in self.here:
            self.touch(data)
            assert self.store.get(digest_of(data)) == data
        else:
            with pytest.raises(BlobMissingError):
                self.store.get(digest_of(data))

    @rule(data=blobs)
    def delete(self, data: bytes) -> None:
        self.store.delete(digest_of(data))
        self.here = [blob for blob in self.here if blob != data]

    @rule(data=blobs, owner=owners)
    def pin(self, data: bytes, owner: bytes) -> None:
        self.store.pin(digest_of(data), owner)
        if (data, owner) not in self.pins:
            self.pins.append((data, owner))

    @rule(owner=owners)
    def unpin_owner(self, owner: bytes) -> None:
        self.store.unpin_owner(owner)
        freed = [data for data, other in self.pins if other == owner]
        self.pins = [(data, other) for data, other in self.pins if other != owner]
        for data in freed:
            if data in self.here and not self.pinned(data):
                self.touch(data)

    @invariant()
    def holds_exactly_the_model(self) -> None:
        files = [path for path in Path(self.folder.name).rglob("*") if path.is_file()]
        assert {path.name for path in files} == {digest_of(data).hex() for data in self.here}
        assert self.store.used == sum(map(len, self.here)) <= QUOTA
        for data in self.here:
            assert self.store.size(digest_of(data)) == len(data)

    def teardown(self) -> None:
        self.folder.cleanup()


BlobsLikeModel.TestCase.settings = settings(
    derandomize=True, deadline=None, max_examples=60, stateful_step_count=25
)
TestBlobsLikeModel = BlobsLikeModel.TestCase
