"""A peer as a process of its own, for local swarms: `python -m peernet.runtime.main OPTIONS`, OPTIONS being JSON.

It prints one line of JSON when it is ready, and ends when its standard input is closed: the pipe that only the
process that started it holds, so that the peer never outlives it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import trio

from peernet.core.effects import Note
from peernet.errors import PeernetError
from peernet.runtime.groups import unwrapped
from peernet.runtime.node import Node, open_node
from peernet.runtime.options import PeerOptions
from peernet.sandbox import Executor


async def run_until_told(
    options: PeerOptions,
    ready: Callable[[Node], None],
    on_note: Callable[[Note], None] | None = None,
    *,
    watch_stdin: bool = False,
    executor: Executor | None = None,
) -> None:
    """Run a peer until SIGTERM or SIGINT, or with `watch_stdin` until standard input ends. Leaves cleanly.

    ready: called once the peer can be reached. on_note, executor: see `open_node`. Raises as `open_node` does.
    """
    with unwrapped(), trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_on_signal, signals, nursery.cancel_scope)
            if watch_stdin:
                nursery.start_soon(_cancel_on_end, nursery.cancel_scope)
            async with open_node(options, on_note, executor) as node:
                ready(node)
                await trio.sleep_forever()


async def _cancel_on_signal(signals: object, scope: trio.CancelScope) -> None:
    async for _ in signals:  # type: ignore[attr-defined]
        scope.cancel()
        return


async def _cancel_on_end(scope: trio.CancelScope) -> None:
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stdin:
        while await stdin.receive_some(1024):
            pass
    scope.cancel()


def main(argv: list[str]) -> int:
    """Run one peer of a local swarm; return the exit code."""
    given = json.loads(argv[1])
    options = PeerOptions(**(given | {"home": Path(given["home"]), "mine": tuple(given.get("mine", ()))}))

    def ready(node: Node) -> None:
        said = {"peer": node.text_id, "address": node.addresses[0], "tier": node.findings.tier}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()

    def tell(note: Note) -> None:
        if note.topic in ("warning", "retracted"):
            sys.stderr.write(f"warning: {note.text}\n")

    try:
        trio.run(lambda: run_until_told(options, ready, tell, watch_stdin=True))
    except PeernetError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
