"""The command's entry: finds the command, and turns however it ends into a line and an exit code.

Exit codes: 0 done; 1 the job failed, or the disk or a peer did; 2 wrong usage or a broken project; 3 no peer could
be reached, or there are too few; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from peernet.errors import PeernetError, UsageError
from peernet_cli.terminal import Terminal, one_line

INTERRUPTED = 130
_BROKEN_PIPE = 141
"""What shells say of a program that SIGPIPE ended: whoever read its output has left."""

_COMMANDS = {
    "id": "Print this peer's id; its key is made on first use.",
    "join": "Run a peer: join a network, or begin one.",
    "peers": "List the peers that are known, with what they offer.",
    "submit": "Run a project on the peers of the group.",
    "jobs": "List the jobs that were submitted from here.",
    "show": "Show one job with all its numbers.",
    "results": "Get the results of a job, as often as you like.",
    "verify": "Check results against what the workers have signed.",
    "stop": "Stop a job.",
    "trust": "Show how far peers are trusted and why, or mark some as my own.",
    "block": "Take no results of a peer, and give it no work.",
    "unblock": "Let a blocked or banned peer work again.",
    "doctor": "Examine this machine: what works, and what is to be done.",
    "sim": "Simulate networks of thousands of peers.",
    "version": "Print the version.",
}
"""The commands and what they do. A module of the same name in `commands` has the function `command`."""


class Commands(click.Group):
    """Loads a command when it is called, so that a short one does not wait for the packages of a long one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"peernet_cli.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> NoReturn:
        """Run the command line and exit with its code. Errors are one plain line on standard error."""
        arguments = list(sys.argv[1:] if args is None else args)
        terminal = Terminal.standard(json="--json" in _own(arguments))
        code = self._run(arguments, terminal)
        try:
            terminal.stdout.flush()
        except OSError:
            # Told already, or there is nobody to tell. Python would try again at its end and complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            code = code or 1
        sys.exit(code)

    def _run(self, arguments: list[str], terminal: Terminal) -> int:
        try:
            code = super().main(arguments, prog_name="peernet", standalone_mode=False, obj=terminal)
            return code if isinstance(code, int) else 0
        except click.ClickException as error:
            terminal.error(UsageError(_with_remedy(error)))
            return UsageError.exit_code
        except PeernetError as error:
            terminal.error(error)
            return error.exit_code
        except (click.Abort, KeyboardInterrupt):
            terminal.note("interrupted")
            return INTERRUPTED
        except BrokenPipeError:
            return _BROKEN_PIPE
        except OSError as error:
            what = f"{error.filename}" if error.filename else "the output can't be written"
            return _tell_os_error(terminal, PeernetError(f"{what}: {error.strerror or error}"))
        except Exception as error:  # noqa: BLE001 - the last border: a fault of peernet is one line too
            leaf = _only_leaf(error)
            kind = type(leaf).__name__
            terminal.error(PeernetError(f"{kind}: {leaf}; this is a fault in peernet, `peernet -v` shows where"))
            if terminal.verbose:
                terminal.note(traceback.format_exc().rstrip())
            return PeernetError.exit_code


def _tell_os_error(terminal: Terminal, error: PeernetError) -> int:
    """Tell an error that may be one of standard output, so that no JSON line can be written there."""
    terminal.json = False
    terminal.error(error)
    return error.exit_code


def _only_leaf(error: BaseException) -> BaseException:
    """Return what a nursery has wrapped, where that is one error."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _own(arguments: list[str]) -> list[str]:
    """Return the arguments that are peernet's: those after `--` are the project's."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _with_remedy(error: click.ClickException) -> str:
    """Return click's message as one line that ends with where to look."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "peernet"
    text = one_line(error.format_message()).rstrip(".")
    return f"{text[:1].lower()}{text[1:]}; see `{path} --help`"


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from peernet import __version__

        context.obj.line(f"peernet {__version__}")
        context.exit()


@click.group(
    cls=Commands,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("-v", "--verbose", is_flag=True, help="Say more; show where in peernet an error was raised.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version.",
)
@click.pass_obj
def main(terminal: Terminal, verbose: bool) -> None:
    """Run Python programs in parallel on the computers of a group, with no server anywhere.

    PEERNET_HOME moves all state of a peer: its key, jobs and results.
    """
    terminal.verbose = verbose
