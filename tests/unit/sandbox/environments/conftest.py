"""An index of packages that the tests make, and environments that are built from it alone."""

from __future__ import annotations

import os
import runpy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from peernet.config.builds import BuildConfig
from peernet.project.bundle import running_python
from peernet.project.lock import Lock, LockedPackage
from peernet.sandbox.environments import Environments, Installer

_WHEELS = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("wheels.py"))))


@pytest.fixture
def wheels() -> SimpleNamespace:
    """The helpers of `wheels.py`."""
    return _WHEELS


@pytest.fixture(autouse=True)
def plain_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip without the configuration of the machine that the tests run on."""
    for name in [name for name in os.environ if name.startswith("PIP_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "0")


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """The folder that the index serves."""
    folder = tmp_path / "packages"
    folder.mkdir()
    return folder


@pytest.fixture
def index(packages: Path) -> Iterator[Any]:
    """The index; see `wheels.Index`."""
    with _WHEELS.serving(packages) as index:
        yield index


@pytest.fixture
def lock_of() -> Callable[..., Lock]:
    """Make a lock of wheels, each by its file."""

    def make(*paths: Path, **fields: str) -> Lock:
        named = [(path.name.split("-"), path) for path in paths]
        locked = [
            LockedPackage(parts[0].replace("_", "-"), parts[1], _WHEELS.digest_of(path)) for parts, path in named
        ]
        lock = Lock(running_python(), "", tuple(sorted(locked, key=lambda package: package.name)))
        return replace(lock, **fields)

    return make


@pytest.fixture
def open_environments(tmp_path: Path, index: Any) -> Callable[..., Environments]:
    """Open the same folder of environments, for anyone, with these bounds."""

    def opener(builds: str = "anyone", index_url: str | None = None, **bounds: Any) -> Environments:
        config = replace(BuildConfig(), **bounds)
        installer = Installer(config, index.url if index_url is None else index_url)
        return Environments(tmp_path / "environments", builds, installer, config)  # type: ignore[arg-type]

    return opener


@pytest.fixture
def left(tmp_path: Path) -> Callable[[], list[str]]:
    """What is in the folder of environments that is no complete one."""
    return lambda: [path.name for path in (tmp_path / "environments").iterdir() if len(path.name) != 64]
