"""`python -m peernet_sim.policies --out DIR`: the table of policies, as JSON lines, Markdown and pictures.

What DIR holds already is kept and not measured again. Without filters a chosen set of combinations is measured;
with `--each` all of those that the filters leave, with so many slices a worker.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

from peernet.errors import PeernetError
from peernet_sim.policies.cases import BATCHES, PEERS, POLICIES, SHARES, Case, Row, Way, cases
from peernet_sim.policies.page import rewrite, write
from peernet_sim.policies.running import Store, run
from peernet_sim.policies.table import lines
from peernet_sim.policies.workers import LIARS


def main(arguments: list[str] | None = None) -> int:
    """Run what the arguments ask for. Progress goes to stderr."""
    given = _parser().parse_args(arguments)
    try:
        _measure(given)
    except PeernetError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m peernet_sim.policies", description=__doc__)
    parser.add_argument(
        "--out", type=Path, required=True, help="a folder for the rows, the tables and the pictures"
    )
    parser.add_argument(
        "--way",
        choices=get_args(Way),
        default="field",
        help="the owner's code among workers that answer at once, or whole peers in a simulated network",
    )
    parser.add_argument("--peers", type=int, nargs="+", help="only these numbers of workers")
    parser.add_argument("--liars", type=float, nargs="+", help="only these shares of liars")
    parser.add_argument("--kind", choices=LIARS, nargs="+", default=LIARS, help="only these kinds of liars")
    parser.add_argument("--policy", nargs="+", help="only these policies")
    parser.add_argument("--each", type=int, help="slices a worker, in the cold job and in the warm one")
    parser.add_argument("--seeds", type=int, help="at most so many runs of each combination")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="combinations run at once")
    parser.add_argument("--page", type=Path, help="a Markdown page whose tables are written anew, see page.py")
    return parser


def _measure(given: argparse.Namespace) -> None:
    given.out.mkdir(parents=True, exist_ok=True)
    stores = {name: Store(given.out / f"{name}.jsonl") for name in ("field", "network", "twins")}
    wanted = list(_wanted(given))
    _run(given.way, stores[given.way], wanted, given.processes)
    if given.way == "network":
        _run("field", stores["twins"], wanted, given.processes)
    told = {name: lines(store.rows()) for name, store in stores.items()}
    write(told["field"], told["network"], told["twins"], given.out)
    if given.page is not None:
        rewrite(given.page, given.out)


def _run(way: Way, store: Store, wanted: Iterable[Case], processes: int) -> None:
    todo = [case for case in wanted if case not in store]
    left = len(todo)

    def done(rows: list[Row]) -> None:
        nonlocal left
        left -= 1
        store.add(rows)
        case, cpu = rows[0].case, sum(row.cpu_seconds for row in rows)
        what = f"{case.policy}, {case.peers} peers, {case.share:.0%} {case.kind}, seed {case.seed}"
        sys.stderr.write(f"{way}, {left} to go: {what}: {cpu:.1f} CPU s\n")

    run(way, todo, processes, done)


def _wanted(given: argparse.Namespace) -> Iterator[Case]:
    """Go through the cases that are asked for."""
    peers, shares, policies = given.peers or PEERS, given.liars or SHARES, given.policy or POLICIES
    seeds = given.seeds or 1
    if given.each:
        chosen: Iterable[Case] = cases(policies, peers, shares, given.each, seeds)
    else:
        chosen = (case for batch in BATCHES[given.way] for case in batch.cases())
        seeds = given.seeds or max(batch.seeds for batch in BATCHES[given.way])
    for case in chosen:
        if (
            case.peers in peers
            and case.share in shares
            and case.policy in policies
            and case.kind in (*given.kind, "honest")
            and case.seed <= seeds
        ):
            yield case


if __name__ == "__main__":
    sys.exit(main())
