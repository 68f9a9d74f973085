"""Results that may be taken back: the latest of each slice, in order, from a file."""

from __future__ import annotations

import io
import operator

import pytest

from peernet.box.host import JobHost
from peernet.box.hostmessages import Finish, Fold, Folded, HostOpen, Value
from peernet.box.spool import Spool
from peernet.config.box import BoxConfig
from peernet.project import bundle_project, parallel
from peernet.results import decode, encode


@pytest.mark.parametrize("memory", [True, False])
def test_the_latest_results_come_back_in_the_order_of_the_slices(tmp_path, memory):
    file = io.BytesIO() if memory else (tmp_path / "spool").open("x+b")
    spool = Spool(file)
    assert not spool.put(3, b"three")
    assert not spool.put(1, b"one")
    assert not spool.put(3, b"three")
    assert spool.put(1, b"uno")
    assert not spool.put(2, b"")
    assert list(spool) == [(1, b"uno"), (2, b""), (3, b"three")]
    assert (file.seek(0), file.read()) == (0, b"threeoneuno")
    spool.close()
    assert file.closed


@pytest.fixture
def host(tmp_path):
    project = parallel(over=range(4), reduce=operator.add)(abs)
    made = JobHost(tmp_path, BoxConfig())
    bundle, _ = bundle_project(project)
    made.answer(HostOpen({}, bundle.encode()))
    yield made
    made.close()


def fold(host, index, values, keep=True):
    assert host.answer(Fold(index, keep, encode(values))) == Folded()


def finish(host, slices):
    answer = host.answer(Finish(slices))
    assert isinstance(answer, Value)
    return decode(answer.body)


def test_a_replaced_result_counts_in_the_place_of_the_first(host):
    fold(host, 0, [1])
    fold(host, 1, [100])
    fold(host, 2, [3])
    fold(host, 1, [2])
    fold(host, 3, [4])
    assert finish(host, 4) == 10


def test_the_same_result_again_changes_nothing(host):
    for index in (0, 1, 1, 0):
        fold(host, index, [index + 1])
    assert finish(host, 2) == 3


def test_what_is_not_kept_is_folded_once(host, tmp_path):
    fold(host, 0, [1], keep=False)
    fold(host, 0, [1], keep=False)
    assert finish(host, 1) == 1
    assert not (tmp_path / "folded").exists()
