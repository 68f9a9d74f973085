"""Shared by the tests of scenarios: files on disk, a world that writes down what is done to it."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from peernet.identity.multiaddr import Multiaddr
from peernet.types import PeerId
from peernet_sim.model import Happening
from peernet_sim.scenario import Scenario, load

SHIPPED = Path(__file__).parents[3] / "simulations" / "scenarios"

LEAST = """
about = "a test"
peers = 20
seconds = 60
"""


class Diary:
    """A world that notes what happens to its peers, on a clock of its own."""

    def __init__(self, seed: int = 1) -> None:
        self.now = 0.0
        self.rng = random.Random(seed)
        self.entries: list[tuple[float, str, int, Any]] = []
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def crash(self, index: int) -> None:
        self.entries.append((self.now, "crash", index, None))

    def restart(self, index: int, *, with_state: bool = True) -> None:
        self.entries.append((self.now, "restart", index, with_state))

    def freeze(self, index: int, seconds: float) -> None:
        self.entries.append((self.now, "freeze", index, seconds))

    def slow(self, index: int, factor: float) -> None:
        self.entries.append((self.now, "slow", index, factor))

    def skew(self, index: int, seconds: float) -> None:
        self.entries.append((self.now, "skew", index, seconds))

    def fill_disk(self, index: int, full: bool) -> None:
        self.entries.append((self.now, "disk", index, full))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (self.now + seconds, next(self._numbers), act))

    def peer_id(self, index: int) -> PeerId:
        return PeerId(hashlib.sha256(b"peer %d" % index).digest())

    def addresses(self, index: int) -> tuple[str, ...]:
        return (str(Multiaddr("10.0.0.1", 4000 + index, self.peer_id(index))),)

    def sign(self, index: int, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self.peer_id(index), digest_size=64).digest()

    def wall(self, index: int) -> float:
        return 1_800_000_000.0 + self.now

    def run(self, happenings: list[Happening], until: float) -> list[tuple[float, str, int, Any]]:
        """Let everything happen that is due before `until`; return the entries."""
        for happening in happenings:
            self.after(happening.at, lambda happening=happening: happening.act(self))  # type: ignore[misc]
        while self._heap and self._heap[0][0] <= until:
            self.now, _, act = heapq.heappop(self._heap)
            act()
        return self.entries


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def new_diary() -> type[Diary]:
    return Diary


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Write a scenario file: `least` is the least that it needs, put before the given text."""

    def write(text: str, least: str = LEAST) -> Path:
        file = tmp_path / "test.toml"
        file.write_text(least + text, encoding="utf-8")
        return file

    return write


@pytest.fixture
def read(written: Callable[..., Path]) -> Callable[..., Scenario]:
    """Load a scenario from a text."""
    return lambda text="", least=LEAST: load(written(text, least))


@pytest.fixture(params=sorted(path.stem for path in SHIPPED.glob("*.toml")))
def shipped(request: pytest.FixtureRequest) -> Path:
    """Each scenario that is part of the package."""
    return SHIPPED / f"{request.param}.toml"


@pytest.fixture
def shipped_names() -> set[str]:
    return {path.stem for path in SHIPPED.glob("*.toml")}
