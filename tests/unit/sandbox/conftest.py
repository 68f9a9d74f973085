"""Boxes of small projects, made from their source."""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from peernet.config import BoxConfig
from peernet.project import Bundle, Cutter
from peernet.results import decode
from peernet.sandbox import Box, BoxExecutor, HostBox, Limits, Outcome
from peernet.sandbox.probe import try_tier

LIMITS = Limits(seconds=30.0)


def bundle_of(source: str, over: str = "[]", options: str = "", imports: tuple[str, ...] = ()) -> bytes:
    """A project file whose function is `task`."""
    text = textwrap.dedent(source).replace(
        "def task(", f"import peernet\n@peernet.parallel(over={over}{options})\ndef task("
    )
    files = (("project.py", text.encode()),)
    return Bundle("source", "project.py", "", (), files, "", imports, b"").encode()


def inputs_of(*values: Any) -> bytes:
    """The encoded input of one slice."""
    cut = Cutter(list(values)).cut(max(1, len(values)))
    assert cut is not None
    return cut.data


def nothing() -> None:
    """An `on_start` that does nothing."""


def values_of(outcome: Outcome) -> Any:
    """The results of a slice that went well."""
    assert outcome.status == "ok", outcome
    assert outcome.value is not None
    return decode(outcome.value)


@pytest.fixture
def make_bundle() -> Callable[..., bytes]:
    return bundle_of


@pytest.fixture
def inputs() -> Callable[..., bytes]:
    return inputs_of


@pytest.fixture
def values() -> Callable[[Outcome], Any]:
    return values_of


@cache
def fault_of(tier: str) -> str:
    """Why a tier does not work on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        return try_tier(tier, Path(folder), BoxConfig())


@pytest.fixture(params=["A", "B", "C"])
def tier(request: pytest.FixtureRequest) -> str:
    """Each tier that this machine has."""
    name: str = request.param
    if fault_of(name):
        pytest.skip(f"tier {name}: {fault_of(name)}")
    return name


@pytest.fixture
def writing_tier(tier: str) -> str:
    """Each tier in which slices may write files."""
    if tier == "B":
        pytest.skip("slices of tier B write no files")
    return tier


@pytest.fixture
async def executor(tier: str, tmp_path: Path) -> AsyncIterator[BoxExecutor]:
    """An executor that is closed afterwards, and must leave nothing behind."""
    executor = BoxExecutor(tier, tmp_path / "boxes", BoxConfig())
    yield executor
    await executor.aclose()
    assert list((tmp_path / "boxes").iterdir()) == []


@pytest.fixture
async def open_box(executor: BoxExecutor) -> AsyncIterator[Callable[..., Awaitable[Box]]]:
    """Open a box of a project given by its source."""
    async with AsyncExitStack() as stack:

        async def opener(source: str, slots: int = 2, **more: Any) -> Box:
            box = await executor.open_box(bundle_of(source, **more), LIMITS, slots)
            stack.push_async_callback(box.aclose)
            return box

        yield opener


@pytest.fixture
def run(open_box: Callable[..., Awaitable[Box]]) -> Callable[..., Awaitable[Outcome]]:
    """Run one slice of a project given by its source, in a box of its own."""

    async def runner(source: str, *values: Any, limits: Limits = LIMITS, **more: Any) -> Outcome:
        box = await open_box(source, **more)
        return await box.run(inputs_of(*(values or (1,))), limits, nothing)

    return runner


@pytest.fixture
async def hosts(tmp_path: Path) -> AsyncIterator[BoxExecutor]:
    """An executor for job hosts, which are the same in all tiers."""
    executor = BoxExecutor(None, tmp_path / "boxes", BoxConfig())
    yield executor
    await executor.aclose()
    assert list((tmp_path / "boxes").iterdir()) == []


@pytest.fixture
async def open_host(hosts: BoxExecutor) -> AsyncIterator[Callable[..., Awaitable[HostBox]]]:
    """Open the job host of a project given by its source."""
    async with AsyncExitStack() as stack:

        async def opener(
            source: str, overrides: dict[str, object] | None = None, lines: list[str] | None = None, **more: Any
        ) -> HostBox:
            on_output = nothing_of if lines is None else lines.append
            host = await hosts.open_host(bundle_of(source, **more), overrides or {}, on_output)
            stack.push_async_callback(host.aclose)
            return host

        yield opener


def nothing_of(line: str) -> None:
    """An `on_output` that does nothing."""
