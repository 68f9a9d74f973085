"""`peernet id`"""

from __future__ import annotations

import secrets

import click

from peernet.errors import NoPeerRunningError
from peernet_cli.options import shared
from peernet_cli.terminal import Terminal


@click.command("id")
@shared
def command(terminal: Terminal) -> None:
    """Print this peer's id, whether it runs or not. Its key is made on first use, in PEERNET_HOME."""
    from peernet.api.home import open_home
    from peernet.identity.keys import KeyPair
    from peernet.identity.peerid import format_peer_id
    from peernet.storage.keyfile import load_or_create_key

    home = open_home()
    key = KeyPair.from_seed(load_or_create_key(home.key_file, secrets.token_bytes))
    peer = format_peer_id(key.peer_id)
    if not terminal.json:
        terminal.line(peer)
        return
    from peernet.api.client import ControlClient
    from peernet.wire.control import Status, StatusReply

    try:
        status = ControlClient(home.control_socket).ask(Status(), StatusReply)
        running: dict[str, object] = {"running": True, "addresses": list(status.addresses)}
    except NoPeerRunningError:
        running = {"running": False, "addresses": []}
    terminal.emit({"peer": peer, "home": str(home.root)} | running)
