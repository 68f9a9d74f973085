"""The faults that a scenario may name with `[[fault]] kind = ...`, and how each is read.

All take `peers`, the set that they concern (see `selection`), and `at` or `from`/`until` in virtual seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from peernet_sim.faults import gossips, lifecycle, misguides, rules
from peernet_sim.faults.compiling import Apply, Compilation
from peernet_sim.faults.hostile import Honest, Later
from peernet_sim.faults.liars import Lazy, Liar, Rejoining
from peernet_sim.faults.minting import MOST_BITS
from peernet_sim.faults.selection import (
    Everyone,
    Selection,
    Sets,
    Submitters,
    Without,
    ordered,
    read_selection,
)
from peernet_sim.model import Minted, Rule
from peernet_sim.schema import Table

NOT_SUBMITTER = Without(Everyone(), Submitters())

Reader = Callable[[Table, Sets], Apply]


def read_fault(table: Table, sets: Sets) -> Apply:
    """Read one `[[fault]]`."""
    kind = table.one_of("kind", KINDS, what="fault")
    apply = KINDS[kind](table, sets)
    table.done()
    return apply


# --- of the network ---------------------------------------------------------------------------------------------


def _window(table: Table) -> tuple[float, float]:
    since = table.number("from", 0.0)
    until = table.number("until") if table.has("until") else float("inf")
    if until <= since:
        table.wrong("until", f"is {until:g}, which is not after from = {since:g}")
    return since, until


def _rule(table: Table, sets: Sets, make: Callable[[rules.Scope], Rule]) -> Apply:
    since, until = _window(table)
    peers = read_selection(table, "peers", sets, Everyone())
    end = table.one_of("ends", ("from", "to", "either", "both"), "either")
    ends: rules.Ends = "from" if end == "from" else "to" if end == "to" else "both" if end == "both" else "either"

    def apply(to: Compilation) -> None:
        to.rule(make(rules.Scope(since, until, to.some(peers), ends)))

    return apply


def _loss(table: Table, sets: Sets) -> Apply:
    rate, retransmit = table.share("rate"), table.number("retransmit", 0.0, most=60.0)
    return _rule(table, sets, lambda scope: rules.Loss(scope, rate, retransmit))


def _delay(table: Table, sets: Sets) -> Apply:
    seconds = table.number("seconds")
    return _rule(table, sets, lambda scope: rules.Delay(scope, seconds))


def _jitter(table: Table, sets: Sets) -> Apply:
    mean = table.number("mean")
    return _rule(table, sets, lambda scope: rules.Jitter(scope, mean))


def _duplicate(table: Table, sets: Sets) -> Apply:
    rate = table.share("rate")
    return _rule(table, sets, lambda scope: rules.Duplicate(scope, rate))


def _reorder(table: Table, sets: Sets) -> Apply:
    rate, seconds = table.share("rate"), table.number("seconds", 0.5)
    return _rule(table, sets, lambda scope: rules.Reorder(scope, rate, seconds))


def _partition(table: Table, sets: Sets) -> Apply:
    since, until = _window(table)
    side = read_selection(table, "peers", sets)
    other = read_selection(table, "other", sets, Without(Everyone(), side))
    one_way = table.flag("one_way", False)

    def apply(to: Compilation) -> None:
        here, there = to.members(side), to.members(other)
        if here & there:
            table.wrong("other", f"has peers in common with peers, for instance {min(here & there)}")
        to.rule(rules.Partition(since, until, here, there, one_way))

    return apply


# --- of peers' lives --------------------------------------------------------------------------------------------


def _optional(table: Table, key: str) -> float | None:
    return table.above(key) if table.has(key) else None


def _crash(table: Table, sets: Sets) -> Apply:
    peers, at = read_selection(table, "peers", sets), table.number("at")
    restart_after, with_state = _optional(table, "restart_after"), table.flag("with_state", True)

    def apply(to: Compilation) -> None:
        to.faults.happenings += lifecycle.crash(to.members(peers), at, restart_after, with_state)

    return apply


def _freeze(table: Table, sets: Sets) -> Apply:
    peers, at, seconds = read_selection(table, "peers", sets), table.number("at"), table.above("seconds")

    def apply(to: Compilation) -> None:
        to.faults.happenings += lifecycle.freeze(to.members(peers), at, seconds)

    return apply


def _slow(table: Table, sets: Sets) -> Apply:
    peers, at = read_selection(table, "peers", sets), table.number("at", 0.0)
    factor, seconds = table.above("factor"), _optional(table, "seconds")

    def apply(to: Compilation) -> None:
        to.faults.happenings += lifecycle.slow(to.members(peers), at, factor, seconds)

    return apply


def _skew(table: Table, sets: Sets) -> Apply:
    peers, at = read_selection(table, "peers", sets), table.number("at", 0.0)
    seconds, spread = table.number("seconds", 0.0, least=-1e6, most=1e6), table.number("spread", 0.0, most=1e6)

    def apply(to: Compilation) -> None:
        rng = to.rng(f"skew/{table.path}")
        to.faults.happenings += lifecycle.skew(to.members(peers), at, seconds, spread, rng)

    return apply


def _full_disk(table: Table, sets: Sets) -> Apply:
    peers, at, seconds = read_selection(table, "peers", sets), table.number("at"), _optional(table, "seconds")

    def apply(to: Compilation) -> None:
        to.faults.happenings += lifecycle.full_disk(to.members(peers), at, seconds)

    return apply


def _churn(table: Table, sets: Sets) -> Apply:
    since, until = _window(table)
    peers = read_selection(table, "peers", sets, NOT_SUBMITTER)
    if table.has("percent_per_minute") == table.has("mean_session"):
        table.source.wrong(table.path, "churn takes one of percent_per_minute and mean_session (seconds)")
    if table.has("mean_session"):
        mean = table.above("mean_session")
    else:
        mean = lifecycle.mean_session(table.above("percent_per_minute"))
    shape = table.number("shape", 0.5, least=0.1, most=20.0)
    law = table.one_of("sessions", ("exponential", "weibull"), "weibull" if table.has("shape") else "exponential")
    sessions: lifecycle.Sessions = (
        lifecycle.Weibull(mean, shape) if law == "weibull" else lifecycle.Exponential(mean)
    )
    away = lifecycle.Exponential(table.above("mean_away", 30.0))
    with_state = table.flag("with_state", True)

    def apply(to: Compilation) -> None:
        members = tuple(ordered(to.members(peers)))
        end, rng = min(until, to.seconds), to.rng(f"churn/{table.path}")
        churn = lifecycle.Churn(members, since, end, sessions, away, with_state, rng)
        to.faults.happenings.append(churn.happening())

    return apply


# --- hostile peers ----------------------------------------------------------------------------------------------


def _hostile(table: Table, sets: Sets, make: Callable[[tuple[int, ...]], Honest]) -> Apply:
    peers, since = read_selection(table, "peers", sets), table.number("from", 0.0)

    def apply(to: Compilation) -> None:
        members = to.members(peers)
        one = partial(make, tuple(ordered(members)))
        to.behave(members, one if since <= 0 else lambda: Later(since, one()))

    return apply


def _liars(table: Table, sets: Sets) -> Apply:
    rate, honest_for = table.share("rate", 1.0), table.whole("honest_for", 0)
    group = table.whole("group", 0) if table.flag("colluding", False) else None
    if table.flag("rejoining", False):
        return _hostile(table, sets, lambda members: Rejoining(group or 0))
    return _hostile(table, sets, lambda members: Liar(rate, group, honest_for))


def _spam(table: Table, sets: Sets) -> Apply:
    rate = table.above("rate", 10.0)
    return _hostile(table, sets, lambda members: gossips.Spam(rate))


def _forged(table: Table, sets: Sets) -> Apply:
    rate, peers = table.above("rate", 1.0), read_selection(table, "peers", sets)
    victims = read_selection(table, "victims", sets, Without(Everyone(), peers))

    def apply(to: Compilation) -> None:
        chosen = tuple(ordered(to.members(victims)))
        if not chosen:
            table.wrong("victims", "leaves nobody in whose name adverts could be forged")
        to.behave(to.members(peers), lambda: gossips.ForgedAdverts(rate, chosen))

    return apply


def _sybils(table: Table, sets: Sets) -> Apply:
    peers: Selection = read_selection(table, "peers", sets)
    victim = read_selection(table, "victim", sets, Submitters())
    bits, host = table.whole("bits", 12, most=MOST_BITS), table.text("host", "198.51.100.7")

    def apply(to: Compilation) -> None:
        members = to.members(peers)
        victims = ordered(to.members(victim) - members)
        if not victims:
            table.source.wrong(table.path, "these Sybils have no victim; it must be a peer that is none of them")
        to.mint(members, Minted(victims[0], bits, host))

    return apply


KINDS: Mapping[str, Reader] = {
    "loss": _loss,
    "delay": _delay,
    "jitter": _jitter,
    "duplicate": _duplicate,
    "reorder": _reorder,
    "partition": _partition,
    "crash": _crash,
    "freeze": _freeze,
    "slow": _slow,
    "churn": _churn,
    "clock-skew": _skew,
    "full-disk": _full_disk,
    "liars": _liars,
    "lazy": lambda table, sets: _hostile(table, sets, lambda members: Lazy()),
    "sybils": _sybils,
    "eclipse": lambda table, sets: _hostile(table, sets, misguides.Eclipse),
    "withhold": lambda table, sets: _hostile(table, sets, lambda members: misguides.Withhold()),
    "huge-replies": lambda table, sets: _hostile(table, sets, lambda members: misguides.HugeReplies()),
    "spam": _spam,
    "forged-adverts": _forged,
    "mute": lambda table, sets: _hostile(table, sets, lambda members: gossips.Mute()),
}
