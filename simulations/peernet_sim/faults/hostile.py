"""What all hostile peers are built on: an honest one to change, and several kinds of hostility in one peer.

The core of a hostile peer is the product's own. A behaviour changes what goes in and out of it, and sends
nothing that a real attacker with the same keys could not send; messages stay within the bounds that decoding
checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peernet_sim.model import Behaviour, World


class Honest:
    """A peer that does as its core says. Others change one thing of it."""

    name = "honest"

    def outgoing(self, index: int, effect: Any, world: World) -> list[Any]:
        """Carry the effect out."""
        return [effect]

    def incoming(self, index: int, event: Any, world: World) -> list[Any]:
        """Tell the core."""
        return [event]

    def compute(self, index: int, values: list[Any], world: World) -> list[Any] | None:
        """Report the results."""
        return values


class Later(Honest):
    """A peer that does as its core says until it turns. since: virtual seconds."""

    def __init__(self, since: float, behaviour: Behaviour) -> None:
        self.since = since
        self.behaviour = behaviour
        self.name = behaviour.name

    def _now(self, world: World) -> Behaviour | Honest:
        return self.behaviour if world.now >= self.since else _HONEST

    def outgoing(self, index: int, effect: Any, world: World) -> list[Any]:
        """Ask the one whose time it is."""
        return self._now(world).outgoing(index, effect, world)

    def incoming(self, index: int, event: Any, world: World) -> list[Any]:
        """Ask the one whose time it is."""
        return self._now(world).incoming(index, event, world)

    def compute(self, index: int, values: list[Any], world: World) -> list[Any] | None:
        """Ask the one whose time it is."""
        return self._now(world).compute(index, values, world)


_HONEST = Honest()


class Several(Honest):
    """A peer that is hostile in several ways: what one lets through goes to the next."""

    def __init__(self, behaviours: Sequence[Behaviour]) -> None:
        self.behaviours = tuple(behaviours)
        self.name = " and ".join(behaviour.name for behaviour in self.behaviours)

    def outgoing(self, index: int, effect: Any, world: World) -> list[Any]:
        """Ask one after the other."""
        effects = [effect]
        for behaviour in self.behaviours:
            effects = [out for one in effects for out in behaviour.outgoing(index, one, world)]
        return effects

    def incoming(self, index: int, event: Any, world: World) -> list[Any]:
        """Ask one after the other."""
        events = [event]
        for behaviour in self.behaviours:
            events = [out for one in events for out in behaviour.incoming(index, one, world)]
        return events

    def compute(self, index: int, values: list[Any], world: World) -> list[Any] | None:
        """Ask one after the other, until one reports nothing."""
        results: list[Any] | None = values
        for behaviour in self.behaviours:
            if results is None:
                return None
            results = behaviour.compute(index, results, world)
        return results
