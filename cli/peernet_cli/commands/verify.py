"""`peernet verify`"""

from __future__ import annotations

from pathlib import Path

import click

from peernet_cli.options import shared
from peernet_cli.terminal import Terminal


@click.command("verify")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@shared
def command(terminal: Terminal, folder: Path) -> int:
    """Check the results in DIR against what the workers have signed: offline, at any time.

    DIR is what `peernet results JOB -o DIR` or `peernet submit -o DIR` has written. Each fault is a line that
    names the slice and the peer; the exit code is 1 then. With --json each fault is a JSON line, and the last
    one sums up.
    """
    from peernet_cli.stats import counted
    from peernet_cli.verifying import verify_folder

    report = verify_folder(folder)
    for fault in report.faults:
        if terminal.json:
            terminal.emit({"fault": fault.text, "slice": fault.slice, "peer": fault.peer})
            continue
        place = [] if fault.slice is None else [f"slice {fault.slice}"]
        place += [] if fault.peer is None else [f"peer {fault.peer}"]
        terminal.line(": ".join([*place, fault.text]))
    checked = f"{counted(report.slices, 'slice')}, {counted(report.batches, 'signature')} of"
    if terminal.json:
        terminal.emit(
            {
                "verified": not report.faults,
                "job": report.job,
                "policy": report.policy,
                "slices": report.slices,
                "batches": report.batches,
                "equal": report.equal,
                "peers": list(report.peers),
                "faults": len(report.faults),
            }
        )
    elif report.faults:
        terminal.line(f"NOT verified: {counted(len(report.faults), 'fault')} in {folder}")
    else:
        terminal.line(f"verified: {checked} {counted(len(report.peers), 'peer')}, {report.policy}")
        if report.equal:
            terminal.line(
                f"{counted(report.equal, 'result')} agreed by the project's own comparison, not to the byte"
            )
    return 1 if report.faults else 0
