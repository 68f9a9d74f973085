"""The journal against a plain dict, through commits, removals, prefix loads and reopening."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from peernet.config.storage import StorageConfig
from peernet.storage.journal import Change, Journal, Removal

SPACES = ("slice", "outcome")
KEYS = [b""] + [
    bytes(key) for a in (0, 1, 255) for b in (0, 1, 255) for key in ([a], [a, b], [a, b, 0], [a, b, 255])
]
"""Few and short, so that prefixes, next neighbours and the highest byte meet often."""

spaces = st.sampled_from(SPACES)
keys = st.sampled_from(KEYS)
puts = st.builds(Change, spaces, keys, st.binary(max_size=3))
deletes = st.builds(Change, spaces, keys, st.none())
removals = st.builds(Removal, spaces, keys.filter(len))
commits = st.lists(st.one_of(puts, puts, puts, puts, deletes, removals), min_size=10, max_size=30)

Model = dict[str, dict[bytes, bytes]]


def apply(model: Model, change: Change | Removal) -> None:
    """What a change means, one at a time."""
    records = model[change.space]
    if isinstance(change, Removal):
        for key in [key for key in records if key.startswith(change.prefix)]:
            del records[key]
    elif change.value is None:
        records.pop(change.key, None)
    else:
        records[change.key] = change.value


def check(journal: Journal, model: Model) -> None:
    for space, records in model.items():
        for key in KEYS:
            assert journal.get(space, key) == records.get(key)
            assert list(journal.load(space, key)) == sorted(r for r in records.items() if r[0].startswith(key))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(steps=st.lists(st.tuples(commits, st.booleans()), min_size=1, max_size=5), rows=st.integers(1, 4))
def test_a_journal_is_a_dict_that_stays(steps: list[tuple[list[Change | Removal], bool]], rows: int) -> None:
    model: Model = {space: {} for space in SPACES}
    config = StorageConfig(journal_page_rows=rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite"
        for changes, beside in steps:
            with Journal.open(path, config=config) as journal:
                journal.commit(changes)
                for change in changes:
                    apply(model, change)
                check(journal, model)
                if beside:
                    with Journal.open(path, read_only=True, config=config) as reader:
                        check(reader, model)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(before=commits, prefix=keys, rows=st.integers(1, 4))
def test_a_removal_takes_what_load_shows(before: list[Change | Removal], prefix: bytes, rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = StorageConfig(journal_page_rows=rows)
        with Journal.open(Path(folder) / "journal.sqlite", config=config) as journal:
            journal.commit(before)
            everything, shown = list(journal.load("slice")), list(journal.load("slice", prefix))
            others = list(journal.load("outcome"))
            journal.commit([Removal("slice", prefix)])
            assert list(journal.load("slice")) == [record for record in everything if record not in shown]
            assert list(journal.load("outcome")) == others
