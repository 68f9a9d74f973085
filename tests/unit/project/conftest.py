"""A folder for project files, and an interpreter that is put back as it was."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from peernet.project import Bundle, LoadedFunction, Project, load_function, load_project, materialise


class Workshop:
    """Writes project files, and plays the box that loads their bundles."""

    def __init__(self, folder: Path, box: Path) -> None:
        self.folder = folder
        self._boxes = box
        self._count = 0

    def write(self, **files: str) -> Path:
        """Write files by name (`__` for a folder's slash, `.py` added); returns the path of the first."""
        paths = []
        for name, text in files.items():
            path = self.folder.joinpath(*name.split("__in__")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            paths.append(path)
        return paths[0]

    def box(self, bundle: Bundle) -> Path:
        self._count += 1
        directory = self._boxes / str(self._count)
        directory.mkdir(parents=True)
        materialise(bundle, directory)
        return directory

    def project(self, bundle: Bundle) -> Project[..., object]:
        return load_project(Bundle.decode(bundle.encode()), self.box(bundle))

    def function(self, bundle: Bundle) -> LoadedFunction:
        return load_function(Bundle.decode(bundle.encode()), self.box(bundle))


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    modules, path, argv = dict(sys.modules), list(sys.path), list(sys.argv)
    folder = tmp_path / "project"
    folder.mkdir()
    yield Workshop(folder.resolve(), tmp_path / "boxes")
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.modules.update(modules)
    sys.path[:], sys.argv[:] = path, argv


@pytest.fixture
def run_script() -> Callable[[Path], str]:
    """Run a script as its own process and return what it printed."""
    import subprocess

    def run(path: Path, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, str(path), *arguments], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
