"""What this submitter knows of other peers' honesty: its own experience only, never hearsay.

`credibility` holds the arithmetic, `proofs` what a peer has proven in one function, `standing` what is remembered
of one peer, `table.Trust` all of it.
"""

from __future__ import annotations

from peernet.core.work.trust.credibility import checks_for, credibility, weigh
from peernet.core.work.trust.proofs import Function, Proof, function_named
from peernet.core.work.trust.standing import Mark, Standing
from peernet.core.work.trust.table import Trust

__all__ = [
    "Function",
    "Mark",
    "Proof",
    "Standing",
    "Trust",
    "checks_for",
    "credibility",
    "function_named",
    "weigh",
]
