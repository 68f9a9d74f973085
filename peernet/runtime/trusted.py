"""What the core knows of peers' honesty, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from peernet.config import TrustConfig
from peernet.core.node import NodeCore
from peernet.core.work.trust import Standing, function_named
from peernet.identity.jobid import format_job_id
from peernet.identity.peerid import format_peer_id
from peernet.types import PeerId
from peernet.wire.control import MarkRow, ProofRow, RetractedJobRow, TrustReply, TrustRow

_UNHEARD_OF = function_named("")
"""A function in which nobody has proven anything: no job is without a name."""


def trust_reply(
    core: NodeCore, asked: Sequence[PeerId], retracted: Mapping[PeerId, Sequence[RetractedJobRow]]
) -> TrustReply:
    """Return what is known of these peers, or of all of whom anything is known; the least credible first.

    retracted: what rested on them in jobs that have ended, as far as it is known.
    """
    trust, mine = core.owner.trust, core.context.mine
    peers = list(asked) if asked else [peer for peer, _ in trust] + list(mine)
    rows = [
        _row(peer, trust.of(peer), trust.config, peer in mine or peer == core.context.me, retracted.get(peer, ()))
        for peer in dict.fromkeys(peers)
    ]
    return TrustReply(tuple(sorted(rows, key=lambda row: (row.credibility, row.peer))), trust.share())


def _row(
    peer: PeerId, standing: Standing, config: TrustConfig, mine: bool, retracted: Sequence[RetractedJobRow]
) -> TrustRow:
    functions = tuple(
        ProofRow(
            name=function.name,
            credibility=1.0 if mine else standing.credibility(function, config),
            checks=proof.checks,
            sure=proof.sure,
            vouchers=tuple(map(format_peer_id, proof.vouchers)),
        )
        for function, proof in standing.proofs.items()
    )
    elsewhere = standing.credibility(_UNHEARD_OF, config)
    most = max([elsewhere, *(row.credibility for row in functions)])
    return TrustRow(
        peer=format_peer_id(peer),
        mine=mine,
        credibility=1.0 if mine else most,
        strikes=standing.strikes,
        passed=standing.passed,
        failed=standing.failed,
        banned=standing.banned,
        blocked=standing.blocked,
        marks=tuple(
            MarkRow(mark.when, format_job_id(mark.job), mark.index, mark.reason) for mark in standing.marks
        ),
        functions=functions,
        retracted=tuple(retracted),
    )
