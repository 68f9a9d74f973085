"""What a running peer learns of itself from those who connect: whether its clock is right, and who reaches it."""

from __future__ import annotations

import ipaddress
import statistics
from collections.abc import Callable

from peernet.core.events import Event, PeerConnected, PeerLost
from peernet.identity.envelope import MAX_SKEW
from peernet.types import PeerId


class Vitals:
    """Listens to the events of the network.

    tell: takes a warning for the user. reached: connections that others have opened to this peer since it started;
    afar: how many of them came from another machine.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.reached = 0
        self.afar = 0
        self._tell = tell
        self._ahead: dict[PeerId, float] = {}
        self._warned = False

    def heard(self, event: Event) -> None:
        """Take in an event of the network; others are passed over."""
        if isinstance(event, PeerConnected):
            if event.inbound:
                self.reached += 1
                self.afar += not _is_loopback(event.host)
            self._ahead[event.peer] = event.ahead
            self._check_clock()
        elif isinstance(event, PeerLost):
            self._ahead.pop(event.peer, None)

    @property
    def compared(self) -> int:
        """How many clocks this one is compared with: those of the peers that are connected."""
        return len(self._ahead)

    @property
    def behind(self) -> float | None:
        """Seconds that this clock is behind the others, less than none if it is ahead; None without others.

        The median, so that a few wrong clocks, or liars, don't move it.
        """
        return statistics.median_low(self._ahead.values()) if self._ahead else None

    def _check_clock(self) -> None:
        """Warn once, until the clock is right again: whatever this peer signs is refused elsewhere meanwhile."""
        behind = self.behind
        wrong = behind is not None and abs(behind) > MAX_SKEW
        if wrong and not self._warned:
            assert behind is not None
            self._tell(clock_fault(behind, self.compared))
        self._warned = wrong


def clock_fault(behind: float, compared: int) -> str:
    """Return what is wrong with a clock that differs by more than is tolerated, and what to do."""
    way = "behind" if behind > 0 else "ahead of"
    others = f"those of {compared} connected peers" if compared > 1 else "that of the one connected peer"
    return (
        f"the clock of this machine is {abs(behind):.0f} s {way} {others}, and {MAX_SKEW:.0f} s are tolerated: "
        "one refuses what the other signs; set the clock (`timedatectl set-ntp true` on most Linux systems)"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
