"""What jobs need installed, as the runtime carries it out: locks are remembered, environments given back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from peernet.config import Config
from peernet.config.box import BoxConfig
from peernet.core.effects import CloseBox, LockPackages, OpenBox
from peernet.core.events import Done, Event, Failed
from peernet.errors import BoxError, BuildError, LockError, UsageError
from peernet.project.lock import Lock, LockedPackage
from peernet.runtime import packages as module
from peernet.runtime.boxes import Boxes
from peernet.runtime.numericboxes import NumericBoxes
from peernet.runtime.options import PeerOptions
from peernet.runtime.packages import Packages
from peernet.runtime.payloads import Payloads
from peernet.runtime.surroundings import in_thread
from peernet.storage.blobs import BlobStore
from peernet.types import JobId

JOB = JobId(b"j" * 32)
LOCK = Lock("3.11", "", (LockedPackage("needle", "1.0", "0" * 64),))


class Shelf:
    """Environments that need no building. uses: of the one that there is."""

    def __init__(self) -> None:
        self.uses = 0
        self.asked: list[tuple[Lock, bool]] = []

    async def get(self, lock: Lock, own: bool) -> Path:
        self.asked.append((lock, own))
        self.uses += 1
        return Path("/environment")

    def release(self, folder: Path) -> None:
        assert folder == Path("/environment")
        self.uses -= 1


class FakeBox:
    closed = 0

    async def aclose(self) -> None:
        self.closed += 1


class FakeExecutor:
    """Notes the environments that boxes are opened with."""

    def __init__(self) -> None:
        self.environments: list[Path | None] = []
        self.breaks = False

    async def open_box(
        self, bundle: bytes, limits: object, slots: int, *, environment: Path | None = None, reuse: bool = False
    ) -> FakeBox:
        self.environments.append(environment)
        if self.breaks:
            raise BoxError("the box breaks")
        return FakeBox()


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    return Packages(tmp_path / "environments", PeerOptions(tmp_path), in_thread)


@pytest.fixture
async def world(tmp_path: Path, nursery: trio.Nursery, packages: Packages, monkeypatch: Any) -> Any:
    class World:
        def __init__(self) -> None:
            self.shelf = Shelf()
            self.executor = FakeExecutor()
            self.outcomes: list[Event] = []
            self.printed: list[str] = []
            blobs = BlobStore(tmp_path / "blobs", 1 << 20)
            self.bundle = blobs.put(b"bundle")
            monkeypatch.setattr(packages, "_open", lambda: self.shelf)
            self.boxes = Boxes(
                self.executor,  # type: ignore[arg-type]
                packages,
                NumericBoxes(self.executor, str, in_thread, BoxConfig(), print),  # type: ignore[arg-type]
                Payloads(blobs, in_thread),
                Config(),
                self.outcomes.append,
                nursery,
                lambda job, text: self.printed.append(text),
            )

        async def carry(self, effect: Any) -> Event:
            self.boxes.carry(effect)
            while not self.outcomes:
                await trio.lowlevel.checkpoint()
            return self.outcomes.pop()

        def open(self, lock: bytes) -> OpenBox:
            return OpenBox(1, JOB, self.bundle, 1, lock=lock, own=True)

    return World()


async def test_a_box_gets_its_environment_and_gives_it_back(world: Any) -> None:
    assert isinstance(await world.carry(world.open(LOCK.encode())), Done)
    assert world.executor.environments == [Path("/environment")]
    assert world.shelf.asked == [(LOCK, True)] and world.shelf.uses == 1
    world.boxes.carry(CloseBox(JOB))
    await trio.testing.wait_all_tasks_blocked()
    assert world.shelf.uses == 0


async def test_a_box_that_needs_none_gets_none(world: Any) -> None:
    assert isinstance(await world.carry(world.open(b"")), Done)
    assert world.executor.environments == [None] and world.shelf.asked == []


async def test_a_box_that_does_not_open_gives_it_back(world: Any) -> None:
    world.executor.breaks = True
    outcome = await world.carry(world.open(LOCK.encode()))
    assert isinstance(outcome, Failed) and outcome.failure.message == "the box breaks"
    assert world.shelf.uses == 0


async def test_a_lock_that_is_none_opens_no_box(world: Any) -> None:
    outcome = await world.carry(world.open(b"no lock"))
    assert isinstance(outcome, Failed) and "the lock of the requirements can't be read" in outcome.failure.message
    assert world.executor.environments == []


async def test_a_lock_is_made_once(packages: Packages, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, ...]] = []

    def lock(requirements: tuple[str, ...], config: object, *, index_url: str) -> Lock | None:
        made.append(requirements)
        return LOCK if requirements == ("needle",) else None

    monkeypatch.setattr(module, "lock_requirements", lock)
    for _ in range(2):
        assert await packages.lock(("needle",)) == LOCK.encode()
        assert await packages.lock(("hay; sys_platform == 'none'",)) == b""
    assert len(made) == 2


async def test_the_user_is_told_why_there_is_no_lock(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def lock(*_: object, **__: object) -> Lock:
        raise LockError("the index is away")

    monkeypatch.setattr(module, "lock_requirements", lock)
    outcome = await world.carry(LockPackages(7, JOB, ("needle",)))
    assert outcome == Done(7, b"")
    assert world.printed == ["warning: the index is away"]


def test_leftovers_are_removed_where_anything_was_built(packages: Packages, tmp_path: Path) -> None:
    packages.start()
    assert not (tmp_path / "environments").exists()
    (tmp_path / "environments" / "build-0").mkdir(parents=True)
    packages.start()
    assert list((tmp_path / "environments").iterdir()) == []


def test_a_folder_that_can_not_be_used_is_told(packages: Packages, tmp_path: Path) -> None:
    (tmp_path / "environments").write_text("")
    with pytest.raises(BuildError, match=r"the disk refused to keep .*: File exists"):
        packages.start()


def test_an_index_is_a_url(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'nowhere' is no URL"):
        Packages(tmp_path, PeerOptions(tmp_path, index_url="nowhere"), in_thread)
