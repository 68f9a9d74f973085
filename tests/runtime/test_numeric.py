"""The numeric class as the runtime measures it: in the environment of a box, once, and whatever a box tells."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from peernet.box.numeric.mathbits import math_bits
from peernet.config.box import BoxConfig
from peernet.errors import BoxError
from peernet.project.numeric import PLATFORM_FIELDS, read_numeric
from peernet.results import encode
from peernet.runtime import numeric
from peernet.runtime.numericboxes import NumericBoxes
from peernet.runtime.surroundings import in_thread
from peernet.sandbox import Outcome, Status, make_executor

MACHINE = "linux-x86_64/glibc-2.36/x86-64-v3/cpython-3.11/math-00000000"
NUMPY = "numpy-2.1/openblas-0.3-zen/simd-x86_v3/bits-11111111"
OTHER = "numpy-2.1/openblas-0.3-haswell/simd-x86_v3/bits-22222222"
BUILT = Path("/environment")


class Teller:
    """Boxes that tell something of their numpy, by their environment."""

    tier = "A"

    def __init__(self) -> None:
        self.told: dict[Path | None, bytes | None] = {None: encode([NUMPY]), BUILT: encode([OTHER])}
        self.opened: list[Path | None] = []
        self.closed = 0

    async def open_box(self, bundle: bytes, limits: object, slots: int, *, environment: Path | None = None) -> Any:
        self.opened.append(environment)
        await trio.lowlevel.checkpoint()
        teller = self

        class Box:
            async def run(self, data: bytes, limits: object, on_start: Callable[[], None]) -> Outcome:
                await trio.lowlevel.checkpoint()
                value = teller.told[environment]
                status = Status.OK if value is not None else Status.MEMORY
                return Outcome(status, value, "it ran out of memory", None, "", "", 0.1, 0.1, 1)

            async def aclose(self) -> None:
                teller.closed += 1

        return Box()


@pytest.fixture
def teller() -> Teller:
    return Teller()


@pytest.fixture
def warned() -> list[str]:
    return []


@pytest.fixture
async def boxes(teller: Teller, warned: list[str]) -> NumericBoxes:
    made = NumericBoxes(teller, lambda: MACHINE, in_thread, BoxConfig(), warned.append)  # type: ignore[arg-type]
    assert made.own == ""
    await made.start()
    return made


async def test_numpy_is_measured_once_when_it_is_wanted(boxes: Any, teller: Teller, nursery: trio.Nursery) -> None:
    told = trio.Event()
    nursery.start_soon(boxes.serve, told.set)
    await trio.testing.wait_all_tasks_blocked()
    assert boxes.own == MACHINE and teller.opened == []
    for _ in range(3):
        boxes.want_numpy()
    await told.wait()
    assert boxes.own == f"{MACHINE}/{NUMPY}"
    await boxes.require(boxes.own, None)
    assert teller.opened == [None] and teller.closed == 1


async def test_a_box_of_another_class_is_refused(boxes: Any, teller: Teller) -> None:
    await boxes.require("", BUILT)
    await boxes.require(MACHINE, BUILT)
    assert teller.opened == [], "only those who ask for numpy need it measured"
    await boxes.require(f"{MACHINE}/{NUMPY}", None)
    await boxes.require(f"{MACHINE}/{OTHER}", BUILT)
    with pytest.raises(
        BoxError, match=r"lacks the numeric class \(openblas-0.3-zen is needed, openblas-0.3-haswell"
    ):
        await boxes.require(f"{MACHINE}/{NUMPY}", BUILT)
    with pytest.raises(
        BoxError, match=r"lacks the numeric class \(linux-aarch64 is needed, linux-x86_64 is there"
    ):
        await boxes.require("linux-aarch64", None)
    assert teller.opened == [None, BUILT]


async def test_those_who_ask_at_once_wait_for_one_measurement(boxes: Any, teller: Teller) -> None:
    async with trio.open_nursery() as asking:
        for _ in range(5):
            asking.start_soon(boxes.require, f"{MACHINE}/{NUMPY}", None)
    assert teller.opened == [None]


async def test_old_environments_are_forgotten_and_this_machines_own_never(boxes: Any, teller: Teller) -> None:
    own = f"{MACHINE}/{NUMPY}"
    await boxes.require(own, None)
    folders = [Path(f"/{number}") for number in range(70)]
    for folder in folders:
        teller.told[folder] = encode([NUMPY])
        await boxes.require(own, folder)
    teller.opened.clear()
    for folder in (folders[-1], None, folders[0]):
        await boxes.require(own, folder)
    assert teller.opened == [folders[0]] and boxes.own == own


@pytest.mark.parametrize(
    "told",
    [
        None,
        b"",
        b"\xff",
        encode("numpy"),
        encode([]),
        encode([1]),
        encode([""]),
        encode(["a b"]),
        encode(["a", "b"]),
    ],
)
async def test_whatever_a_box_tells_a_peer_that_can_not_measure_says_so(
    boxes: Any, teller: Teller, warned: list[str], told: bytes | None
) -> None:
    teller.told[None] = told
    boxes.want_numpy()
    await boxes.serve(lambda: None)
    assert boxes.own == f"{MACHINE}/numpy-unknown"
    assert len(warned) == 1 and "left alone until the next start" in warned[0] and teller.closed == 1
    with pytest.raises(BoxError, match=r"numpy-2.1 is needed, numpy-unknown is there"):
        await boxes.require(f"{MACHINE}/{NUMPY}", None)


async def test_a_machine_that_can_not_be_measured_is_of_no_class(teller: Any, warned: list[str]) -> None:
    def broken() -> str:
        raise BoxError("the numeric class of this machine can't be measured: no")

    boxes = NumericBoxes(teller, broken, in_thread, BoxConfig(), warned.append)
    await boxes.start()
    assert boxes.own == ""
    assert warned == [
        "the numeric class of this machine can't be measured: no; "
        "jobs that need peers of one numeric class are left alone"
    ]


# --- real processes -----------------------------------------------------------------------------------------


def test_a_process_with_the_environment_of_a_box_measures_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    told = numeric.measure_machine()
    assert read_numeric(told) == told and told.endswith(f"/math-{math_bits()}")
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX2,-FMA")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    assert numeric.measure_machine() == told
    whole = numeric.measure_own(numpy=True)
    assert read_numeric(whole) == whole and whole.startswith(told)
    assert "katmai" not in whole and "prescott" not in whole


def test_a_process_that_fails_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(numeric.mathbits, "__file__", str(tmp_path / "missing.py"))
    with pytest.raises(BoxError, match=r"can't be measured: .*No such file"):
        numeric.measure_machine()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(BoxError, match=r"can't be measured: .*No such file"):
        numeric.measure_machine()


@pytest.mark.real
async def test_boxes_compute_as_the_job_host_and_doctor_say(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    executor = make_executor("C", tmp_path, BoxConfig())
    try:
        boxes = NumericBoxes(executor, numeric.measure_machine, in_thread, BoxConfig(), pytest.fail)
        await boxes.start()
        boxes.want_numpy()
        await boxes.serve(lambda: None)
    finally:
        await executor.aclose()
    assert boxes.own == numeric.measure_own(numpy=True)
    assert boxes.own.count("/") > PLATFORM_FIELDS
