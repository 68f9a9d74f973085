"""`Peer`: a peer inside a trio program."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from peernet.api.home import open_home, refuse_in_box
from peernet.api.jobs import Job
from peernet.api.submitting import submit_async
from peernet.config import Config
from peernet.config.lending import LendConfig
from peernet.project import Project, make_options
from peernet.runtime.machine import usable_cores
from peernet.runtime.node import Node, open_node
from peernet.runtime.options import PeerOptions


class Peer:
    """A peer that lives as long as the `async with` block, in a trio program.

    Use it to be part of a network from Python; to submit only, `Project.submit` needs no peer of its own.

    Args:
        home: the folder of its state; the user's own by default.
        host, port: where it listens; port 0 lets the system choose.
        join: multiaddrs of peers to join through; one that answers is enough.
        slots: slices run at once; by default one for each core. 0 only submits.
        serves: whose code it runs: "anyone", or "mine" for keys marked as one's own.
        sandbox_tier: the tier to run slices in, instead of the best that works.
        require_sandbox: execute nothing in a tier below this one.
        memory, scratch: the most that a slice may use here, in bytes or as a text such as "2GiB"; timeout: in
            seconds. By default a slot's share of the free memory, 1 GiB, and a day.

    Raises, when entered:
        UsageError: the home, key, port or an address can't be used.
        UnreachableError, WrongPeerError: `join` did not work.
    """

    def __init__(
        self,
        *,
        home: Path | str | None = None,
        host: str = "0.0.0.0",
        port: int = 0,
        join: tuple[str, ...] = (),
        slots: int | None = None,
        serves: Literal["anyone", "mine"] = "anyone",
        sandbox_tier: Literal["A", "B", "C"] | None = None,
        require_sandbox: Literal["A", "B"] | None = None,
        memory: int | str | None = None,
        timeout: float | None = None,
        scratch: int | str | None = None,
    ) -> None:
        refuse_in_box()
        lent = make_options(memory=memory, timeout=timeout, scratch=scratch)
        self._options = PeerOptions(
            home=open_home(home).root,
            host=host,
            port=port,
            join=join,
            slots=usable_cores() if slots is None else slots,
            serves=serves,
            sandbox_tier=sandbox_tier,
            require_sandbox=require_sandbox,
            config=Config(lend=LendConfig(lent.memory, lent.timeout, lent.scratch)),
        )
        self._stack = AsyncExitStack()
        self._node: Node | None = None

    async def __aenter__(self) -> Self:
        self._node = await self._stack.enter_async_context(open_node(self._options))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._node = None
        return await self._stack.__aexit__(kind, error, trace)

    @property
    def id(self) -> str:
        """The peer id in libp2p's text form."""
        return self._running().text_id

    @property
    def addresses(self) -> tuple[str, ...]:
        """Full multiaddrs where this peer can be reached."""
        return self._running().addresses

    async def join(self, *addresses: str) -> None:
        """Join the network through these multiaddrs. Raises as entering does."""
        await self._running().join(addresses)

    async def submit(self, project: Project[Any, Any], **options: Any) -> Job:
        """Submit a project through this peer. Options and errors are those of `peernet.api.submit`."""
        self._running()
        return await submit_async(project, home=self._options.home, **options)

    def _running(self) -> Node:
        if self._node is None:
            raise RuntimeError("the peer does not run: use it inside `async with`")
        return self._node
