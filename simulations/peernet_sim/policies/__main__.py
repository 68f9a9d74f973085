"""`python -m peernet_sim.policies --out DIR`: the table of policies, as JSON lines, Markdown and pictures."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from peernet_sim.policies.markdown import markdown
from peernet_sim.policies.pictures import draw
from peernet_sim.policies.table import PEERS, POLICIES, SHARES, Row, cases, lines, run


def main(arguments: list[str] | None = None) -> int:
    """Run what the arguments ask for. Progress goes to stderr."""
    parser = argparse.ArgumentParser(prog="python -m peernet_sim.policies", description=__doc__)
    parser.add_argument(
        "--out", type=Path, required=True, help="a folder for table.jsonl, table.md and the pictures"
    )
    parser.add_argument("--peers", type=int, nargs="+", default=list(PEERS), help="how many workers")
    parser.add_argument("--liars", type=float, nargs="+", default=list(SHARES), help="shares of liars")
    parser.add_argument("--policy", nargs="+", default=list(POLICIES), help="names of policies")
    parser.add_argument(
        "--each", type=int, default=50, help="slices a worker, in the cold job and in the warm one"
    )
    parser.add_argument("--seeds", type=int, default=1, help="runs of each combination")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="combinations run at once")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    todo = list(cases(given.policy, given.peers, given.liars, given.each, given.seeds))
    left = 2 * len(todo)
    with (given.out / "table.jsonl").open("w", encoding="utf-8") as file:

        def done(row: Row) -> None:
            nonlocal left
            left -= 1
            file.write(json.dumps(row.as_json()) + "\n")
            file.flush()
            case = row.case
            what = f"{case.policy}, {case.peers} peers, {case.share:.0%} {case.kind}"
            sys.stderr.write(f"{left} to go: {what}\n")

        rows = run(todo, given.processes, done)
    told = lines(rows)
    (given.out / "table.md").write_text(markdown(told), encoding="utf-8")
    draw(told, given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
