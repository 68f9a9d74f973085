"""Who takes which message: one table for each kind of behaviour, shared by all cores of a process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, Protocol

from peernet.types import PeerId
from peernet.wire.base import Message
from peernet.wire.link import Body

Handler = Callable[[PeerId, Body], Body | str | None]
"""Takes a message of a peer. Returns the answer, a text that refuses, or None for a notice."""

Taker = Callable[[Any, PeerId, Body], Body | str | None]
"""The same before it is known which behaviour of its kind is meant, which is the first argument."""

Handlers = Mapping[type[Message], Taker]


class Behaviour(Protocol):
    """What has such a table."""

    HANDLERS: ClassVar[Handlers]


def bound(behaviour: Behaviour) -> dict[type[Message], Handler]:
    """Return the handlers of one behaviour, for those who drive it alone. A core doesn't keep them: bound methods
    and a dict would be 2 KiB of each peer of a simulation."""
    return {kind: partial(act, behaviour) for kind, act in behaviour.HANDLERS.items()}
