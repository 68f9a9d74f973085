"""What policies have in common that neither wait, nor audit, nor take anything back."""

from __future__ import annotations

from collections.abc import Collection

from peernet.core.work.votes import Key, Vote


class Plain:
    """The part of `Policy` for which there is a plain answer."""

    __slots__ = ()

    @property
    def believes(self) -> bool:
        """See `Policy.believes`."""
        return True

    @property
    def retains(self) -> bool:
        """See `Policy.retains`."""
        return False

    @property
    def judges_once(self) -> bool:
        """See `Policy.judges_once`. Nothing is learnt."""
        return False

    def holds(self, vote: Vote, checking: int) -> bool:
        """See `Policy.holds`."""
        return False

    def reached(self, votes: Collection[Vote], key: Key) -> float:
        """See `Policy.reached`. Numbers of equal results are no probability."""
        return float(self.believes and any(vote.trusted and vote.key == key for vote in votes))

    def suffices(self, reached: float) -> bool:
        """See `Policy.suffices`."""
        return True

    def audits(self, *, trusted: bool) -> float:
        """See `Policy.audits`."""
        return 0.0

    def settled(self, votes: Collection[Vote], key: Key) -> None:
        """See `Policy.settled`."""
