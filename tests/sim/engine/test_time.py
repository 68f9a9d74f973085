from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable
from typing import NoReturn

import pytest

from peernet_sim.model import Plan, RunOptions
from peernet_sim.scale import Run


def refuse(*args: object, **options: object) -> NoReturn:
    raise AssertionError("a run waits for nothing real")


def test_a_run_neither_sleeps_nor_waits_nor_reads_a_clock(
    make_plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(make_plan(puts=2), RunOptions())
    for module, name in (
        (time, "sleep"),
        (time, "time"),
        (time, "monotonic"),
        (select, "select"),
        (socket, "socket"),
        (threading.Thread, "start"),
    ):
        monkeypatch.setattr(module, name, refuse)
    report = run.go()

    assert report.violations == []
    assert report.metrics["virtual_seconds"] == 25.0
