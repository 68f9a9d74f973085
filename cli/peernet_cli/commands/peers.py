"""`peernet peers`"""

from __future__ import annotations

import click

from peernet.wire.control import PeerRow
from peernet_cli.options import shared
from peernet_cli.terminal import Terminal

_HEADERS = ("peer", "", "rtt", "cores", "memory", "free", "load", "speed", "python", "platform", "tier", "address")
_NUMBERS = frozenset({2, 3, 4, 5, 6, 7})


@click.command("peers")
@shared
def command(terminal: Terminal) -> None:
    """List the peers that this one knows: the first is itself. The address can be given to `peernet join`."""
    import msgspec

    from peernet.api.home import control_client
    from peernet.wire.control import ListPeers, PeersReply

    reply = control_client().ask(ListPeers(), PeersReply)
    if terminal.json:
        rows = [msgspec.to_builtins(row, str_keys=True) for row in reply.peers]
        terminal.emit({"peers": rows, "refused": reply.refused})
        return
    terminal.table(_HEADERS, [_cells(row) for row in reply.peers], _NUMBERS)
    if reply.refused:
        counts = ", ".join(f"{kind} {count}" for kind, count in sorted(reply.refused.items()))
        terminal.line(f"refused: {counts}")


def _cells(row: PeerRow) -> list[str]:
    marks = ["this one"] if row.me else ["mine"] if row.mine else []
    if not row.connected:
        marks.append("not connected")
    if row.serves == "mine":
        marks.append("serves its own")
    if row.paused:
        marks.append(f"paused: {row.paused}")
    return [
        f"{row.peer[:4]}…{row.peer[-6:]}",
        ", ".join(marks),
        "" if row.rtt is None else f"{1000 * row.rtt:.1f} ms",
        _text(row.cores),
        "" if row.memory is None else f"{row.memory / 2**30:.1f} GiB",
        "" if row.slots is None else f"{row.free}/{row.slots}",
        "" if row.load is None else f"{row.load:.2f}",
        "" if row.speed is None else f"{row.speed:.2f}",
        _text(row.python),
        _text(row.platform),
        _text(row.tier),
        row.addresses[0] if row.addresses else row.peer,
    ]


def _text(value: object) -> str:
    return "" if value is None else str(value)
