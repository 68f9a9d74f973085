"""Where the tables go: files of their own, and the marked parts of a page that people read."""

from __future__ import annotations

import re
from pathlib import Path

from peernet.errors import UsageError
from peernet_sim.policies.agreement import TOLERANCE, Verdict, compare, key_of
from peernet_sim.policies.markdown import liars, markdown
from peernet_sim.policies.pictures import draw
from peernet_sim.policies.promise import promise
from peernet_sim.policies.table import Line

_PART = re.compile(r"(<!-- (?P<name>[a-z-]+)\.md -->\n).*?(<!-- end -->)", re.DOTALL)


def write(field: list[Line], network: list[Line], twins: list[Line], out: Path) -> None:
    """Write what there is: the field's table and its pictures, the network's beside its twins on the field,
    whether the two agree, and whether the promise is kept."""
    if field:
        (out / "field.md").write_text(markdown(field), encoding="utf-8")
        draw(field, out)
    if network:
        beside = {key_of(line): line for line in twins}
        (out / "promise.md").write_text(promise(network), encoding="utf-8")
        (out / "network.md").write_text(markdown(network, beside), encoding="utf-8")
        (out / "agreement.md").write_text(agreement(compare(network, beside)), encoding="utf-8")


def agreement(verdicts: list[Verdict]) -> str:
    """Say in how many combinations network and field agree, and where they do not."""
    errors, costs = (sum(getattr(verdict, what) for verdict in verdicts) for what in ("error", "cost"))
    ends = sum(verdict.ended for verdict in verdicts)
    text = [
        f"Of {len(verdicts)} combinations, {ends} ended in the same way, in {errors} the 95 % intervals of the "
        f"error overlap, and in {costs} the executions a slice differ by at most {TOLERANCE:.0%}.",
    ]
    apart = [verdict for verdict in verdicts if not verdict.agrees]
    if apart:
        text += ["", "| policy | peers | liars | job | network | field |", "|---|---|---|---|---|---|"]
        text += [_apart(verdict) for verdict in apart]
    return "\n".join(text) + "\n"


def rewrite(page: Path, out: Path) -> None:
    """Put the tables of a folder where a page names them: between `<!-- network.md -->` and `<!-- end -->`.

    Raises:
        UsageError: the page marks no place.
    """
    text = page.read_text(encoding="utf-8")

    def part(found: re.Match[str]) -> str:
        table = out / f"{found['name']}.md"
        return found[1] + table.read_text(encoding="utf-8") + found[3] if table.exists() else found[0]

    if not _PART.search(text):
        raise UsageError(f"{page} marks no place for a table: write <!-- network.md --> and <!-- end --> into it")
    page.write_text(_PART.sub(part, text), encoding="utf-8")


def _apart(verdict: Verdict) -> str:
    line = verdict.network
    figures = [
        f"{one.ended:.0%} done, {one.error:.2%}, {one.each:.2f}" for one in (verdict.network, verdict.field)
    ]
    job = "warm" if line.warm else "cold"
    return (
        f"| {line.policy} | {line.peers} | {liars(line.share, line.kind)} | {job} | " + " | ".join(figures) + " |"
    )
