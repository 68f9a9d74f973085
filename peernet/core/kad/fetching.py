"""One get of a record: what the holders say, when that is enough, and when to look again from elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from peernet.core.context import Context
from peernet.core.kad.finder import Course, Finder
from peernet.core.kad.records import RecordStore
from peernet.errors import EnvelopeError
from peernet.identity.envelope import Opened
from peernet.types import DhtKey, PeerId
from peernet.wire.kad import Values


class Fetching:
    """Asks for the record under a key on disjoint paths, and once more from random contacts if nobody has it or
    holders disagree. The highest sequence wins."""

    def __init__(
        self,
        ctx: Context,
        finder: Finder,
        store: RecordStore,
        key: DhtKey,
        domain: str,
        then: Callable[[list[Opened]], None],
    ) -> None:
        self._ctx = ctx
        self._finder = finder
        self._store = store
        self._key = key
        self._domain = domain
        self._then = then
        self._best: Opened | None = None
        self._agreeing: dict[PeerId, None] = {}
        self._disputed = False

    def start(self) -> None:
        """Begin; `then` is called once, as `Kad.get` says."""
        held = self._store.get(self._key, self._ctx.now)
        if held is not None:
            self._consider(held.raw, self._ctx.me)
        if not self._finder.find(self._key, self._first_over, heard=self._heard, way="disjoint"):
            self._end()

    def _first_over(self, lookup: Course) -> None:
        if (self._best is not None and not self._disputed) or not self._finder.find(
            self._key, lambda again: self._end(), heard=self._heard, way="scattered"
        ):
            self._end()

    def _end(self) -> None:
        self._then([] if self._best is None else [self._best])

    def _heard(self, holder: PeerId, values: Values) -> bool:
        """Take an answer in. Returns whether enough holders agree, and none disagrees."""
        for data in values.records:
            self._consider(data, holder)
        return not self._disputed and len(self._agreeing) >= self._ctx.config.kad.quorum

    def _consider(self, data: bytes, holder: PeerId) -> None:
        best = self._best
        if best is None or best.raw != data:
            try:
                opened = self._store.open(data, self._key, self._ctx.now, self._domain)
            except EnvelopeError as error:
                self._ctx.refuse(f"record: {error.reason}", holder, str(error))
                return
            if best is not None:
                self._disputed = True
                if opened.sequence <= best.sequence:
                    return
            self._best = opened
            self._agreeing.clear()
        self._agreeing[holder] = None
