"""The calls of peers that wait for this peer's answer, each by a number that the runtime knows it by."""

from __future__ import annotations

from itertools import count

from peernet.net.connection import Connection
from peernet.wire.link import Body


class Asked:
    """Numbers for the calls of all connections. Each connection bounds its own (`NetConfig.calls`)."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._calls: dict[int, tuple[Connection, int]] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, connection: Connection, call: int) -> int:
        """Take in a call of a connection and return its number, which no other has had."""
        number = next(self._numbers)
        self._calls[number] = (connection, call)
        return number

    def answer(self, number: int, body: Body | str) -> None:
        """Answer a call; a str refuses it. Without effect if its connection is gone."""
        asked = self._calls.pop(number, None)
        if asked is not None:
            connection, call = asked
            connection.answer(call, body)

    def forget(self, connection: Connection) -> None:
        """A connection has ended: nobody waits there any more."""
        if connection.incoming:
            self._calls = {number: asked for number, asked in self._calls.items() if asked[0] is not connection}
