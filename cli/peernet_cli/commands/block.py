"""`peernet block`"""

from __future__ import annotations

import click

from peernet_cli.blocking import set_blocked
from peernet_cli.options import shared
from peernet_cli.terminal import Terminal


@click.command("block")
@click.argument("peers", metavar="PEERID...", nargs=-1, required=True)
@shared
def command(terminal: Terminal, peers: tuple[str, ...]) -> None:
    """Take no results of these peers any more, and give them no work."""
    set_blocked(terminal, peers, blocked=True)
