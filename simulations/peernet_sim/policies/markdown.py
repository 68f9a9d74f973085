"""The tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from peernet_sim.policies.agreement import Key, key_of
from peernet_sim.policies.table import Line

CELLS = "Each cell: wrong results among those accepted (with 95 % certainty at most), executions a slice."
BESIDE = " Behind each stroke: the same of the field."


def markdown(lines: Iterable[Line], twins: Mapping[Key, Line] | None = None) -> str:
    """Return the table: for each network one row, for each policy what was wrong and what it cost.

    twins: what is shown beside, by the combination.
    """
    told = list(lines)
    policies = list(dict.fromkeys(line.policy for line in told))
    cells = {(_row(line), line.policy): line for line in told}
    text = ["| peers | liars | job | " + " | ".join(policies) + " |", "|---" * (3 + len(policies)) + "|"]
    for row in dict.fromkeys(map(_row, told)):
        peers, share, kind, warm = row
        parts = [_cell(cells.get((row, policy)), twins) for policy in policies]
        job = "warm" if warm else "cold"
        text.append(f"| {peers} | {liars(share, kind)} | {job} | " + " | ".join(parts) + " |")
    return "\n".join([CELLS + (BESIDE if twins else ""), "", *text]) + "\n"


def liars(share: float, kind: str) -> str:
    """Return how many lie, and how."""
    return f"{share:.0%} {kind}" if share else "none"


def _row(line: Line) -> tuple[int, float, str, bool]:
    return line.peers, line.share, line.kind, line.warm


def _cell(line: Line | None, twins: Mapping[Key, Line] | None) -> str:
    if line is None:
        return ""
    twin = (twins or {}).get(key_of(line))
    return _figures(line) + ("" if twin is None else f" / {_figures(twin)}")


def _figures(line: Line) -> str:
    if line.ended < 1:
        return f"gave up ({1 - line.ended:.0%}); {line.error:.2%}, {line.each:.2f}"
    return f"{line.error:.2%} ({line.most:.2%}), {line.each:.2f}"
