"""The table as pictures: what each policy costs and how often it is wrong, by the share of liars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from peernet.errors import UsageError
from peernet_sim.policies.table import Line

_LEAST = 1e-5
"""Errors below are drawn here: the axis is logarithmic, and none at all is the rule."""


def draw(lines: Iterable[Line], folder: Path) -> list[Path]:
    """Write one picture for cold and one for warm jobs; return their paths.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError("pictures need matplotlib: pip install 'peernet[sim]'") from error
    told = list(lines)
    paths = []
    for warm in (False, True):
        chosen = [line for line in told if line.warm == warm]
        if not chosen:
            continue
        peers = max(line.peers for line in chosen)
        chosen = [line for line in chosen if line.peers == peers]
        kinds = sorted({line.kind for line in chosen if line.share})
        figure = Figure(figsize=(4 * max(1, len(kinds)), 6.5), layout="constrained")
        axes = figure.subplots(2, max(1, len(kinds)), squeeze=False, sharey="row")
        for column, kind in enumerate(kinds):
            _draw_kind(
                axes[0][column], axes[1][column], [line for line in chosen if line.kind in (kind, "honest")]
            )
            axes[0][column].set_title(f"{kind} liars")
        axes[0][0].set_ylabel("executions a slice")
        axes[1][0].set_ylabel("wrong results among those accepted")
        axes[0][-1].legend(fontsize="small")
        figure.suptitle(f"{peers} peers, {'warm: after an earlier job' if warm else 'cold: nobody is known'}")
        path = folder / f"policies-{'warm' if warm else 'cold'}.png"
        figure.savefig(path, dpi=110)
        paths.append(path)
    return paths


def _draw_kind(cost: Any, error: Any, lines: Sequence[Line]) -> None:
    for policy in dict.fromkeys(line.policy for line in lines):
        points = sorted((line.share, line.each, line.error) for line in lines if line.policy == policy)
        shares = [100 * share for share, _, _ in points]
        cost.plot(shares, [each for _, each, _ in points], marker="o", label=policy)
        error.plot(shares, [max(wrong, _LEAST) for _, _, wrong in points], marker="o", label=policy)
    cost.set_ylim(bottom=1.0)
    error.set_yscale("log")
    error.axhline(0.01, color="grey", linestyle=":")
    error.set_xlabel("liars (%)")
