"""Blocking work for those who call from an event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

import sniffio

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Run blocking work in a thread of whichever event loop is running."""
    if sniffio.current_async_library() == "trio":
        import trio

        return await trio.to_thread.run_sync(work, abandon_on_cancel=True)
    import asyncio

    return await cast(Awaitable[T], asyncio.to_thread(work))
