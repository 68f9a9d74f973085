"""Simulations from the command line: run one, keep it, make it again, compare two. See `commands.sim`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from peernet.errors import StorageError, UsageError
from peernet.project import collect
from peernet_cli.folders import check_new_folder, new_file, new_folder, why
from peernet_cli.progress import FIRST_SECONDS, LINE_SECONDS
from peernet_cli.submission import split_target
from peernet_cli.terminal import Terminal
from peernet_sim import compare as comparing
from peernet_sim import maps, pictures, report
from peernet_sim.model import Plan, Report
from peernet_sim.replay import (
    TRACE_FILE,
    Recipe,
    check_same,
    command_of,
    compile_recipe,
    perform,
    read_recipe,
    write_recipe,
)

Tick = Callable[[float], None]

CELL = 16
"""Characters of a text in a comparison, such as a digest: differences show in as many."""


def run(terminal: Terminal, recipe: Recipe, out: Path | None) -> None:
    """Run a scenario or a project's job, keep it if asked to, and tell what came of it.

    Raises:
        UsageError: the scenario or an option is wrong.
        BrokenRunError: an invariant broke, or what the scenario asserts.
        JobError: the project's job failed, or was not done when the simulation ended.
        StorageError: the disk refused; nothing is left behind.
    """
    if not 0 <= recipe.trace_sample <= 1:
        raise UsageError(f"--trace {recipe.trace_sample:g}: a share is between 0 and 1")
    check_new_folder(out, "--out", "the simulation")
    plan = compile_recipe(recipe)
    if out is None:
        _tell(terminal, recipe, plan, _watched(terminal, recipe, plan, None), None)
        return
    try:
        with new_folder(out) as folder:
            with new_file(folder.path / TRACE_FILE) as trace:
                found = _watched(terminal, recipe, plan, trace)
            _keep(terminal, recipe, plan, found, folder.path)
            where = folder.publish()
    except OSError as error:
        raise StorageError(f"the simulation can't be kept in {out}: {why(error)}") from error
    _tell(terminal, recipe, plan, found, where)


def bundle_of(file: str, arguments: tuple[str, ...]) -> bytes:
    """Collect a project as `peernet submit` does.

    Raises:
        UsageError: its source can't be used.
    """
    path, name = split_target(file)
    return collect(path, name, arguments).encode()


def topology(terminal: Terminal, recipe: Recipe, plot: Path | None) -> None:
    """Describe the peers of a scenario, and draw where they are if asked to."""
    check_new_folder(plot, "--plot", "the picture")
    plan = compile_recipe(recipe)
    drawn = None if plot is None else _draw(plan, plot)
    told = maps.describe(plan)
    if terminal.json:
        head = {"scenario": plan.name, "seed": plan.seed, "plot": None if drawn is None else str(drawn)}
        terminal.emit(head | told)
        return
    terminal.line(f"{plan.name}: {plan.about}")
    terminal.table(("topology", ""), maps.rows(told))
    if drawn is not None:
        terminal.line(f"map: {drawn}")


def replay(terminal: Terminal, folder: Path) -> None:
    """Make a kept run again.

    Raises:
        UsageError: the folder holds none.
        OtherTraceError: it went another way.
    """
    recorded = read_recipe(folder)
    plan = compile_recipe(recorded.recipe)
    found = _watched(terminal, recorded.recipe, plan, None)
    digest = found.metrics["trace_digest"]
    same = digest == recorded.digest
    if terminal.json:
        told = {"event": "replayed", "same": same, "recorded_digest": recorded.digest}
        terminal.emit(told | report.document(plan, found))
    for line in report.stories(found):
        terminal.note(line)
    check_same(recorded, digest)
    if not terminal.json:
        broken = [violation.name for violation in found.violations] + found.failed_expectations
        again = f"; it broke again: {', '.join(broken)}" if broken else ""
        terminal.line(f"the same trace: {digest}{again}")


def compare(terminal: Terminal, one: Path, other: Path) -> None:
    """Show two kept runs side by side."""
    compared = comparing.compare(comparing.read_metrics(one), comparing.read_metrics(other))
    if terminal.json:
        figures = {row.name: {"a": row.one, "b": row.other, "ratio": row.ratio} for row in compared}
        terminal.emit({"a": str(one), "b": str(other), "figures": figures})
        return
    cells = [
        (row.name, _cell(row.one), _cell(row.other), "" if row.ratio is None else f"{row.ratio:.3f}")
        for row in compared
    ]
    terminal.table(("figure", str(one), str(other), "ratio"), cells, frozenset({1, 2, 3}))


def _keep(terminal: Terminal, recipe: Recipe, plan: Plan, found: Report, folder: Path) -> None:
    report.write_metrics(report.document(plan, found), folder)
    write_recipe(recipe, plan, found.metrics["trace_digest"], folder)
    try:
        pictures.draw_all(plan, found, folder)
    except UsageError as error:  # the optional packages are not there: the figures are all the same
        terminal.note(f"no pictures: {error}")


def _tell(terminal: Terminal, recipe: Recipe, plan: Plan, found: Report, where: Path | None) -> None:
    """Say what came of a run, and raise BrokenRunError if something broke."""
    metrics = report.document(plan, found)
    if terminal.json:
        if recipe.kind == "job":
            for job in metrics["jobs"]:
                terminal.emit({"event": "job", "name": recipe.source} | job)
        terminal.emit({"event": "done", "output": None if where is None else str(where)} | metrics)
    else:
        terminal.line(f"{plan.name}: {plan.about}")
        terminal.table(("figure", ""), report.rows(metrics))
        if where is not None:
            terminal.line(f"simulation: {where}")
    for line in report.stories(found):
        terminal.note(line)
    again = command_of(recipe, plan) if where is None else f"peernet sim replay {where}"
    report.check_whole(found, again)
    if recipe.kind == "job":
        report.check_jobs(metrics)


def _draw(plan: Plan, plot: Path) -> Path:
    """Draw the map beside its name first, then give it the first name that is free."""
    try:
        plot.absolute().parent.mkdir(parents=True, exist_ok=True)
        number, target = 1, plot
        while True:
            try:
                target.open("xb").close()
                break
            except FileExistsError:
                number += 1
                target = plot.with_name(f"{plot.stem}-{number}{plot.suffix}")
        try:
            pictures.draw_map(plan, target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(f"the map can't be written to {plot}: {why(error)}") from error
    return target


def _watched(terminal: Terminal, recipe: Recipe, plan: Plan, trace: TextIO | None) -> Report:
    """Run a plan and show how far it has come. trace: where the events are written.

    What a project prints goes to standard error: its code runs in this process.
    """

    def write(line: str) -> None:
        assert trace is not None
        trace.write(line + "\n")

    with _progress(terminal, plan.seconds) as tick, redirect_stdout(terminal.stderr):
        options = replace(recipe.options, progress=tick, trace=None if trace is None else write)
        return perform(plan, options)


@contextmanager
def _progress(terminal: Terminal, seconds: float, clock: Callable[[], float] = time.monotonic) -> Iterator[Tick]:
    if terminal.json:
        told = {"event": "progress", "of": seconds}
        yield _now_and_then(
            lambda virtual: terminal.emit(told | {"virtual_seconds": virtual}), LINE_SECONDS, clock
        )
    elif terminal.stderr.isatty():
        with _bar(terminal, seconds) as bar:
            yield bar
    else:
        yield _now_and_then(
            lambda virtual: terminal.note(f"simulated {virtual:,.1f} of {seconds:,.0f} s"), LINE_SECONDS, clock
        )


def _now_and_then(tell: Tick, every: float, clock: Callable[[], float]) -> Tick:
    """Return a function that tells at most every so many real seconds, and nothing of a short run."""
    due = clock() + FIRST_SECONDS

    def tick(virtual: float) -> None:
        nonlocal due
        if clock() >= due:
            due = clock() + every
            tell(virtual)

    return tick


@contextmanager
def _bar(terminal: Terminal, seconds: float) -> Iterator[Tick]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns: tuple[Any, ...] = (
        BarColumn(bar_width=24),
        TextColumn("simulated {task.completed:,.1f} of {task.total:,.0f} s"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(file=terminal.stderr), transient=True) as progress:
        task = progress.add_task("", total=seconds)
        yield lambda virtual: progress.update(task, completed=min(virtual, seconds))


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    if isinstance(value, str):
        return value if len(value) <= CELL else f"{value[:CELL]}…"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
