"""Fair turns between submitters: deficit round robin (Shreedhar and Varghese, 1995) over their keys.

What is shared is run time. A turn is charged with what a slice is expected to take, and corrected with what it did
take, so nobody gains by cutting large slices or by a first slice that lies.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_LEAST_COST = 1e-6
_DEBT_TURNS = 16.0


class DeficitRoundRobin(Generic[K]):
    """Chooses whose turn it is. Keys that have nothing to run lose their credit but keep their debt.

    Bounded by its keys: `drop` those that are gone.
    """

    def __init__(self) -> None:
        self._deficits: dict[K, float] = {}

    def choose(self, costs: Mapping[K, float]) -> K | None:
        """Return whose slice runs next and charge it.

        Args:
            costs: for each key that has a slice waiting, the seconds that its next one is expected to take.
                Iteration order settles who is first among new keys.

        Returns:
            The key, or None when nothing waits.
        """
        if not costs:
            return None
        priced = {key: max(_LEAST_COST, cost) for key, cost in costs.items()}
        self._meet(priced)
        quantum = max(priced.values())
        while True:
            # The front key keeps its turn while its deficit lasts; then it goes to the back with a new quantum.
            for key in [key for key in self._deficits if key in priced]:
                if self._deficits[key] >= priced[key]:
                    self._deficits[key] -= priced[key]
                    return key
                deficit = self._deficits.pop(key)
                self._deficits[key] = max(deficit, -_DEBT_TURNS * quantum) + quantum

    def charge(self, key: K, seconds: float) -> None:
        """Correct a charge: positive when a slice took longer than was expected. Unknown keys are ignored."""
        if key in self._deficits:
            self._deficits[key] -= seconds

    def drop(self, key: K) -> None:
        """Forget a key."""
        self._deficits.pop(key, None)

    def _meet(self, costs: Mapping[K, float]) -> None:
        for key, deficit in self._deficits.items():
            if key not in costs:
                self._deficits[key] = min(0.0, deficit)
        for key in costs:
            self._deficits.setdefault(key, 0.0)


def fair_share(total: int, parts: int) -> int:
    """Return how many of `total` slots one of `parts` submitters may fill: rounded up, at least one of any."""
    return -(-total // max(1, parts)) if total > 0 else 0
