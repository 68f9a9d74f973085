"""What a peer learns of itself from those who connect."""

from __future__ import annotations

import pytest

from peernet.core.events import PeerConnected, PeerLost, Tick
from peernet.runtime.vitals import Vitals
from peernet.types import Instance, PeerId


def connected(number: int, ahead: float, host: str = "192.0.2.1", inbound: bool = False) -> PeerConnected:
    return PeerConnected(PeerId(bytes([number])), Instance(bytes(16)), (), host, "", inbound, 0.01, ahead)


def test_a_clock_that_differs_is_told_once_until_it_is_right_again() -> None:
    told: list[str] = []
    vitals = Vitals(told.append)
    assert vitals.behind is None and vitals.compared == 0
    vitals.heard(connected(1, 61.5))
    assert vitals.behind == 61.5 and vitals.compared == 1
    [text] = told
    assert "62 s behind that of the one connected peer, and 60 s are tolerated" in text
    assert "timedatectl set-ntp true" in text
    vitals.heard(connected(2, 75.0))
    assert len(told) == 1
    for number in (3, 4, 5):
        vitals.heard(connected(number, 0.5))
    assert vitals.behind == 0.5 and len(told) == 1
    for number in (3, 4, 5):
        vitals.heard(PeerLost(PeerId(bytes([number])), "left", True))
    vitals.heard(connected(1, 80.0))
    assert len(told) == 2 and "75 s behind those of 2 connected peers" in told[1]


def test_a_clock_that_is_ahead() -> None:
    told: list[str] = []
    Vitals(told.append).heard(connected(1, -3600.0))
    assert "3600 s ahead of that of" in told[0]


def test_a_minority_of_liars_moves_nothing() -> None:
    told: list[str] = []
    vitals = Vitals(told.append)
    for number, ahead in enumerate([0.1, 1e11, -0.2, -1e9, 0.0]):
        vitals.heard(connected(number, ahead))
    assert vitals.behind == 0.0 and not told


@pytest.mark.parametrize(
    ("host", "afar"), [("192.0.2.1", 1), ("127.0.0.1", 0), ("::1", 0), ("2001:db8::1", 1), ("a-name", 1)]
)
def test_who_reaches_this_peer_is_counted(host: str, afar: int) -> None:
    vitals = Vitals(lambda text: None)
    vitals.heard(Tick())
    vitals.heard(connected(1, 0.0, host))
    assert (vitals.reached, vitals.afar) == (0, 0)
    vitals.heard(connected(2, 0.0, host, inbound=True))
    assert (vitals.reached, vitals.afar) == (1, afar)
