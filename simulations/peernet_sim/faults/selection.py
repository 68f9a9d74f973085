"""Sets of peers, as faults name them: all, a share, a region, an access class, some by index, submitters, or
not."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from peernet_sim.model import PeerSpec
from peernet_sim.schema import Table, nearest

Members = frozenset[int]


@dataclass(slots=True)
class Crowd:
    """The peers that sets are chosen from. named: the sets of the scenario that have been chosen so far, so that
    two faults that name one set mean the same peers."""

    peers: tuple[PeerSpec, ...]
    submitters: Members
    seed: int
    named: dict[str, Members] = field(default_factory=dict)


class Selection(Protocol):
    """A set of peers as a scenario describes it, for any network."""

    def choose(self, crowd: Crowd) -> Members:
        """Return the indices of those that belong to it."""
        ...


@dataclass(frozen=True, slots=True)
class Everyone:
    """All peers."""

    def choose(self, crowd: Crowd) -> Members:
        """Return all."""
        return frozenset(range(len(crowd.peers)))


@dataclass(frozen=True, slots=True)
class Submitters:
    """Peers that submit a job."""

    def choose(self, crowd: Crowd) -> Members:
        """Return them."""
        return crowd.submitters


@dataclass(frozen=True, slots=True)
class Explicit:
    """Peers by index."""

    table: Table
    indices: Members

    def choose(self, crowd: Crowd) -> Members:
        """Return those that there are; it is an error if there are none of some."""
        for index in sorted(self.indices):
            if index >= len(crowd.peers):
                last = len(crowd.peers) - 1
                self.table.wrong("peers", f"names peer {index}, but with {last + 1} peers the last one is {last}")
        return self.indices


@dataclass(frozen=True, slots=True)
class Trait:
    """Peers with something in common. what: "region", "access" or "nat"."""

    table: Table
    key: str
    what: str
    value: str

    def choose(self, crowd: Crowd) -> Members:
        """Return those that have it."""
        members = frozenset(peer.index for peer in crowd.peers if getattr(peer, self.what) == self.value)
        known = list(dict.fromkeys(getattr(peer, self.what) for peer in crowd.peers))
        if not members and self.what == "region" and self.value not in known:
            regions = ", ".join(sorted(name for name in known if name)) or "none: this topology has no regions"
            self.table.wrong(self.key, f'names the region "{self.value}"; regions with peers are {regions}')
        return members


@dataclass(frozen=True, slots=True)
class Without:
    """Those of one set that are not in another."""

    base: Selection
    less: Selection

    def choose(self, crowd: Crowd) -> Members:
        """Return the difference."""
        return self.base.choose(crowd) - self.less.choose(crowd)


@dataclass(frozen=True, slots=True)
class Together:
    """Those that are in any of some sets."""

    parts: tuple[Selection, ...]

    def choose(self, crowd: Crowd) -> Members:
        """Return the union."""
        return frozenset().union(*(part.choose(crowd) for part in self.parts))


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a set, drawn by the scenario's seed and `label`. At least one peer if the share is above 0."""

    base: Selection
    share: float
    label: str

    def choose(self, crowd: Crowd) -> Members:
        """Draw them."""
        base = sorted(self.base.choose(crowd))
        count = round(self.share * len(base))
        if self.share > 0 and base:
            count = max(1, count)
        return frozenset(random.Random(f"{crowd.seed}/share/{self.label}").sample(base, count))


@dataclass(frozen=True, slots=True)
class Named:
    """A set of the scenario's `[sets]`, chosen once."""

    name: str
    selection: Selection

    def choose(self, crowd: Crowd) -> Members:
        """Return it."""
        if self.name not in crowd.named:
            crowd.named[self.name] = self.selection.choose(crowd)
        return crowd.named[self.name]


Sets = dict[str, Named]
WORDS = ("all", "submitter", "not submitter")
TRAITS = ("region", "access", "nat")
_KEYS = ("share", *TRAITS, "peers", "of", "without", "seed")


def read_sets(table: Table) -> Sets:
    """Read `[sets]`: names for sets; one may be made of those above it."""
    sets: Sets = {}
    for name in table.all_keys():
        if name in WORDS or ":" in name:
            table.wrong(name, "is a word of its own already; choose another name for the set")
        sets[name] = Named(name, read_selection(table, name, sets))
    return sets


def read_selection(table: Table, key: str, sets: Sets, default: Selection | None = None) -> Selection:
    """Return the set of peers that stands at a key.

    A text: "all", "submitter", "not submitter", "region:tokyo", "access:mobile", "nat:closed" or a name of
    `[sets]`. An array of such texts: those that are in any of them. Or a table: one of `peers = [1, 2]`, `region`,
    `access`, `nat` and `of` (a set), of these only a `share` (with a `seed` of its own if wanted), `without` those
    of another set.
    """
    if not table.has(key):
        if default is None:
            table.lacks(key, '"all", a name of [sets], or { share = 0.2 }')
        return default
    value = table.raw(key)
    if isinstance(value, dict):
        return _read_table(table.table(key), sets)
    if isinstance(value, list) and value:
        return Together(tuple(_read_text(table, key, item, sets) for item in value))
    return _read_text(table, key, value, sets)


def _read_text(table: Table, key: str, value: object, sets: Sets) -> Selection:
    if not isinstance(value, str):
        table.wrong(key, f'is {value!r}; write a set of peers: "all", a name of [sets], or {{ share = 0.2 }}')
    what, colon, name = value.partition(":")
    if colon and what in TRAITS:
        return Trait(table, key, what, name)
    known = (*WORDS, *sets)
    if value not in known:
        known = (*known, *(f"{trait}:..." for trait in TRAITS))
        table.wrong(key, f'is "{value}", which is no set of peers that is known{nearest(value, known)}')
    return _word(value, sets)


def _word(value: str, sets: Sets) -> Selection:
    if value == "all":
        return Everyone()
    if value == "submitter":
        return Submitters()
    if value == "not submitter":
        return Without(Everyone(), Submitters())
    return sets[value]


def _read_table(table: Table, sets: Sets) -> Selection:
    bases: list[Selection] = []
    if table.has("of"):
        bases.append(read_selection(table, "of", sets))
    bases += [Trait(table, what, what, table.text(what)) for what in TRAITS if table.has(what)]
    if table.has("peers"):
        bases.append(Explicit(table, _indices(table)))
    if len(bases) > 1:
        table.source.wrong(table.path, "a set of peers takes only one of of, region, access, nat and peers")
    chosen = bases[0] if bases else Everyone()
    if table.has("without"):
        chosen = Without(chosen, read_selection(table, "without", sets))
    if table.has("share"):
        label = str(table.whole("seed")) if table.has("seed") else "/".join(map(str, table.path))
        chosen = Share(chosen, table.share("share"), label)
    if not any(table.has(key) for key in _KEYS[:-1]):
        table.done()
        table.source.wrong(table.path, f"a set of peers needs one of the keys {', '.join(_KEYS[:-1])}")
    table.done()
    return chosen


def _indices(table: Table) -> Members:
    value = table.raw("peers")
    if not isinstance(value, list) or not value or not all(_index(item) for item in value):
        table.wrong("peers", f"is {value!r}; write an array of indices from 0, like [1, 2]")
    return frozenset(value)


def _index(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def ordered(members: Iterable[int]) -> list[int]:
    """Return a set's peers in order of index, the order in which anything is decided for them."""
    return sorted(members)
