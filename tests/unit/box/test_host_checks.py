"""The job host looks at results: hostile bytes are wrong ones, and no fault of the project."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from peernet.box.host import JobHost
from peernet.box.hostmessages import Check, Checked, Cut, HostOpen, HostOpened, WereCut
from peernet.config.box import BoxConfig
from peernet.errors import BoxError, CannotDecodeError, TaskError
from peernet.project import bundle_project, parallel
from peernet.results import encode

Open = Callable[..., JobHost]


@pytest.fixture
def opened(tmp_path) -> Iterator[Open]:
    made = JobHost(tmp_path, BoxConfig())

    def make(**options: object) -> JobHost:
        bundle, _ = bundle_project(parallel(over=range(-2, 2), **options)(abs))  # type: ignore[arg-type]
        answer = made.answer(HostOpen({}, bundle.encode()))
        assert isinstance(answer, HostOpened) and answer.checks == ("check" in options)
        return made

    yield make
    made.close()


def check(host: JobHost, results: bytes) -> object:
    cuts = host.answer(Cut(2, 1))
    assert isinstance(cuts, WereCut)
    return host.answer(Check(len(cuts.body), cuts.body + results))


def is_absolute(number, value):
    return value >= 0 and value in (number, -number)


def test_results_are_checked_beside_their_inputs(opened):
    host = opened(check=is_absolute)
    assert check(host, encode([2, 1])) == Checked(True)
    assert check(host, encode([2, 1])) == Checked(False)


@pytest.mark.parametrize("results", [b"", b"\xff\xff", encode(7), encode([]), encode([2]), encode([2, 1])[:-1]])
def test_bytes_that_are_no_results_do_not_pass(opened, results):
    assert check(opened(check=is_absolute), results) == Checked(False)


def test_what_check_raises_is_the_projects_fault(opened):
    with pytest.raises(TaskError, match="check raised TypeError"):
        check(opened(check=is_absolute), encode([None, 1]))


def test_an_input_that_does_not_decode_is_told(opened):
    with pytest.raises(CannotDecodeError):
        opened(check=is_absolute).answer(Check(1, b"?" + encode([1])))


def test_a_project_without_a_check_is_not_asked(opened):
    with pytest.raises(BoxError, match="no check"):
        check(opened(), encode([2, 1]))
