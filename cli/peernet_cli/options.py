"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from peernet_cli.terminal import Terminal

F = TypeVar("F", bound=Callable[..., Any])


def shared(function: F) -> F:
    """Give a command `--json` and `-v`, and pass it the terminal as its first argument."""

    def set_json(context: click.Context, _: click.Parameter, wanted: bool) -> None:
        terminal: Terminal = context.obj
        terminal.json = terminal.json or wanted

    def set_verbose(context: click.Context, _: click.Parameter, wanted: bool) -> None:
        terminal: Terminal = context.obj
        terminal.verbose = terminal.verbose or wanted

    function = click.option(
        "-v", "--verbose", is_flag=True, expose_value=False, callback=set_verbose, help="Say more."
    )(function)
    function = click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=set_json,
        help="Write JSON lines, and nothing else, to standard output.",
    )(function)
    return click.pass_obj(function)  # type: ignore[return-value]


output_option = click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write results.json, stats.json and what `peernet verify` needs to this new folder; where it exists, to "
    "DIR-2, DIR-3, ...",
)
"""Where results go. An existing folder is never touched."""
