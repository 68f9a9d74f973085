"""Pulling a blob over as many connections as it takes: what has come need not come again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from peernet.config.net import NetConfig
from peernet.errors import CallTimeoutError, ConnectionLostError
from peernet.net.connection import Connection
from peernet.types import Digest


async def fetch_over(
    reach: Callable[[], Awaitable[Connection]],
    digest: Digest,
    size: int,
    offset: int,
    sink: Callable[[bytes], None],
    config: NetConfig,
) -> None:
    """Pull a blob from `offset` on, in order, into `sink`. reach: connects to the peer, or returns the connection
    that stands.

    Raises what `reach` and `Connection.fetch` do, ConnectionLostError after `blob_attempts` of them, and
    CallTimeoutError when it comes too slowly as a whole.
    """
    taken = offset

    def take(data: bytes) -> None:
        nonlocal taken
        sink(data)
        taken += len(data)

    limit = config.blob_seconds + (size - offset) / config.blob_rate
    try:
        with trio.fail_after(limit):
            for attempt in range(1, config.blob_attempts + 1):
                connection = await reach()
                try:
                    return await connection.fetch(digest, size, take, taken)
                except ConnectionLostError:
                    if attempt == config.blob_attempts:
                        raise
    except trio.TooSlowError:
        raise CallTimeoutError(f"the blob did not come within {limit:.0f} s") from None
