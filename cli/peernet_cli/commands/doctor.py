"""`peernet doctor`"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from peernet_cli.options import shared
from peernet_cli.terminal import Terminal

if TYPE_CHECKING:
    from peernet.api.doctor import Check


@click.command("doctor")
@shared
def command(terminal: Terminal) -> int:
    """Examine this machine: can it submit and execute, and what is to be done where it can't?

    The sandbox is tried with a real attack. Exit code 0: all is well enough to work; 1: there are faults, each
    told with its remedy.
    """
    from peernet.api.doctor import diagnose
    from peernet.storage.home import Home

    diagnosis = diagnose(Home.default_path(os.environ))
    if terminal.json:
        terminal.emit(diagnosis.as_json())
    else:
        for check in diagnosis.checks:
            _show(terminal, check)
        terminal.line("this machine can submit and execute" if diagnosis.ok else "there are faults: see above")
    return 0 if diagnosis.ok else 1


def _show(terminal: Terminal, check: Check) -> None:
    state = "ok"
    if check.problems:
        state = "FAULT" if any(problem.fatal for problem in check.problems) else "note"
    terminal.line(f"{check.name:<9} {state:<6} {_summary(check)}")
    for finding in check.facts.get("findings", ()):
        terminal.line(f"{'':<17}{finding}")
    for problem in check.problems:
        terminal.line(f"{'':<17}{problem.text}")
        terminal.line(f"{'':<17}-> {problem.remedy}")


def _summary(check: Check) -> str:
    known = ((name, value) for name, value in check.facts.items() if name != "findings")
    texts = [f"{name.replace('_', ' ')} {_text(name, value)}" for name, value in known if value is not None]
    return ", ".join(texts) or "not known, as no peer runs"


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in ("free", "needed", "blob_bytes", "blob_quota"):
        return f"{value / 2**20:,.0f} MiB"
    if name in ("behind", "tolerated", "uptime"):
        return f"{value:.1f} s"
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return str(value)
