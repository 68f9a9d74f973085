"""Whether the default policy keeps what it promises, and at what price, as a text made of the figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from peernet_sim.policies.cases import DEFAULT, MAJORITIES
from peernet_sim.policies.markdown import liars
from peernet_sim.policies.table import Line

CONFIDENCE = 0.99
"""What the default policy promises: so many results in a hundred are right, at least."""

FEW = 0.2
"""The share of liars up to which a warm job has a bound of its cost."""

Network = tuple[int, float, str]


def promise(lines: Iterable[Line]) -> str:
    """Say where the default kept its promise, whether others did for less, and what it took when warm."""
    told = list(lines)
    own = [line for line in told if line.policy in DEFAULT]
    kept = [line for line in own if line.keeps(CONFIDENCE)]
    text = [
        f"- {DEFAULT[0]} kept its promise in {len(kept)} of {len(own)} jobs: at most {1 - CONFIDENCE:.0%} of what "
        "it accepted is wrong, with 95 % certainty."
    ]
    broken = [line for line in own if not line.keeps(CONFIDENCE)]
    text += [f"    - not so: {_named(line)}, {line.error:.2%} (at most {line.most:.2%})" for line in broken]
    rivals = _rivals(told)
    compared = [line for line in kept if rivals.get((_network(line), line.warm))]
    cheapest = [line for line in compared if line.each < min(rivals[_network(line), line.warm].values())]
    text.append(
        f"- In {len(cheapest)} of the {len(compared)} of these in which others kept it too, it took the fewest "
        "executions."
    )
    text += [
        f"    - not so: {_named(line)}, {line.each:.2f}; {_cheaper(rivals[_network(line), line.warm])}"
        for line in compared
        if line not in cheapest
    ]
    warm = [line for line in own if line.warm and line.share <= FEW]
    if warm:
        most = max(warm, key=lambda line: line.each)
        text.append(
            f"- Warm, with up to {FEW:.0%} of liars, it took {most.each:.2f} executions a slice at most "
            f"({_named(most)})."
        )
    return "\n".join(text) + "\n"


def _rivals(lines: Iterable[Line]) -> dict[tuple[Network, bool], dict[str, float]]:
    """What other policies that kept the promise took. A majority takes as much when warm: it learns nothing."""
    found: dict[tuple[Network, bool], dict[str, float]] = {}
    for line in lines:
        if line.policy in DEFAULT or not line.keeps(CONFIDENCE):
            continue
        for warm in (False, True) if line.policy in MAJORITIES else (line.warm,):
            found.setdefault((_network(line), warm), {})[line.policy] = line.each
    return found


def _cheaper(rivals: Mapping[str, float]) -> str:
    policy = min(rivals, key=lambda name: rivals[name])
    return f"{policy}, {rivals[policy]:.2f}"


def _network(line: Line) -> Network:
    return line.peers, line.share, line.kind


def _named(line: Line) -> str:
    job = "warm" if line.warm else "cold"
    return f"{line.peers} peers, {liars(line.share, line.kind)}, {job}"
