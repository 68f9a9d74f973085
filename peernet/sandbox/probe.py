"""Which tiers of boxes hold on this machine: found out by attacking each from inside."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

from peernet.box.confine import landlock
from peernet.box.folders import BoxFolders
from peernet.box.limits import Limits
from peernet.config.box import MIB, BoxConfig
from peernet.errors import BoxError, PeernetError, UsageError
from peernet.project import Bundle, Cutter
from peernet.results import decode
from peernet.sandbox import attack
from peernet.sandbox.boxes import BoxExecutor
from peernet.sandbox.cgroups import survey
from peernet.sandbox.executor import Outcome
from peernet.sandbox.launchers import LAUNCHERS
from peernet.sandbox.launchers.bubblewrap import BubblewrapLauncher, obstacles

CONFINED = ("A", "B")
"""The tiers that hold strangers' code, the strongest first."""

_LIMITS = Limits(memory=512 * MIB, seconds=20.0, scratch=MIB)
_HONEST = f"honest {sum(range(1000))}"


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found. tier: the best that works here; None: this machine submits jobs but can't execute them.

    notes: for people: what is protected and what is not, or what is missing and how to get it. tiers: all that
    were tried and work, best first.
    """

    tier: str | None
    notes: tuple[str, ...]
    tiers: tuple[str, ...] = ()


def probe(scratch: Path, config: BoxConfig) -> Findings:
    """Attack each tier of this machine from inside, and say which hold. Takes about a second.

    Runs an event loop of its own, so call it where none runs: in a thread. scratch: for the boxes' folders.
    """
    faults = {tier: try_tier(tier, scratch, config) for tier in CONFINED}
    working = tuple(tier for tier, fault in faults.items() if not fault)
    tiers = working if LAUNCHERS["C"].missing() else (*working, "C")
    notes = [note for tier, fault in faults.items() for note in _describe(tier, fault)]
    notes.append(_describe_cgroups())
    if not working:
        notes.insert(0, "this peer submits jobs but executes none: no sandbox works on this machine")
    return Findings(working[0] if working else None, tuple(notes), tiers)


def choose(scratch: Path, config: BoxConfig, wanted: str | None = None, *, own_code: bool = False) -> Findings:
    """Find the tier that a peer is to use: the one that is wanted, or else the best; others are not tried.

    Call it as `probe`. C protects from nothing, so it is used only if it is wanted; or if nothing else works and
    `own_code` says that nobody's code but this user's will come.

    Raises:
        UsageError: the tier that is wanted does not work here, or there is none of that name.
    """
    if wanted is not None and wanted not in LAUNCHERS:
        raise UsageError(f"{wanted!r} is no sandbox tier: it is one of {', '.join(LAUNCHERS)}")
    notes: list[str] = []
    for tier in (wanted,) if wanted else (*CONFINED, *(("C",) if own_code else ())):
        fault = try_tier(tier, scratch, config)
        notes += _describe(tier, fault)
        if not fault:
            return Findings(tier, tuple(notes), (tier,))
    if wanted:
        raise UsageError("; ".join(notes))
    return Findings(None, tuple(notes))


def try_tier(tier: str, scratch: Path, config: BoxConfig) -> str:
    """Attack a tier; C is not attacked. Returns what is wrong and the remedy, in a sentence, or nothing."""
    missing = LAUNCHERS[tier].missing()
    if missing or tier not in CONFINED:
        return missing
    try:
        could = trio.run(_attack, tier, scratch, config)
    except PeernetError as error:
        return f"it does not start: {_one_line(error)}{_remedy(tier)}"
    return f"code inside could {'; '.join(could)}: please report this with your system's version" if could else ""


async def _attack(tier: str, scratch: Path, config: BoxConfig) -> tuple[str, ...]:
    """Run the attack in a box. Returns what it could do. Raises BoxError if it could not run at all."""
    folders = BoxFolders(scratch / "probe")
    executor = BoxExecutor(tier, scratch / "probe", config)
    try:
        folder = folders.make()
        canary = folder / "canary"
        canary.write_text(secrets.token_hex(8))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            attempts = [
                (number, str(canary), port, str(folder), os.getpid()) for number in range(len(attack.ATTEMPTS) + 1)
            ]
            box = await executor.open_box(_bundle(), _LIMITS, 1)
            outcome = await box.run(_input(attempts), _LIMITS, lambda: None)
        return _successes(outcome)
    finally:
        await executor.aclose()
        folders.close()


def _bundle() -> bytes:
    source = Path(attack.__file__).read_bytes()
    return Bundle("source", "attack.py", "", (), (("attack.py", source),), "", (), b"").encode()


def _input(attempts: Sequence[object]) -> bytes:
    cut = Cutter(attempts).cut(len(attempts))
    assert cut is not None
    return cut.data


def _successes(outcome: Outcome) -> tuple[str, ...]:
    if outcome.value is None:
        raise BoxError(f"its slice ended with {outcome.status.value}: {outcome.error}")
    told = decode(outcome.value)
    if type(told) is not list or len(told) != len(attack.ATTEMPTS) + 1 or told[-1] != _HONEST:
        raise BoxError("an honest slice came back with something else")
    return tuple(str(text) for text in told[:-1] if text)


def _describe(tier: str, fault: str) -> list[str]:
    if fault:
        return [f"tier {tier} does not work: {fault}"]
    notes = [f"tier {tier} works", *(f"tier {tier}: {note}" for note in LAUNCHERS[tier].notes)]
    if tier == BubblewrapLauncher.tier and not landlock.abi():
        told = "without Landlock (Linux 5.13) slices of one job that run at once see each other's files"
        notes.append(f"tier {tier}: {told}")
    return notes


def _describe_cgroups() -> str:
    found = survey()
    if isinstance(found, str):
        return (
            f"cgroups are not used, so memory and processes are limited for each slice and not for boxes: {found}"
        )
    return "cgroups are used: memory, processes and processor time of whole boxes are limited too"


def _one_line(error: PeernetError) -> str:
    return "; ".join(line.strip() for line in str(error).splitlines() if line.strip())


def _remedy(tier: str) -> str:
    if tier != BubblewrapLauncher.tier or not obstacles():
        return ""
    return f"; this machine keeps users from making namespaces, try: {'; or '.join(obstacles())}"
