"""What can be read of a declaration without running it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from peernet.errors import ProjectError
from peernet.project import collect
from peernet.project.declared import Declared, read_declared

BLOCK = "# /// script\n# requires-python = '>=3.11'\n# dependencies = ['scipy']\n# ///\n"


def read(path: Path, name: str | None = None) -> Declared:
    return read_declared(collect(path, name, []))


def test_plain_values_are_read_and_the_others_named(workshop: Any) -> None:
    path = workshop.write(
        main=BLOCK + "import peernet\nopen('ran', 'w')\nN = 3\n"
        "@peernet.parallel(over=range(N), memory='64MiB', timeout=2.5, scratch=N, requirements=['numpy>=1'])\n"
        "def f(n): return n\n",
    )
    declared = read(path)
    assert declared.name == "f"
    assert (declared.options.memory, declared.options.timeout, declared.options.scratch) == (64 << 20, 2.5, None)
    assert declared.computed == ("scratch",)
    assert (declared.wanted.python, declared.wanted.packages) == (">=3.11", ("numpy>=1", "scipy"))
    assert not (workshop.folder / "ran").exists()


def test_the_project_that_is_named_is_read(workshop: Any) -> None:
    path = workshop.write(
        main="from peernet import parallel\n@parallel(over=[1], memory='32MiB')\ndef a(n): return n\n"
        "@parallel(over=[1], memory='64MiB', name='second')\nasync def b(n): return n\n",
    )
    assert read(path, "a").options.memory == 32 << 20
    assert read(path, "b").name == "second"
    assert read(path).options.memory is None, "which one is meant is told by the name only"
    with pytest.raises(ProjectError, match=r"main\.py declares no project named 'c': it has a, b"):
        read(path, "c")


def test_a_declaration_that_is_made_otherwise_is_left_to_the_run(workshop: Any) -> None:
    path = workshop.write(main="import peernet\nf = peernet.parallel(over=[1], memory='1MiB')(print)\n")
    declared = read(path)
    assert (declared.name, declared.options.memory) == ("", None)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("memory='lots'", r"main\.py: memory='lots': it must be a number of bytes"),
        ("requirements=['./here']", r"main\.py: the requirement './here' can't be used: it is a path"),
    ],
)
def test_wrong_values_are_told_with_their_file(workshop: Any, given: str, words: str) -> None:
    path = workshop.write(main=f"import peernet\n@peernet.parallel(over=[1], {given})\ndef f(n): return n\n")
    with pytest.raises(ProjectError, match=words):
        read(path)
