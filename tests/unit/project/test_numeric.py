"""Numeric classes as text: what may be asked for, what meets it, and what they say of numpy."""

from __future__ import annotations

import pytest

from peernet.errors import ProjectError
from peernet.project.numeric import (
    lacks_class,
    make_field,
    pin_numpy,
    platform_of,
    read_numeric,
    tells_numpy,
    uses_numpy,
)
from peernet.project.options import make_options, override

MACHINE = "linux-x86_64/glibc-2.36/x86-64-v3/cpython-3.11/math-00000000"
WHOLE = f"{MACHINE}/numpy-2.4.6/openblas-0.3.31-zen/simd-x86_v3/bits-11111111"


@pytest.mark.parametrize("given", ["same", "linux-x86_64", "linux-x86_64/glibc-2.36", MACHINE, WHOLE])
def test_a_class_its_beginning_or_the_same_may_be_asked_for(given: str) -> None:
    assert read_numeric(given) == given
    assert make_options(numeric=given).numeric == given


@pytest.mark.parametrize("given", [None, "any"])
def test_nothing_is_any(given: str | None) -> None:
    assert read_numeric(given) is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (True, 'numeric=True: it must be "same", "any", or a class as `peernet doctor` shows it'),
        (3, "numeric=3: it must be"),
        ("", "numeric='': it must be"),
        ("Same", "numeric='Same': it must be"),
        ("linux-x86_64/", "numeric='linux-x86_64/': it must be"),
        ("/glibc-2.36", "it must be"),
        ("linux-x86_64//glibc", "it must be"),
        ("linux x86_64", "it must be"),
        ("linux-x86_64\n", "it must be"),
        ("a" * 41, "it must be"),
        ("/".join("a" * 10), 'or its first facts, as in "linux-x86_64/glibc-2.36"'),
        (f"{MACHINE}/2.4.6", "its fact 6 is '2.4.6', where one that begins with 'numpy-' belongs"),
        (
            "linux-x86_64/glibc-2.36/x86-64-v3/cpython-3.11/numpy-2",
            "its fact 5 is 'numpy-2', where one that begins",
        ),
        (
            f"{MACHINE}/numpy-2/openblas/bits-1",
            "its fact 8 is 'bits-1', where one that begins with 'simd-' belongs",
        ),
    ],
)
def test_what_is_none_is_named_with_the_remedy(given: object, words: str) -> None:
    with pytest.raises(ProjectError) as told:
        read_numeric(given)
    assert words in str(told.value)
    with pytest.raises(ProjectError):
        make_options(numeric=given)


def test_the_command_line_has_the_last_word() -> None:
    declared = make_options(numeric="same")
    assert override(declared).numeric == "same"
    assert override(declared, numeric="linux-x86_64").numeric == "linux-x86_64"
    assert override(declared, numeric="any").numeric is None
    with pytest.raises(ProjectError, match="numeric='Linux'"):
        override(declared, numeric="Linux")


@pytest.mark.parametrize(
    ("own", "needed", "lack"),
    [
        ("", "", ""),
        (WHOLE, "", ""),
        (WHOLE, WHOLE, ""),
        (WHOLE, "linux-x86_64", ""),
        (MACHINE, WHOLE, ""),
        ("", "linux-x86_64", "a numeric class (it has told none)"),
        (MACHINE, "linux-aarch64", "the numeric class (linux-aarch64 is needed, linux-x86_64 is there)"),
        (
            WHOLE,
            f"{MACHINE}/numpy-2.4.6/openblas-0.3.31-haswell",
            "the numeric class (openblas-0.3.31-haswell is needed, openblas-0.3.31-zen is there)",
        ),
        (f"{MACHINE[:-1]}1", WHOLE, "the numeric class (math-00000000 is needed, math-00000001 is there)"),
        (
            "linux-x86_64/glibc-2.36",
            "linux-x86_64/glibc-2.3",
            "the numeric class (glibc-2.3 is needed, glibc-2.36 is there)",
        ),
    ],
)
def test_the_first_fact_that_differs_is_told(own: str, needed: str, lack: str) -> None:
    assert lacks_class(own, needed) == lack


def test_what_a_class_says_of_numpy() -> None:
    assert not tells_numpy("") and not tells_numpy(MACHINE) and tells_numpy(WHOLE)
    assert platform_of(WHOLE) == platform_of(MACHINE) == MACHINE and platform_of("") == ""
    assert pin_numpy(("numpy>=2", "scipy"), MACHINE) == ("numpy>=2", "scipy")
    assert pin_numpy(("numpy>=2", "scipy"), WHOLE) == ("numpy==2.4.6", "numpy>=2", "scipy")
    with pytest.raises(ProjectError, match=r"numeric='linux.*numpy==none"):
        pin_numpy((), f"{MACHINE}/numpy-none")


def test_projects_that_use_numpy() -> None:
    assert (
        uses_numpy(["math", "numpy"], []) and uses_numpy([], ["numpy>=2", "scipy"]) and uses_numpy([], ["numpy"])
    )
    assert not uses_numpy(["numpydoc"], ["numpydoc>=1", "numpy-financial"])


def test_facts_are_made_fit() -> None:
    assert make_field("OpenBLAS-0.3 SkylakeX") == "openblas-0.3_skylakex"
    assert make_field("a/b\n") == "a_b_" and make_field("--") == make_field("") == "unknown"
    assert len(make_field("x" * 99)) == 40
