"""A project, or its environment, that brings modules under the names of what a box imports beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from siege.campaign import inputs
from siege.catalogue import TIGHT
from siege.tiers import missing

from peernet.config import BoxConfig
from peernet.project import Bundle
from peernet.results import decode
from peernet.sandbox import make_executor

pytestmark = pytest.mark.real

SPY = b"import os\nPID = os.getpid()\n"
"""Tells in which process it was imported: it must be no other than the one that runs the slice."""

PROJECT = b"""
import importlib, os, sys
import peernet

NAMES = ("numpy", "cloudpickle", "sitecustomize", "usercustomize", "spy")

@peernet.parallel(over=[])
def task(_):
    early = [name for name in NAMES if hasattr(sys.modules.get(name), "PID")]
    modules = [importlib.import_module(name) for name in NAMES]
    elsewhere = [module.__name__ for module in modules if module.PID != os.getpid()]
    return [early, elsewhere]
"""


def spying_bundle(where: Path | None) -> bytes:
    """A project that uses packages which are spies: beside it, or in an environment's folder."""
    spies = [(f"{name}.py", SPY) for name in ("cloudpickle", "numpy", "sitecustomize", "spy", "usercustomize")]
    if where is not None:
        for name, content in spies:
            (where / name).write_bytes(content)
        (where / "spy.pth").write_text("import spy\n")
        spies = []
    files = sorted([*spies, ("project.py", PROJECT)])
    return Bundle("source", "project.py", "", (), tuple(files), "", ("cloudpickle", "numpy"), b"").encode()


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "environment"
    folder.mkdir()
    yield folder


@pytest.mark.parametrize("tier", ["A", "B", "C"])
@pytest.mark.parametrize("beside", [True, False], ids=["beside the project", "in its environment"])
def test_no_module_of_a_stranger_is_imported_in_the_zygote(
    tier: str, beside: bool, environment: Path, tmp_path: Path
) -> None:
    if lack := missing(tier):
        pytest.skip(lack)

    async def first_slice() -> object:
        executor = make_executor(tier, tmp_path / "boxes", BoxConfig())
        try:
            where = None if beside else environment
            box = await executor.open_box(spying_bundle(where), TIGHT, 1, environment=where)
            outcome = await box.run(inputs("", {}), TIGHT, lambda: None)
            assert outcome.status == "ok", outcome
            assert outcome.value is not None
            return decode(outcome.value)[0]
        finally:
            await executor.aclose()

    assert trio.run(first_slice) == [[], []]
