"""`peernet trust`"""

from __future__ import annotations

import click

from peernet_cli.options import shared
from peernet_cli.terminal import Terminal


@click.command("trust")
@click.option("--mine/--not-mine", required=True, help="Mark the peers as my own, or take the mark back.")
@click.argument("peers", metavar="PEERID...", nargs=-1, required=True)
@shared
def command(terminal: Terminal, mine: bool, peers: tuple[str, ...]) -> None:
    """Mark peers as my own: their results are believed after one execution, and they may run what only I may.

    Only mark keys of machines that you control.
    """
    from peernet.api.home import control_client
    from peernet.identity.peerid import parse_peer_id
    from peernet.wire.control import Mine, Ok

    for peer in peers:
        parse_peer_id(peer)
    control_client().ask(Mine(peers, mine), Ok)
    if terminal.json:
        terminal.emit({"peers": list(peers), "mine": mine})
        return
    for peer in peers:
        terminal.line(f"{peer} is {'now' if mine else 'no longer'} marked as mine")
