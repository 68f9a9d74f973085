"""Whether this machine can submit and execute, and what to do where it can't: what `peernet doctor` shows."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peernet import __version__
from peernet.api.machine import Machine
from peernet.config.box import BoxConfig
from peernet.config.doctor import MIN_FREE_BYTES, UNREACHED_SECONDS
from peernet.config.storage import StorageConfig
from peernet.errors import PeernetError
from peernet.identity.envelope import MAX_SKEW
from peernet.runtime.vitals import clock_fault
from peernet.storage.home import Home
from peernet.wire.control import StatusReply


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it should be. fatal: it keeps this machine from submitting or executing."""

    text: str
    remedy: str
    fatal: bool = True


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the machine. facts: what was found, as JSON has it; names and types never change."""

    name: str
    facts: dict[str, Any]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All checks, in the order in which they are shown."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether this machine can submit and execute."""
        return not any(problem.fatal for check in self.checks for problem in check.problems)

    def as_json(self) -> dict[str, Any]:
        """Return an object with the facts of each check by its name, all problems, and `ok`."""
        problems = [
            {"check": check.name, "text": problem.text, "remedy": problem.remedy, "fatal": problem.fatal}
            for check in self.checks
            for problem in check.problems
        ]
        return {"ok": self.ok, **{check.name: check.facts for check in self.checks}, "problems": problems}


def diagnose(path: Path, machine: Machine | None = None) -> Diagnosis:
    """Examine this machine and the home at `path`, whether a peer runs there or not. Takes about a second.

    Runs an event loop of its own for the sandbox's probe: call it where none runs. machine: what is examined, if
    not the real one.
    """
    machine = machine or Machine()
    home, home_check = check_home(path, machine)
    status, peer_check = check_peer(home, machine)
    return Diagnosis(
        (
            check_sandbox(home, machine),
            check_versions(status, machine),
            check_numeric(machine),
            check_clock(status),
            check_disk(home, status, machine),
            check_ports(status, machine),
            home_check,
            peer_check,
            check_peers(status),
        )
    )


def check_home(path: Path, machine: Machine) -> tuple[Home | None, Check]:
    """Whether the home can be used, and by nobody else. Returns it too, if it can."""
    facts: dict[str, Any] = {"path": str(path), "usable": False, "mode": None}
    try:
        home = machine.open_home(path)
        facts |= {"path": str(home.root), "mode": f"{stat.S_IMODE(home.root.stat().st_mode):04o}"}
        machine.read_key(home)
    except PeernetError as error:
        return None, Check("home", facts, (_told(error),))
    facts["usable"] = True
    if home.root.stat().st_mode & 0o077:
        text = f"{home.root} has mode {facts['mode']}, so others on this machine may look into it"
        return home, Check("home", facts, (Problem(text, f"run `chmod 700 {home.root}`", fatal=False),))
    return home, Check("home", facts)


def check_peer(home: Home | None, machine: Machine) -> tuple[StatusReply | None, Check]:
    """Whether a peer runs in the home. Returns what it says of itself too."""
    facts: dict[str, Any] = {"running": False} | dict.fromkeys(("id", "pid", "version", "tier", "uptime"))
    status = None
    problems: tuple[Problem, ...] = ()
    if home is not None:
        try:
            status = machine.ask(home)
        except PeernetError as error:
            problems = (_told(error),)
    if status is not None:
        facts |= {"running": True, "id": status.peer, "pid": status.pid, "version": status.version}
        facts |= {"tier": status.tier or None, "uptime": status.health.uptime if status.health else None}
    return status, Check("peer", facts, problems)


def check_sandbox(home: Home | None, machine: Machine) -> Check:
    """Which tier holds, as the real attacks of the probe have found."""
    if home is None:
        text = "the sandbox was not examined, since there is no home to put boxes into"
        return Check("sandbox", {"tier": None, "findings": [text]})
    try:
        found = machine.probe(home.scratch_folder, BoxConfig())
    except PeernetError as error:
        return Check("sandbox", {"tier": None, "findings": [str(error)]}, (_told(error),))
    facts = {"tier": found.tier, "findings": list(found.notes)}
    if found.tier is not None:
        return Check("sandbox", facts)
    text = "no sandbox works here, so this peer submits but does not execute"
    remedy = "do what the findings say; or run the code of your own keys only, by `peernet join --sandbox-tier C`"
    return Check("sandbox", facts, (Problem(text, remedy),))


def check_versions(status: StatusReply | None, machine: Machine) -> Check:
    """What runs here, for reports of faults; and whether the running peer is of this version."""
    facts = {"peernet": __version__, **machine.versions()}
    if status is not None and status.version != __version__:
        text = f"the running peer is peernet {status.version}, and this command {__version__}"
        return Check("versions", facts, (Problem(text, "restart the peer; its jobs go on", fatal=False),))
    return Check("versions", facts)


def check_numeric(machine: Machine) -> Check:
    """Which class of machines computes floating point as this one does, to the last bit: for `numeric=`."""
    try:
        return Check("numeric", {"class": machine.numeric()})
    except PeernetError as error:
        remedy = "run `python -m peernet.box.numeric.arrays`, which shows why; other jobs work all the same"
        return Check("numeric", {"class": None}, (Problem(str(error), remedy, fatal=False),))


def check_clock(status: StatusReply | None) -> Check:
    """How far the clock is from those of the connected peers, as the running peer knows."""
    health = status.health if status is not None else None
    behind = health.behind if health is not None else None
    compared = health.compared if health is not None else 0
    facts = {"behind": behind, "compared": compared, "tolerated": MAX_SKEW}
    if behind is None or abs(behind) <= MAX_SKEW:
        return Check("clock", facts)
    text, _, remedy = clock_fault(behind, compared).rpartition("; ")
    return Check("clock", facts, (Problem(text, remedy),))


def check_disk(home: Home | None, status: StatusReply | None, machine: Machine) -> Check:
    """Free space where the home is, and what of its quota is in use."""
    health = status.health if status is not None else None
    quota = health.blob_quota if health is not None else StorageConfig().blob_quota
    used = health.blob_bytes if health is not None else None
    facts: dict[str, Any] = {"free": None, "needed": MIN_FREE_BYTES, "blob_bytes": used, "blob_quota": quota}
    if home is None:
        return Check("disk", facts)
    try:
        free = machine.free_bytes(home.root)
    except OSError as error:
        problem = Problem(
            f"the disk of {home.root} can't be read: {error}", "check the disk, or move PEERNET_HOME"
        )
        return Check("disk", facts, (problem,))
    facts["free"] = free
    remedy = "free some space, or set PEERNET_HOME to a folder on another disk"
    if free < MIN_FREE_BYTES:
        text = f"{_mib(free)} are free where {home.root} is, and a job needs {_mib(MIN_FREE_BYTES)}"
        return Check("disk", facts, (Problem(text, remedy),))
    if free < quota - (used or 0):
        text = f"{_mib(free)} are free where {home.root} is, and its blobs may grow to {_mib(quota)}"
        return Check("disk", facts, (Problem(text, remedy, fatal=False),))
    return Check("disk", facts)


def check_ports(status: StatusReply | None, machine: Machine) -> Check:
    """Whether a port can be opened, and whether others have come through the running peer's."""
    refusal = machine.refusal_to_listen()
    health = status.health if status is not None else None
    facts: dict[str, Any] = {
        "can_listen": not refusal,
        "addresses": list(status.addresses) if status is not None else [],
        "reached": health.reached if health is not None else None,
        "reached_from_other_machines": health.afar if health is not None else None,
    }
    if refusal:
        remedy = "allow this user to open TCP ports; a sandbox or a security module forbids it"
        return Check("ports", facts, (Problem(f"no port can be opened: {refusal}", remedy),))
    if status is None or health is None or health.afar or health.uptime < UNREACHED_SECONDS:
        return Check("ports", facts)
    text = f"no other machine has connected to this peer in the {health.uptime / 60:.0f} minutes since it started"
    remedy = (
        "where it should be reachable, open its TCP port in the firewall or forward it in the router, and keep it "
        "with `peernet join --port`; it works all the same, over the connections that it opens"
    )
    return Check("ports", facts, (Problem(text, remedy, fatal=False),))


def check_peers(status: StatusReply | None) -> Check:
    """Whom the running peer knows."""
    facts = {
        "connected": status.connected if status is not None else None,
        "contacts": status.contacts if status is not None else None,
    }
    if status is None or status.connected:
        return Check("peers", facts)
    text = "the running peer is connected to nobody, so jobs from here run on this machine only"
    remedy = "run `peernet join ADDRESS` with the address of another peer"
    return Check("peers", facts, (Problem(text, remedy, fatal=False),))


def _told(error: PeernetError) -> Problem:
    """An error of peernet's: its text says what is wrong and, after the last colon, what to do."""
    text, mark, remedy = str(error).rpartition(": ")
    return (
        Problem(text, remedy) if mark else Problem(remedy, "run `peernet -v id`, which shows where it comes from")
    )


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
