"""Real peers and a job that needs a package: one peer has it, one builds it, one lacks it and leaves it alone."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
WHEELS = SimpleNamespace(**runpy.run_path(str(ROOT / "tests/unit/sandbox/environments/wheels.py")))
PROJECT = """
# /// script
# dependencies = ["needle>=1"]
# ///
import peernet

@peernet.parallel(over=range(40), slice_size=2)
def task(number):
    import needle
    return needle.VERSION, number
"""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An index with the package, and pip configured for nothing else."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    with WHEELS.serving(tmp_path / "packages") as index:
        WHEELS.make_wheel(tmp_path / "packages", "needle", "1.0")
        yield index


@pytest.fixture
def python_with_it(tmp_path: Path, index: Any) -> Path:
    """An interpreter that has the package beside all that this one has."""
    folder = tmp_path / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    ours = sysconfig.get_path("purelib")
    (site / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    with zipfile.ZipFile(next(index.folder.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    return python


def test_who_has_or_builds_a_package_takes_the_job_and_who_lacks_it_leaves_it_alone(
    swarm: Any, index: Any, python_with_it: Path, tmp_path: Path
) -> None:
    source = ("--index-url", index.url)
    owner = swarm.join("owner", *source, nprocs=0)
    has = swarm.join("has", owner.address, command=[str(python_with_it), "-m", "peernet_cli"])
    builds = swarm.join("builds", owner.address, *source, "--build-environments", "anyone")
    lacks = swarm.join("lacks", owner.address, *source, "--build-environments", "none")
    swarm.until(lambda: len(swarm.json(owner, "peers")["peers"]) >= 3, "the owner to know all")
    project, out = tmp_path / "project.py", tmp_path / "out"
    project.write_text(PROJECT)

    done = swarm.run(owner, "submit", project, "-o", out, "--replicas", "2", "--patience", "60")

    assert done.returncode == 0, done.stderr
    found = json.loads((out / "results.json").read_text())
    assert found == [["1.0", number] for number in range(40)]
    peers = {peer["id"] for peer in json.loads((out / "stats.json").read_text())["peers"]}
    assert peers == {has.id, builds.id}
    environments = list((builds.home / "environments").iterdir())
    assert [path.name for path in environments[0].joinpath("packages").glob("needle.py")] == ["needle.py"]
    for other in (owner, has, lacks):
        assert not (other.home / "environments").exists()
    assert "needle" in done.stderr and "lack" in done.stderr
