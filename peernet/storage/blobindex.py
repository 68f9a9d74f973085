"""Which blobs are here, how old, how large, and who needs them. Bookkeeping only: it touches no file."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from peernet.config.storage import StorageConfig
from peernet.errors import StorageError
from peernet.types import Digest


class BlobIndex:
    """The blobs of a store: the pinned ones, and the idle ones in the order in which they may go.

    Not safe for threads; the store takes turns.
    """

    def __init__(self, found: Iterable[tuple[Digest, int]], quota: int, config: StorageConfig) -> None:
        self._idle: OrderedDict[Digest, int] = OrderedDict(found)
        self._held: dict[Digest, int] = {}
        self._idle_bytes = sum(self._idle.values())
        self._held_bytes = 0
        self._reserved_bytes = 0
        self._reserved = 0
        self._owners: dict[Digest, set[bytes]] = {}
        self._pins: dict[bytes, dict[Digest, None]] = {}  # in the order of pinning
        self._pin_count = 0
        self._quota = quota
        self._count_limit = config.blob_count
        self._pin_limit = config.blob_pins

    @property
    def used(self) -> int:
        """Bytes of all blobs and of all reservations."""
        return self._idle_bytes + self._held_bytes + self._reserved_bytes

    def size(self, digest: Digest) -> int | None:
        """Bytes of a blob, or None when it is not here."""
        size = self._idle.get(digest)
        return self._held.get(digest) if size is None else size

    def touch(self, digest: Digest) -> int | None:
        """Note an access; the size, or None when the blob is not here."""
        if digest in self._idle:
            self._idle.move_to_end(digest)
        return self.size(digest)

    def reserve(self, size: int) -> list[Digest]:
        """Set room aside for a blob and return the blobs that have to go for it, already forgotten here.

        Raises:
            StorageError: the pinned blobs leave too little room; then nothing has changed.
        """
        held = self._held_bytes + self._reserved_bytes
        if held + size > self._quota:
            raise StorageError(
                f"no room for a blob of {size} bytes: {held} of the quota of {self._quota} bytes are in use"
                " by running jobs: stop a job, or raise the quota"
            )
        held_count = len(self._held) + self._reserved
        if held_count >= self._count_limit:
            raise StorageError(f"no room for another blob: {held_count} are in use by running jobs: stop a job")
        victims: list[Digest] = []
        while self.used + size > self._quota or held_count + len(self._idle) >= self._count_limit:
            victim, freed = self._idle.popitem(last=False)
            self._idle_bytes -= freed
            victims.append(victim)
        self._reserved_bytes += size
        self._reserved += 1
        return victims

    def release(self, size: int) -> None:
        """Give a reservation back."""
        self._reserved_bytes -= size
        self._reserved -= 1

    def add(self, digest: Digest, size: int) -> None:
        """A blob is here now, as the one accessed last."""
        self.remove(digest)
        if digest in self._owners:
            self._held[digest] = size
            self._held_bytes += size
        else:
            self._idle[digest] = size
            self._idle_bytes += size

    def remove(self, digest: Digest) -> bool:
        """A blob is gone. False when it was not here."""
        if digest in self._idle:
            self._idle_bytes -= self._idle.pop(digest)
        elif digest in self._held:
            self._held_bytes -= self._held.pop(digest)
        else:
            return False
        return True

    def pin(self, digest: Digest, owner: bytes) -> None:
        """See `BlobStore.pin`. The same pin again changes nothing."""
        owners = self._owners.get(digest, set())
        if owner in owners:
            return
        if self._pin_count >= self._pin_limit:
            raise StorageError(f"{self._pin_count} blobs are pinned by running jobs: stop a job")
        self._pin_count += 1
        self._owners.setdefault(digest, owners).add(owner)
        self._pins.setdefault(owner, {})[digest] = None
        self._replace(digest)

    def unpin_owner(self, owner: bytes) -> None:
        """See `BlobStore.unpin_owner`."""
        for digest in self._pins.pop(owner, {}):
            self._pin_count -= 1
            self._owners[digest].discard(owner)
            if not self._owners[digest]:
                del self._owners[digest]
            self._replace(digest)

    def _replace(self, digest: Digest) -> None:
        """Move a blob to the table where its pins say that it belongs."""
        size = self.size(digest)
        if size is not None:
            self.add(digest, size)
