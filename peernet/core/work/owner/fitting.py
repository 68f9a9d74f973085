"""Which of the peers that are known can't take part in a job, and what they lack: for its owner's user.

A peer that lacks something leaves the job alone and says nothing, so its advert speaks for it. One that pulled and
was refused, or that is seated, is known better.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peernet.core.work.needs import told_lack, told_packages
from peernet.core.work.stats import Unfit
from peernet.identity.peerid import short_peer_id
from peernet.types import PeerId
from peernet.wire.signed import Advert

if TYPE_CHECKING:
    from peernet.core.work.owner.job import Job

OTHERS_PICKLES = "not marked as mine, as pickled results need"
"""Why a peer may not execute a job whose results are pickles."""

NO_OWN = (
    "results are pickles, and loading one runs its maker's code, so only peers of one's own may make them, and "
    "there are none: add some with --local N, mark them with `peernet trust --mine`, or return plain data"
)
"""Why a job whose results are pickles is refused at once."""

_SERVES_MINE = "running code of their own users only"
_NAMED = 3
"""Peers that a text names; the rest are counted. A program gets them all."""

_REASONS = 8
"""Reasons that a text gives; the rest are counted. Peers that give a job up tell theirs in words of their own."""


class Fitting:
    """Judges the peers that one job's owner knows.

    fit: how many of them are not known to lack anything. unfit: the others, by what they lack.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._silent: dict[PeerId, str] = {}
        self._known = 0

    def look(self) -> None:
        """Judge all peers by their adverts. Those that only submit are left out."""
        self._silent.clear()
        self._known = 0
        for view in self._job.crew.known():
            if view.advert.slots:
                self._known += 1
                lack = self._lack(view.peer, view.advert)
                if lack:
                    self._silent[view.peer] = lack

    def unfit(self) -> tuple[Unfit, ...]:
        """Return what peers lack, and which."""
        seats = self._job.seats
        groups: dict[str, list[PeerId]] = {}
        for peer, why in (self._silent | seats.unfit).items():
            if peer not in seats.all:
                groups.setdefault(why, []).append(peer)
        return tuple(Unfit(why, tuple(peers)) for why, peers in groups.items())

    def fit(self) -> int:
        """Return how many of the peers known are not known to lack anything."""
        return max(0, self._known - sum(peer not in self._job.seats.all for peer in self._silent))

    def text(self) -> str:
        """Return what keeps others from taking part: "2 peers lack numpy (12D3…ab, 12D3…cd)", or nothing."""
        groups = self.unfit()
        more = len(groups) - _REASONS
        return ", ".join([*map(_told, groups[:_REASONS]), *([f"{more} further reasons"] if more > 0 else [])])

    def hopeless(self) -> str:
        """Return that nobody who is known can take part, with what to do, or nothing if somebody may."""
        if not self._known or self.fit() or self._job.seats.all:
            return ""
        return (
            f"no peer that is known can take this job: {self.text()}; "
            "give them what it needs, join peers that have it, or ask for less"
        )

    def lacks_packages(self, peer: PeerId, advert: Advert) -> str:
        """Return the packages that a peer lacks which pulls because it would build them, where the job does not
        say from which wheels; or nothing. Others know better than their adverts what they have installed."""
        lack = ""
        if self._would_build(peer, advert) and not self._job.record.locked:
            lack = told_packages(self._job.record.needs, advert)
        return f"lacks {lack}" if lack else ""

    def _lack(self, peer: PeerId, advert: Advert) -> str:
        job = self._job
        if job.record.pickles and not job.trusted(peer):
            return OTHERS_PICKLES
        if advert.serves == "mine" and not job.trusted(peer):
            return _SERVES_MINE
        builds = self._would_build(peer, advert) and job.record.locked
        lack = told_lack(job.record.needs, advert, builds=builds)
        return f"lacks {lack}" if lack else ""

    def _would_build(self, peer: PeerId, advert: Advert) -> bool:
        return advert.builds == "anyone" or (advert.builds == "mine" and self._job.trusted(peer))


def _told(group: Unfit) -> str:
    """Return "1 peer lacks numpy (12D3…ab)", "3 peers lack numpy (12D3…ab, …)"."""
    number = len(group.peers)
    names = [short_peer_id(peer) for peer in group.peers[:_NAMED]] + ["…"] * (number > _NAMED)
    who = "1 peer" if number == 1 else f"{number} peers"
    if group.why.startswith("lacks "):
        text = f"{who} {group.why}" if number == 1 else f"{who} lack{group.why.removeprefix('lacks')}"
    else:
        text = f"{who} {'is' if number == 1 else 'are'} {group.why}"
    return f"{text} ({', '.join(names)})"
