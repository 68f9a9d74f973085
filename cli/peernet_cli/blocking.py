"""Shutting peers out by the user's word, and taking that back."""

from __future__ import annotations

from peernet_cli.terminal import Terminal


def set_blocked(terminal: Terminal, peers: tuple[str, ...], *, blocked: bool) -> None:
    """Tell the running peer, and the user. Raises what the client raises, and UsageError for what is no id."""
    from peernet.api.home import control_client
    from peernet.identity.peerid import parse_peer_id
    from peernet.wire.control import Block, Ok

    for peer in peers:
        parse_peer_id(peer)
    control_client().ask(Block(peers, blocked), Ok)
    if terminal.json:
        terminal.emit({"peers": list(peers), "blocked": blocked})
        return
    for peer in peers:
        terminal.line(f"{peer} is {'blocked' if blocked else 'no longer blocked'}")
    if blocked:
        terminal.note("what rested on it alone is computed again, or retracted in ended jobs: see `peernet jobs`")
