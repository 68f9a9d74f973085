"""The table for people."""

from __future__ import annotations

from collections.abc import Iterable

from peernet_sim.policies.table import Line


def markdown(lines: Iterable[Line]) -> str:
    """Return the table: for each network one row, for each policy what was wrong and what it cost."""
    told = list(lines)
    policies = list(dict.fromkeys(line.policy for line in told))
    cells = {(line.peers, line.share, line.kind, line.warm, line.policy): line for line in told}
    rows = list(dict.fromkeys((line.peers, line.share, line.kind, line.warm) for line in told))
    text = ["| peers | liars | job | " + " | ".join(policies) + " |", "|---" * (3 + len(policies)) + "|"]
    for peers, share, kind, warm in rows:
        liars = f"{share:.0%} {kind}" if share else "none"
        parts = [_cell(cells.get((peers, share, kind, warm, policy))) for policy in policies]
        text.append(f"| {peers} | {liars} | {'warm' if warm else 'cold'} | " + " | ".join(parts) + " |")
    note = "Each cell: wrong results among those accepted (with 95 % certainty at most), executions a slice."
    return "\n".join([note, "", *text]) + "\n"


def _cell(line: Line | None) -> str:
    if line is None:
        return ""
    if line.ended < 1:
        return f"gave up ({1 - line.ended:.0%}); {line.error:.2%}, {line.each:.2f}"
    return f"{line.error:.2%} ({line.most:.2%}), {line.each:.2f}"
