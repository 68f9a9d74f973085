"""`peernet unblock`"""

from __future__ import annotations

import click

from peernet_cli.blocking import set_blocked
from peernet_cli.options import shared
from peernet_cli.terminal import Terminal


@click.command("unblock")
@click.argument("peers", metavar="PEERID...", nargs=-1, required=True)
@shared
def command(terminal: Terminal, peers: tuple[str, ...]) -> None:
    """Let blocked or banned peers work again, as newcomers: their strikes are forgiven."""
    set_blocked(terminal, peers, blocked=False)
