"""The journal against a plain dict, through commits, removals, prefix loads and reopening."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from peernet.config.storage import StorageConfig
from peernet.storage.journal import SPACES, Change, Journal, Removal

spaces = st.sampled_from(SPACES[:3])
# Few distinct bytes, so that prefixes, neighbours and the highest byte meet often.
keys = st.lists(st.sampled_from([0x00, 0x01, 0x7F, 0xFE, 0xFF]), max_size=4).map(bytes)
values = st.none() | st.binary(max_size=6)
changes = st.lists(
    st.builds(Change, spaces, keys, values) | st.builds(Removal, spaces, keys.filter(len)), max_size=12
)


class JournalLikeDict(RuleBasedStateMachine):
    @initialize(rows=st.integers(1, 4))
    def start(self, rows: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "journal.sqlite"
        self.config = StorageConfig(journal_page_rows=rows)
        self.journal = Journal.open(self.path, config=self.config)
        self.model: dict[str, dict[bytes, bytes]] = {space: {} for space in SPACES}

    def remove(self, space: str, prefix: bytes) -> None:
        self.model[space] = {k: v for k, v in self.model[space].items() if not k.startswith(prefix)}

    @rule(changes=changes)
    def commit(self, changes: list[Change | Removal]) -> None:
        self.journal.commit(changes)
        for change in changes:
            if isinstance(change, Removal):
                self.remove(change.space, change.prefix)
                continue
            self.model[change.space].pop(change.key, None)
            if change.value is not None:
                self.model[change.space][change.key] = change.value

    @rule(space=spaces, prefix=keys)
    def delete_prefix(self, space: str, prefix: bytes) -> None:
        self.journal.delete_prefix(space, prefix)
        self.remove(space, prefix)

    @rule(space=spaces, key=keys)
    def get(self, space: str, key: bytes) -> None:
        assert self.journal.get(space, key) == self.model[space].get(key)

    @rule(space=spaces, prefix=keys)
    def load(self, space: str, prefix: bytes) -> None:
        expected = sorted((k, v) for k, v in self.model[space].items() if k.startswith(prefix))
        assert list(self.journal.load(space, prefix)) == expected

    @rule()
    def reopen(self) -> None:
        self.journal.close()
        self.journal = Journal.open(self.path, config=self.config)

    @rule()
    def read_beside(self) -> None:
        with Journal.open(self.path, read_only=True, config=self.config) as reader:
            for space in SPACES:
                assert list(reader.load(space)) == sorted(self.model[space].items())

    @invariant()
    def holds_exactly_the_model(self) -> None:
        for space in SPACES:
            assert list(self.journal.load(space)) == sorted(self.model[space].items())

    def teardown(self) -> None:
        self.journal.close()
        self.folder.cleanup()


JournalLikeDict.TestCase.settings = settings(
    derandomize=True, deadline=None, max_examples=40, stateful_step_count=20
)
TestJournalLikeDict = JournalLikeDict.TestCase
