"""`peernet trust`"""

from __future__ import annotations

import time

import click

from peernet.wire.control import TrustReply, TrustRow
from peernet_cli.options import shared
from peernet_cli.terminal import Terminal


@click.command("trust")
@click.option("--mine/--not-mine", default=None, help="Mark the peers as my own, or take the mark back.")
@click.argument("peers", metavar="[PEERID...]", nargs=-1)
@shared
def command(terminal: Terminal, mine: bool | None, peers: tuple[str, ...]) -> None:
    """Show how far peers are trusted and why, or mark peers as my own.

    What is shown rests on the jobs submitted here alone. Results of keys marked as mine are believed after one
    execution, and they may run what only I may: only mark keys of machines that you control.
    """
    from peernet.api.home import control_client
    from peernet.errors import UsageError
    from peernet.identity.peerid import parse_peer_id
    from peernet.wire.control import Mine, Ok, Trust

    for peer in peers:
        parse_peer_id(peer)
    if mine is None:
        _show(terminal, control_client().ask(Trust(peers), TrustReply), evidence=bool(peers))
        return
    if not peers:
        raise UsageError(f"--{'mine' if mine else 'not-mine'} needs the id of a peer; `peernet peers` lists them")
    control_client().ask(Mine(peers, mine), Ok)
    if terminal.json:
        terminal.emit({"peers": list(peers), "mine": mine})
        return
    for peer in peers:
        terminal.line(f"{peer} is {'now' if mine else 'no longer'} marked as mine")


def _show(terminal: Terminal, reply: TrustReply, *, evidence: bool) -> None:
    import msgspec

    if terminal.json:
        terminal.emit(msgspec.to_builtins(reply, str_keys=True))
        return
    if not reply.rows:
        terminal.line("nothing is known of any peer yet: trust comes with the results of jobs submitted here")
    elif evidence:
        for row in reply.rows:
            for line in _evidence(row):
                terminal.line(line)
    else:
        cells = [
            [_state(row), f"{row.credibility:.4f}", str(row.passed), str(row.failed), row.peer]
            for row in reply.rows
        ]
        terminal.table(("", "credibility", "passed", "failed", "peer"), cells, frozenset({1, 2, 3}))
    terminal.line(f"newcomers: a share of {reply.liars:.0%} is taken to lie")


def _state(row: TrustRow) -> str:
    if row.mine:
        return "mine"
    return "blocked" if row.blocked else "banned" if row.banned else "trusted" if row.credibility >= 0.99 else ""


def _evidence(row: TrustRow) -> list[str]:
    """Return why a peer is trusted or not, in sentences."""
    lines = [f"{row.peer}: {_state(row) or 'not proven yet'}"]
    if row.mine:
        return [*lines, "  its key is one of your own: one result of it is believed"]
    lines.append(
        f"  its next result is taken to be right with a probability of {row.credibility:.4f}"
        f"{', where it has proven itself best' if len(row.functions) > 1 else ''}"
    )
    lines.append(f"  repeated with the same outcome: {row.passed} of its results; with another: {row.failed}")
    for proof in row.functions:
        by = "a trusted peer among others" if proof.sure else _count(len(proof.vouchers), "other peer")
        lines.append(
            f"  in {proof.name} it has passed {proof.checks:.1f} checks (older ones count for less), by {by}: "
            f"credibility {proof.credibility:.4f}"
        )
    if row.blocked:
        lines.append("  you have blocked it; `peernet unblock` takes that back")
    elif row.banned:
        lines.append("  it gets no work and its results count for nothing until its strikes have faded")
    for mark in row.marks:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(mark.when))
        lines.append(f"  {when}, job {mark.job[:10]}: {mark.reason}")
    for job in row.retracted:
        slices = _count(job.slices, "accepted slice")
        lines.append(f"  without it {slices} of job {job.job[:10]} ({job.name}) are retracted; submit it again")
    return lines


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
