"""What a machine measures of its numeric class, and what a job host asks for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from peernet.box.host import JobHost
from peernet.box.hostmessages import HostOpen, HostOpened
from peernet.box.numeric import arrays, machine, mathbits
from peernet.box.numeric.own import own_class
from peernet.box.numeric.simd import read_features, simd_level
from peernet.config.box import BoxConfig
from peernet.errors import ProjectError
from peernet.project import bundle_project, parallel
from peernet.project.numeric import read_numeric

V2 = "sse2 cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3"
V3 = f"{V2} abm avx avx2 bmi1 bmi2 f16c fma movbe xsave"
V4 = f"{V3} avx512bw avx512cd avx512dq avx512f avx512vl"


@pytest.mark.parametrize(
    ("name", "features", "level"),
    [
        ("x86_64", "", "unknown"),
        ("x86_64", "sse2", "x86-64-v1"),
        ("x86_64", V2, "x86-64-v2"),
        ("x86_64", V3, "x86-64-v3"),
        ("x86_64", V3.replace("fma ", ""), "x86-64-v2"),
        ("x86_64", V4, "x86-64-v4"),
        ("x86_64", V4.replace("avx2 ", ""), "x86-64-v2"),
        ("aarch64", "fp asimd", "neon"),
        ("aarch64", "fp asimd sve", "sve"),
        ("aarch64", "fp asimd sve sve2", "sve2"),
        ("riscv64", "asimd", "unknown"),
    ],
)
def test_levels(name: str, features: str, level: str) -> None:
    assert simd_level(name, frozenset(features.split())) == level


def test_features_are_those_of_the_first_processor(tmp_path: Path) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text("processor\t: 0\nflags\t\t: fpu sse2\n\nprocessor\t: 1\nflags\t\t: fpu\n")
    assert read_features(told) == {"fpu", "sse2"}
    told.write_bytes(b"Features\t: fp asimd \xff\n")
    assert {"fp", "asimd"} <= read_features(told)
    told.write_text("model name: none\n")
    assert read_features(told) == read_features(tmp_path / "missing") == frozenset()


def test_the_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.sys, "platform", "linux")
    monkeypatch.setattr(os, "confstr", lambda name: "glibc 2.36")
    assert machine.c_library() == "glibc-2.36"
    monkeypatch.delattr(os, "confstr")
    monkeypatch.setattr(machine.platform, "libc_ver", lambda: ("", ""))
    assert machine.c_library() == "libc-unknown"
    monkeypatch.setattr(machine.sys, "platform", "darwin")
    monkeypatch.setattr(machine.platform, "mac_ver", lambda: ("14.5", (), ""))
    assert machine.c_library() == "libsystem-14.5"


def test_the_digest_tells_one_last_digit_of_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    before = mathbits.math_bits()
    assert before == mathbits.math_bits()

    def other(number: float) -> float:
        value = mathbits.math.exp(number)
        return mathbits.math.nextafter(value, 0.0) if number == pytest.approx(50, abs=0.3) else value

    changed = tuple(other if one is mathbits.math.exp else one for one in mathbits._MODERATE)
    monkeypatch.setattr(mathbits, "_MODERATE", changed)
    assert mathbits.math_bits() != before


def test_other_processes_measure_the_same() -> None:
    script = [sys.executable, "-I", "-S", mathbits.__file__]
    assert subprocess.run(script, capture_output=True, text=True, check=True).stdout == mathbits.math_bits()


def test_the_class_of_this_process_may_be_asked_for() -> None:
    pytest.importorskip("numpy")
    own = own_class(numpy=False)
    whole = own_class(numpy=True)
    assert read_numeric(whole) == whole and whole.startswith(f"{own}/numpy-")
    assert whole == own_class(numpy=True)


@pytest.fixture
def without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)  # an import of it fails


@pytest.mark.usefixtures("without_numpy")
def test_a_machine_without_numpy() -> None:
    assert arrays.measure() == arrays.NONE
    with pytest.raises(
        ProjectError, match=r'numeric="same": the project uses numpy, and there is none here .* install'
    ):
        own_class(numpy=True)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"Build Dependencies": {"blas": {"name": "accelerate", "version": "14"}}}, "accelerate-14"),
        ({}, "blas-unknown"),
        (None, "blas-unknown"),
    ],
)
def test_another_blas_is_named_as_numpy_was_built(config: Any, words: str) -> None:
    class Numpy:
        @staticmethod
        def show_config(mode: str) -> Any:
            return config

    assert arrays._blas(Numpy, None) == words


# --- the job host -------------------------------------------------------------------------------------------


@pytest.fixture
def host(tmp_path: Path) -> Iterator[JobHost]:
    made = JobHost(tmp_path, BoxConfig())
    yield made
    made.close()


def opened(host: JobHost, *, numeric: str | None = None, **options: Any) -> HostOpened:
    bundle, _ = bundle_project(parallel(over=[1], **options)(abs))
    overrides = {} if numeric is None else {"numeric": numeric}
    answer = host.answer(HostOpen(overrides, bundle.encode()))
    assert isinstance(answer, HostOpened)
    return answer


def test_a_host_says_what_class_same_is(host: JobHost) -> None:
    pytest.importorskip("numpy")
    told = opened(host, numeric="same", requirements=["numpy>=1.26"])
    assert told.numeric == own_class(numpy=True)
    version = told.numeric.split("/")[5].removeprefix("numpy-")
    assert told.packages.split("\n") == [f"numpy=={version}", "numpy>=1.26"]


def test_a_host_hands_on_a_class_that_is_named(host: JobHost) -> None:
    assert opened(host, numeric="linux-aarch64").numeric == "linux-aarch64"


@pytest.mark.parametrize("asked", [None, "any"])
def test_without_a_class_nothing_is_needed(host: JobHost, asked: str | None) -> None:
    told = opened(host, numeric=asked)
    assert (told.numeric, told.packages) == ("", "")


@pytest.mark.usefixtures("without_numpy")
def test_a_host_without_numpy_can_be_no_model_for_a_project_that_requires_it(host: JobHost) -> None:
    with pytest.raises(ProjectError, match="there is none here"):
        opened(host, numeric="same", requirements=["numpy"])
