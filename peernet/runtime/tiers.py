"""What follows from the sandbox tier that a peer found: does it execute, for whom, and what is its user told."""

from __future__ import annotations

from peernet.core.work.needs import meets
from peernet.errors import UsageError
from peernet.runtime.options import PeerOptions
from peernet.sandbox import Findings
from peernet.sandbox.probe import CONFINED

UNCONFINED = "C"
"""The tier that protects from nothing: code of the user's own keys only runs in it."""


def required(findings: Findings, options: PeerOptions) -> Findings:
    """Return what was found, without a tier if that is weaker than what the volunteer requires.

    Raises:
        UsageError: no tier of that name confines.
    """
    wanted, found = options.require_sandbox, findings.tier
    if wanted not in (None, *CONFINED):
        raise UsageError(f"{wanted!r} is no tier that confines: require one of {', '.join(CONFINED)}")
    if wanted is None or found is None or meets(found, wanted):
        return findings
    refused = f"--require-sandbox {wanted}: the best tier that works here is {found}"
    return Findings(None, (refused, *findings.notes), findings.tiers)


def caution(findings: Findings, options: PeerOptions) -> str:
    """Return what a peer has to tell its user about its tier, or nothing."""
    if not options.slots or findings.tier not in (None, UNCONFINED):
        return ""
    notes = "; ".join(findings.notes)
    if findings.tier is None:
        return f"this peer submits jobs and executes none: {notes} (`peernet doctor` tells more)"
    whose = "the local swarm's own jobs" if options.own_code else "your own key and of keys marked as mine"
    return f"slices run unprotected (tier C), so this peer executes code of {whose} only: {notes}"


def serves(findings: Findings, options: PeerOptions) -> str:
    """Return whose code runs here: a tier that does not confine is for the user's own keys."""
    return "mine" if findings.tier == UNCONFINED else options.serves
