"""`peernet sim`"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from peernet_cli.options import shared
from peernet_cli.terminal import Terminal

F = TypeVar("F", bound=Callable[..., Any])


@click.group("sim", no_args_is_help=False)
def command() -> None:
    """Simulate networks of thousands of peers: the product's own code on a virtual clock.

    The same seed is the same run, event for event. Scenarios are TOML files; peernet comes with some in
    simulations/scenarios.
    """


def _how(function: F) -> F:
    """Give a command the options that say how a simulation runs and where it is kept."""
    for option in reversed(
        (
            click.option(
                "--mode",
                type=click.Choice(["scale", "fidelity"]),
                default="scale",
                show_default=True,
                help="scale: the core alone, for many peers. fidelity: the whole peer but for its sockets.",
            ),
            click.option(
                "--out",
                metavar="DIR",
                type=click.Path(path_type=Path),
                help="Keep metrics, trace, pictures and what a replay needs in this new folder; "
                "where it exists, in DIR-2, DIR-3, ...",
            ),
            click.option("--wire", is_flag=True, help="Encode and decode every message (scale)."),
            click.option("--crypto", is_flag=True, help="Use real keys and signatures (scale)."),
            click.option(
                "--trace",
                type=float,
                default=0.01,
                show_default=True,
                metavar="SHARE",
                help="The share of the events that trace.jsonl keeps.",
            ),
        )
    ):
        function = option(function)
    return function


_liars = click.option(
    "--liars", type=float, default=0.0, show_default=True, metavar="SHARE", help="The share of peers that lie."
)

_liar_kind = click.option(
    "--liar-kind",
    type=click.Choice(["independent", "colluding", "sleeper", "rejoining"]),
    default="independent",
    show_default=True,
    help="How they lie: each for itself, all the same, only after they were honest for a while, or again and "
    "again under fresh keys.",
)

_policy = click.option(
    "--policy",
    default="",
    metavar="POLICY",
    help="How results are verified: confidence:P, majority:Q/R, adaptive (as BOINC) or poco (as iExec).",
)


@command.command("run")
@click.argument("scenario", metavar="SCENARIO.toml", type=click.Path(path_type=Path))
@click.option("--peers", type=int, metavar="N", help="How many peers; the scenario says by default.")
@click.option("--seed", type=int, metavar="S", help="The seed of everything random; the scenario says by default.")
@_liars
@_liar_kind
@_policy
@_how
@shared
def run_command(terminal: Terminal, scenario: Path, trace: float, out: Path | None, **given: Any) -> None:
    """Run a scenario and say what came of it.

    Exits with 1 when an invariant or what the scenario asserts broke, and names it.
    """
    from peernet_cli.sim import run
    from peernet_sim.replay import Recipe

    run(terminal, Recipe(source=str(scenario), trace_sample=trace, **given), out)


@command.command("job")
@click.argument("file", metavar="PROJECT.py[:NAME]")
@click.argument("arguments", metavar="[-- ARG...]", nargs=-1, type=click.UNPROCESSED)
@click.option("--peers", type=int, default=200, show_default=True, metavar="N", help="How many peers.")
@click.option("--seed", type=int, default=1, show_default=True, metavar="S", help="The seed of everything random.")
@_liars
@_liar_kind
@_policy
@click.option(
    "--churn",
    type=float,
    default=0.0,
    show_default=True,
    metavar="PERCENT",
    help="Per cent of the peers that leave in a minute, and are replaced.",
)
@click.option("--formed", is_flag=True, help="Begin with a network that has stood for long: nobody joins (scale).")
@_how
@shared
def job_command(
    terminal: Terminal,
    file: str,
    arguments: tuple[str, ...],
    trace: float,
    out: Path | None,
    **given: Any,
) -> None:
    """See how a project of yours would fare among many peers, some of them liars, some leaving.

    Your project's code runs in this very process, without a sandbox, as if you had started it with python: only
    simulate what you would run yourself. How long a slice takes is virtual. Exits with 1 when the job fails.
    """
    from peernet_cli.sim import bundle_of, run
    from peernet_sim.replay import Recipe

    bundle = bundle_of(file, arguments)
    run(terminal, Recipe(source=file, bundle=bundle, arguments=arguments, trace_sample=trace, **given), out)


@command.command("topology")
@click.argument("scenario", metavar="SCENARIO.toml", type=click.Path(path_type=Path))
@click.option("--peers", type=int, metavar="N", help="How many peers; the scenario says by default.")
@click.option("--seed", type=int, metavar="S", help="The seed of everything random; the scenario says by default.")
@click.option(
    "--plot",
    is_flag=False,
    flag_value="topology.png",
    metavar="[FILE]",
    type=click.Path(path_type=Path),
    help="Draw a map into FILE, topology.png by default; where it exists, into a new name.",
)
@shared
def topology_command(terminal: Terminal, scenario: Path, plot: Path | None, **given: Any) -> None:
    """Show who there is in a scenario, behind what links, and how far apart, without running it."""
    from peernet_cli.sim import topology
    from peernet_sim.replay import Recipe

    topology(terminal, Recipe(source=str(scenario), **given), plot)


@command.command("replay")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@shared
def replay_command(terminal: Terminal, folder: Path) -> None:
    """Make a run again that `--out DIR` kept, and compare the traces: exits with 1 where they differ."""
    from peernet_cli.sim import replay

    replay(terminal, folder)


@command.command("compare")
@click.argument("one", metavar="A", type=click.Path(path_type=Path))
@click.argument("other", metavar="B", type=click.Path(path_type=Path))
@shared
def compare_command(terminal: Terminal, one: Path, other: Path) -> None:
    """Show the figures of two kept runs side by side, with how many times the first the second is."""
    from peernet_cli.sim import compare

    compare(terminal, one, other)
