"""The README's commands, run as they stand there.

A fenced `console` block below `<!-- test -->` is run: lines after `$ ` are commands, the others what they print to
standard output, where `…` stands for anything. A block below `<!-- file: NAME -->` is written to that file first.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
FILES = re.findall(r"<!-- file: (\S+) -->\n```python\n(.*?)```", README, re.DOTALL)
BLOCKS = re.findall(r"<!-- test -->\n```console\n(.*?)```", README, re.DOTALL)


def commands_of(block: str) -> list[tuple[str, str]]:
    """Return each command with what it is said to print."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)
    assert parts[0] == ""
    pairs = [part.partition("\n") for part in parts[1:]]
    return [(command, output) for command, _, output in pairs]


def test_the_set_up_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^\$ make (\w+)$", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_every_linked_file_exists() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).is_file(), target


@pytest.mark.real
@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_commands(number: int, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for name, text in FILES:
        (tmp_path / name).write_text(text)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PEERNET_HOME": str(tmp_path / "home")}
    for command, output in commands_of(BLOCKS[number]):
        ran = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == 0, (command, ran.stdout, ran.stderr)
        pattern = ".*".join(re.escape(part) for part in output.split("…"))
        assert re.fullmatch(pattern + "\n*", ran.stdout, re.DOTALL), (command, ran.stdout, output)


def test_there_are_blocks_to_run() -> None:
    assert len(BLOCKS) == 4
    assert [name for name, _ in FILES] == ["squares.py", "cubes.py"]
