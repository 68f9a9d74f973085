"""How a broken invariant leaves the run that it was found in."""

from __future__ import annotations


class Broken(Exception):
    """An invariant does not hold. name: of the invariant; text: what was found; peers: whom it concerns, by their
    places in the topology."""

    def __init__(self, name: str, text: str, peers: tuple[int, ...]) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text
        self.peers = peers
