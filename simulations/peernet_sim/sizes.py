"""How many bytes a message takes on the wire, estimated: good to some per cent, and cheaper than encoding it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peernet.wire.base import Message
from peernet.wire.gossip import Befriend, Befriended, Graft, IHave, Prune, Rumour, Shuffle, Shuffled
from peernet.wire.kad import Alive, FindNode, FindValue, Nodes, Probe, Store, Stored, Values
from peernet.wire.work import Grant, Pull, Return

FRAME = 26
"""Bytes around a body: the frame's length, tag and call, the record's length and authentication."""

HANDSHAKE = 700
"""Bytes of a Noise handshake and the greeting, both ways together."""

PING = 32

_CONTACT = 140
_HAVE = 20
_FIELD = 3


def size_of(body: object) -> int:
    """Return the estimated size of a message on a connection, in bytes."""
    known = _SIZES.get(type(body))
    return FRAME + (known(body) if known is not None else _generic(body))


def _generic(value: Any) -> int:
    if isinstance(value, bytes | str):
        return len(value) + _FIELD
    if isinstance(value, tuple | list):
        return _FIELD + sum(map(_generic, value))
    if isinstance(value, Message):
        return _FIELD + sum(_generic(getattr(value, name)) for name in value.__struct_fields__)
    return _FIELD


def _contacts(contacts: tuple[Any, ...]) -> int:
    return _CONTACT * len(contacts)


_SIZES: dict[type, Callable[[Any], int]] = {
    FindNode: lambda body: 24,
    FindValue: lambda body: 24,
    Nodes: lambda body: _FIELD + _contacts(body.contacts),
    Values: lambda body: 6 + _contacts(body.contacts) + sum(map(len, body.records)),
    Store: lambda body: 30 + len(body.record),
    Stored: lambda body: _FIELD + len(body.refused),
    Probe: lambda body: _FIELD,
    Alive: lambda body: _FIELD,
    Befriend: lambda body: _FIELD,
    Befriended: lambda body: 4 + _contacts(body.others),
    Shuffle: lambda body: 40 + _contacts(body.contacts),
    Shuffled: lambda body: _FIELD + _contacts(body.contacts),
    IHave: lambda body: _FIELD + _HAVE * len(body.items),
    Graft: lambda body: _FIELD + _HAVE * len(body.ids),
    Prune: lambda body: _FIELD,
    Rumour: lambda body: 8 + len(body.envelope),
    Pull: lambda body: 42 + len(body.advert),
    Return: lambda body: 40 + len(body.batch) + sum(map(len, body.inlines)),
    Grant: lambda body: 36 + sum(80 + len(lease.input.inline or b"") for lease in body.leases),
}
