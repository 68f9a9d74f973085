"""`peernet join`"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Literal

import click

from peernet_cli.options import shared
from peernet_cli.terminal import Terminal

if TYPE_CHECKING:
    from peernet.core.effects import Note
    from peernet.runtime.node import Node


@click.command("join")
@click.argument("addresses", metavar="[ADDRESS...]", nargs=-1)
@click.option("--host", default="0.0.0.0", show_default=True, help="The address to listen on.")
@click.option("--port", type=int, default=0, help="The port to listen on; the system chooses one by default.")
@click.option(
    "--nprocs", type=int, metavar="N", help="Slices run at once; one for each core by default, 0 for none."
)
@click.option(
    "--tasks", type=int, metavar="K", help="Take at most K slices in all, then stay without taking work."
)
@click.option(
    "--serve", type=click.Choice(["anyone", "mine"]), default="anyone", help="Whose projects run here: [anyone]"
)
@click.option("--memory", metavar="SIZE", help="The most memory that a slice may use here, such as 2GiB.")
@click.option("--time", type=float, metavar="SECONDS", help="The longest that a slice may run here.")
@click.option("--scratch", metavar="SIZE", help="The most that a slice may write here, such as 1GiB.")
@click.option(
    "--sandbox-tier",
    type=click.Choice(["A", "B", "C"]),
    help="The sandbox to run slices in; by default the best that works. C protects from nothing, and runs the "
    "code of your own keys only.",
)
@click.option(
    "--require-sandbox", type=click.Choice(["A", "B"]), help="Execute nothing where no sandbox of this tier works."
)
@click.option(
    "--build-environments",
    type=click.Choice(["mine", "anyone", "none"]),
    default="mine",
    help="Whose projects get packages built that this machine lacks, from wheels of its own index. [mine]",
)
@click.option("--index-url", default="", metavar="URL", help="That index; what pip is configured for by default.")
@shared
def command(
    terminal: Terminal,
    addresses: tuple[str, ...],
    host: str,
    port: int,
    nprocs: int | None,
    tasks: int | None,
    serve: Literal["anyone", "mine"],
    memory: str | None,
    time: float | None,
    scratch: str | None,
    sandbox_tier: Literal["A", "B", "C"] | None,
    require_sandbox: Literal["A", "B"] | None,
    build_environments: Literal["mine", "anyone", "none"],
    index_url: str,
) -> None:
    """Run a peer here until Ctrl-C or SIGTERM: join the network of the peers at ADDRESS, or begin a new one.

    ADDRESS is what another `peernet join` printed, such as /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW... When the peer
    is ready it prints its own in one line. Without an ADDRESS it returns to the peers it met before.
    """
    from peernet.errors import UsageError
    from peernet.identity.multiaddr import Multiaddr
    from peernet.project import make_options

    for address in addresses:
        Multiaddr.parse(address)
    if not 0 <= port <= 65535:
        raise UsageError(f"--port {port}: ports go from 0 to 65535")
    if nprocs is not None and nprocs < 0:
        raise UsageError(f"--nprocs {nprocs}: it must be 0 or more")
    if tasks is not None and tasks < 1:
        raise UsageError(f"--tasks {tasks}: it must be 1 or more; --nprocs 0 takes none")
    lent = make_options(memory=memory, timeout=time, scratch=scratch)

    import trio

    from peernet.api.home import open_home
    from peernet.config import Config
    from peernet.config.lending import LendConfig
    from peernet.runtime.machine import usable_cores
    from peernet.runtime.main import run_until_told
    from peernet.runtime.options import PeerOptions
    from peernet_cli.notes import Notes

    options = PeerOptions(
        home=open_home().root,
        host=host,
        port=port,
        join=addresses,
        slots=usable_cores() if nprocs is None else nprocs,
        max_slices=tasks,
        serves=serve,
        sandbox_tier=sandbox_tier,
        require_sandbox=require_sandbox,
        config=Config(lend=LendConfig(lent.memory, lent.timeout, lent.scratch, build_environments)),
        index_url=index_url,
    )
    notes = Notes(terminal.note, monotonic)

    def ready(node: Node) -> None:
        if terminal.json:
            terminal.emit({"peer": node.text_id, "addresses": list(node.addresses)})
        else:
            terminal.line(node.addresses[0])

    def tell(note: Note) -> None:
        text = _text_of(note, terminal.verbose)
        if text:
            notes.tell(text)

    trio.run(run_until_told, options, ready, tell)


def _text_of(note: Note, verbose: bool) -> str:
    """Return a note as a line, or nothing for one that people need not see."""
    from peernet.identity.peerid import short_peer_id

    if not note.text or (note.topic in ("peers", "work") and not verbose):
        return ""
    if note.topic == "retracted":
        return f"warning: {note.text}"
    source = f" (from {short_peer_id(note.peer)})" if note.peer is not None else ""
    return f"{note.topic}: {note.text}{source}"
