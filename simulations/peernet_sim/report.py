"""What a run found, for people and for programs: the table, `metrics.json`, and how it ends when it is broken."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peernet.errors import JobError, PeernetError
from peernet_sim.model import Plan, Report
from peernet_sim.replay import METRICS_FILE

FIXED_KEYS = (
    "seed",
    "mode",
    "peers",
    "virtual_seconds",
    "cpu_seconds",
    "peak_rss_bytes",
    "messages",
    "trace_digest",
    "invariants",
    "lookups",
    "gossip",
    "jobs",
)
"""The keys of `metrics.json` that programs rely on, in its order. More may follow."""


class BrokenRunError(PeernetError):
    """An invariant broke, or the scenario did not show what it says one should see."""


def document(plan: Plan, report: Report) -> dict[str, Any]:
    """Return what `metrics.json` holds: the fixed keys first, then what else was measured, then what broke.

    Numbers that JSON lacks (nan, inf) are null.
    """
    told = dict(report.metrics)
    told["scenario"] = plan.name
    told["failed_expectations"] = list(report.failed_expectations)
    told["violations"] = [
        {
            "name": violation.name,
            "at": violation.at,
            "text": violation.text,
            "peers": list(violation.peers),
            "story": list(violation.story),
        }
        for violation in report.violations
    ]
    ordered = {key: told.pop(key) for key in FIXED_KEYS}
    return dict(_plain(ordered | told))


def write_metrics(metrics: Mapping[str, Any], folder: Path) -> None:
    """Write `metrics.json` into a folder."""
    text = json.dumps(metrics, indent=2, allow_nan=False)
    (folder / METRICS_FILE).write_text(text + "\n", encoding="ascii")


def check_whole(report: Report, command: str) -> None:
    """Raise BrokenRunError, with what broke and the command that shows it again, unless all was well."""
    if not report.violations and not report.failed_expectations:
        return
    parts = [f"invariant {broken.name} broke at {broken.at:g} s: {broken.text}" for broken in report.violations]
    parts += [f"not as the scenario says: {text}" for text in report.failed_expectations]
    raise BrokenRunError(f"{'; '.join(parts)}; see it again: {command}")


def check_jobs(metrics: Mapping[str, Any]) -> None:
    """Raise JobError, with the reason, unless every job was done."""
    for job in metrics["jobs"]:
        if job["state"] == "done":
            continue
        if job["reason"]:
            raise JobError(f"the job {job['state']}: {job['reason']}")
        raise JobError(
            f"the job is {job['state']} where the simulation ends, after {metrics['virtual_seconds']:,.0f} "
            "virtual seconds: try more peers, fewer that lie or leave, or fewer calls"
        )


def stories(report: Report) -> list[str]:
    """Return what the peers concerned did before each violation, as lines for people."""
    lines = []
    for broken in report.violations:
        lines.append(f"{broken.name} at {broken.at:g} s, peers {', '.join(map(str, broken.peers)) or 'none'}:")
        lines += [f"  {event}" for event in broken.story]
    return lines


def rows(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the table that people read after a run: name and value of each figure that there is."""
    lookups, gossip, invariants = metrics["lookups"], metrics["gossip"], metrics["invariants"]
    virtual, cpu = metrics["virtual_seconds"], metrics["cpu_seconds"]
    peers = metrics["peers"]
    table = [
        ("peers", f"{peers:,}"),
        ("seed, mode", f"{metrics['seed']}, {metrics['mode']}"),
        ("virtual time", f"{virtual:,.1f} s"),
        ("processor time", f"{cpu:,.2f} s ({_ratio(virtual, cpu)} virtual seconds a second)"),
        ("peak memory", f"{metrics['peak_rss_bytes'] / 2**20:,.0f} MiB"),
        ("messages", f"{metrics['messages']:,} ({_ratio(metrics['messages'], peers)} a peer)"),
    ]
    if "bytes" in metrics:
        table.append(("bytes", f"{metrics['bytes']:,} ({_ratio(metrics['bytes'], peers)} a peer)"))
    table.append(("invariants", _invariants(invariants)))
    if lookups["count"]:
        table += [
            ("lookups", f"{lookups['count']:,}, {_share(lookups['success'])} succeeded"),
            ("  hops", f"{_number(lookups['hops_mean'])} in the mean, {_number(lookups['hops_max'])} at most"),
            (
                "  latency",
                f"{_seconds(lookups['latency_p50'])} median, {_seconds(lookups['latency_p99'])} at 99 %",
            ),
        ]
    values = metrics.get("values", {"gets": 0})
    if values["gets"]:
        table += [
            ("values", f"{values['puts']:,} put, {values['lost']:,} lost"),
            ("  gets", f"{values['gets']:,}, {_share(values['success'])} succeeded"),
            (
                "  latency",
                f"{_seconds(values['latency_p50'])} median, {_seconds(values['latency_p99'])} at 99 %",
            ),
        ]
    if gossip.get("broadcasts", 1):
        table += [
            (
                "gossip",
                f"{_share(gossip['coverage'])} of the peers reached, 99 % within {_seconds(gossip['t99'])}",
            ),
            ("  copies a delivery", _number(gossip["copies_per_delivery"])),
        ]
    for number, job in enumerate(metrics["jobs"]):
        table.append((f"job {number + 1}", _job(job)))
    table.append(("trace", metrics["trace_digest"]))
    return table


def _invariants(told: Mapping[str, Any]) -> str:
    broken = told["violated"]
    return f"{told['checked']:,} looks, " + (f"broken: {', '.join(map(str, broken))}" if broken else "none broken")


def _job(job: Mapping[str, Any]) -> str:
    parts = [
        f"{job['accepted']:,} of {job['slices']:,} slices accepted",
        f"{job['executions']:,} executions",
        f"{job['wrong']:,} wrong",
        f"{job['disagreements']:,} disagreements",
        f"{job['seconds']:,.1f} s",
    ]
    ended = f"{job['state']}: " if "state" in job else ""
    return ended + ", ".join(parts) + (f" ({job['reason']})" if job.get("reason") else "")


def _ratio(one: float, other: float) -> str:
    return f"{one / other:,.1f}" if other else "–"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g} s"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.6g} %"


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
