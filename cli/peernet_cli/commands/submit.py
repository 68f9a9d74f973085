"""`peernet submit`"""

from __future__ import annotations

from pathlib import Path

import click

from peernet_cli.options import output_option, shared
from peernet_cli.terminal import Terminal


@click.command("submit")
@click.argument("file", metavar="FILE.py[:NAME]")
@click.argument("arguments", metavar="[-- ARG...]", nargs=-1, type=click.UNPROCESSED)
@output_option
@click.option("--local", type=int, metavar="N", help="Start N worker peers on this machine for the job.")
@click.option("--no-local", is_flag=True, help="Never start a local swarm: where no peer runs, exit with 3.")
@click.option(
    "--confidence", type=float, metavar="P", help="How probable each result has to be right, such as 0.99."
)
@click.option("--replicas", type=int, metavar="R", help="Executions of each slice, by distinct peers.")
@click.option("--quorum", type=int, metavar="Q", help="Equal executions that accept a slice.")
@click.option(
    "--on-error",
    type=click.Choice(["fail", "skip", "retry"]),
    help="After a call that raises: end the job, put a FailedCall in its place, or run the slice again elsewhere.",
)
@click.option("--slice-size", type=int, metavar="S", help="Calls in a slice.")
@click.option(
    "--memory", metavar="SIZE", help="Memory of a slice, such as 512MiB; peers that lend less are left out."
)
@click.option("--time", "--timeout", "timeout", type=float, metavar="SECONDS", help="How long one slice may run.")
@click.option("--scratch", metavar="SIZE", help="What a slice may write to its working folder, such as 1GiB.")
@click.option(
    "--numeric",
    metavar="CLASS",
    help="Run only where floating point comes out alike to the last bit: 'same' as here, or a class as `peernet "
    "doctor` shows it, or 'any'.",
)
@click.option(
    "--require-sandbox", type=click.Choice(["A", "B"]), help="Run only where the sandbox is at least of this tier."
)
@click.option("--sandbox-tier", type=click.Choice(["A", "B", "C"]), help="The tier of the local swarm's workers.")
@click.option("--name", metavar="TEXT", help="A name for the job; the function's by default.")
@click.option("--patience", type=float, default=10.0, metavar="SECONDS", help="How long to wait for enough peers.")
@click.option("--dry-run", is_flag=True, help="List what would travel and what it needs; send and run nothing.")
@click.option("--detach", is_flag=True, help="Print the job's id and leave it running in the peer.")
@shared
def command(
    terminal: Terminal, file: str, arguments: tuple[str, ...], output: Path | None, **given: object
) -> None:
    """Run a project on the peers of the group and wait for its results.

    FILE.py declares the project with @peernet.parallel; NAME is needed where it declares several. Arguments after
    `--` reach the project as sys.argv. Where no peer runs, a local swarm is started for the job.

    Ctrl-C asks the job to stop; a second one leaves at once.
    """
    from peernet_cli.submission import Choices, run

    run(terminal, Choices(file=file, arguments=arguments, output=output, **given))  # type: ignore[arg-type]
