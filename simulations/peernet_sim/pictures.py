"""Pictures of a run, with matplotlib as an optional extra. One that would be empty is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from peernet_sim.maps import chosen, need_matplotlib, places
from peernet_sim.model import Plan, Report

LINKS_DRAWN = 150
"""Peers up to which a map shows who introduced whom: with more it is one blot."""

Draw = Callable[[Any, Plan, Report], None]


def draw_all(plan: Plan, report: Report, folder: Path) -> list[str]:
    """Draw what there is to show into PNG files and return their names.

    Raises:
        UsageError: matplotlib is not installed.
    """
    figure_class = need_matplotlib()
    names = []
    for name, needs, draw in _PICTURES:
        if needs and not any(report.series.get(series) for series in _named(report, needs)):
            continue
        figure = figure_class(figsize=(8, 5), layout="constrained")
        draw(figure, plan, report)
        figure.savefig(folder / name, dpi=120)
        names.append(name)
    return names


def draw_map(plan: Plan, path: Path) -> None:
    """Draw the map of a topology alone, into a file of the kind that its suffix says.

    Raises:
        UsageError: matplotlib is not installed, or knows no such kind of picture.
    """
    from peernet.errors import UsageError

    figure = need_matplotlib()(figsize=(8, 8), layout="constrained")
    known = figure.canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in known:
        kinds = ", ".join(sorted(known))
        raise UsageError(f"{path}: no known kind of picture; let its name end with one of {kinds}")
    _map(figure, plan, Report({}, {}, [], []))
    figure.savefig(path, dpi=120)


def _named(report: Report, needs: str) -> list[str]:
    """Return the series that a picture is drawn from: one, or all of `NAME/0`, `NAME/1`, ..."""
    return [name for name in report.series if name == needs or name.startswith(f"{needs}/")]


def _map(figure: Any, plan: Plan, report: Report) -> None:
    topology = plan.topology
    peers = chosen(len(topology.peers))
    at = dict(zip(peers, places(topology, peers), strict=True))
    axes = figure.add_subplot()
    if len(topology.peers) <= LINKS_DRAWN:
        for peer in peers:
            for other in topology.introducers(peer):
                (x, y), (u, v) = at[peer], at[other]
                axes.plot((x, u), (y, v), color="0.85", linewidth=0.6, zorder=1)
    groups: dict[str, list[int]] = {}
    for peer in peers:
        groups.setdefault(topology.peers[peer].region or topology.peers[peer].access, []).append(peer)
    for group, members in sorted(groups.items()):
        axes.scatter([at[peer][0] for peer in members], [at[peer][1] for peer in members], s=14, label=group)
    bad = [peer for peer in peers if peer in plan.faults.behaviours]
    if bad:
        axes.scatter(
            [at[peer][0] for peer in bad], [at[peer][1] for peer in bad],
            s=40, facecolors="none", edgecolors="red", label="hostile",
        )  # fmt: skip
    shown = f"{len(peers):,} of {len(topology.peers):,}" if len(peers) < len(topology.peers) else f"{len(peers):,}"
    axes.set_title(f"{plan.name}: {shown} peers; distance is delay in seconds, one way")
    axes.set_aspect("equal", adjustable="datalim")
    axes.legend(fontsize="small")


def _lookups(figure: Any, plan: Plan, report: Report) -> None:
    left, right = figure.subplots(1, 2)
    hops = report.series.get("hops", [])
    if hops:
        left.hist(hops, bins=[number - 0.5 for number in range(int(max(hops)) + 2)], rwidth=0.9)
    left.set(xlabel="hops", ylabel="lookups", title="Hops of a lookup")
    latency = sorted(report.series.get("latency", []))
    right.plot(latency, _steps(latency), drawstyle="steps-post")
    right.set(xlabel="seconds", ylabel="share of the lookups", ylim=(0, 1.02), title="Latency of a lookup")


def _coverage(figure: Any, plan: Plan, report: Report) -> None:
    _line(
        figure, report.series["gossip_coverage"], "share of the peers", "Gossip: who has it", "since it was sent"
    )


def _progress(figure: Any, plan: Plan, report: Report) -> None:
    axes = figure.add_subplot()
    for name in _named(report, "job_progress"):
        points = report.series[name]
        job = f"job {int(name.rpartition('/')[2]) + 1}" if "/" in name else "job"
        axes.plot(*_columns(points), drawstyle="steps-post", label=job)
    axes.set(xlabel="virtual seconds", ylabel="share of the slices", ylim=(0, 1.02), title="Slices accepted")
    axes.legend(fontsize="small")


def _liars(figure: Any, plan: Plan, report: Report) -> None:
    _line(figure, report.series["detected_liars"], "peers", "Liars detected", "virtual")


def _work(figure: Any, plan: Plan, report: Report) -> None:
    _ranked(figure.add_subplot(), report.series["work_per_peer"], "slices executed", "Work of each peer")


def _traffic(figure: Any, plan: Plan, report: Report) -> None:
    left, right = figure.subplots(1, 2)
    _ranked(left, report.series.get("messages_per_peer", []), "messages sent", "Messages of each peer")
    _ranked(right, report.series.get("bytes_per_peer", []), "bytes sent", "Bytes of each peer")


def _line(figure: Any, points: Sequence[tuple[float, float]], value: str, title: str, time: str) -> None:
    axes = figure.add_subplot()
    axes.plot(*_columns(points), drawstyle="steps-post")
    axes.set(xlabel=f"seconds, {time}", ylabel=value, title=title)
    axes.set_ylim(bottom=0)


def _ranked(axes: Any, values: Sequence[float], value: str, title: str) -> None:
    ordered = sorted(values, reverse=True)
    axes.fill_between(range(len(ordered)), ordered, step="mid", alpha=0.8)
    axes.set(xlabel="peers, the busiest first", ylabel=value, title=title)
    axes.set_ylim(bottom=0)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [point[0] for point in points], [point[1] for point in points]


def _steps(ordered: Sequence[float]) -> list[float]:
    return [(number + 1) / len(ordered) for number in range(len(ordered))]


_PICTURES: tuple[tuple[str, str, Draw], ...] = (
    ("map.png", "", _map),
    ("lookups.png", "latency", _lookups),
    ("gossip.png", "gossip_coverage", _coverage),
    ("jobs.png", "job_progress", _progress),
    ("work.png", "work_per_peer", _work),
    ("liars.png", "detected_liars", _liars),
    ("traffic.png", "messages_per_peer", _traffic),
)
"""File, the series without which it would be empty, and who draws it."""
