"""`peernet version`"""

from __future__ import annotations

import platform

import click

from peernet import __version__
from peernet_cli.options import shared
from peernet_cli.terminal import Terminal


@click.command("version")
@shared
def command(terminal: Terminal) -> None:
    """Print the version of peernet, and with -v those of Python and the system."""
    python, system = platform.python_version(), f"{platform.system()} {platform.machine()}"
    if terminal.json:
        terminal.emit({"version": __version__, "python": python, "platform": system})
        return
    terminal.line(f"peernet {__version__}" + (f" (Python {python}, {system})" if terminal.verbose else ""))
