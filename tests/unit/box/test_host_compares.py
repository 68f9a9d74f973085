"""The job host groups results: hostile bytes are equal to nothing, and no fault of the project."""

from __future__ import annotations

import pytest

from peernet.box.host import JobHost
from peernet.box.hostmessages import Compare, Compared, HostOpen, HostOpened
from peernet.config.box import BoxConfig
from peernet.errors import BoxError, TaskError
from peernet.project import bundle_project, parallel
from peernet.results import encode


def near(one, other):
    return abs(one - other) < 0.1


@pytest.fixture
def opened(tmp_path):
    made = JobHost(tmp_path, BoxConfig())

    def make(**options):
        bundle, _ = bundle_project(parallel(over=range(4), **options)(abs))
        answer = made.answer(HostOpen({}, bundle.encode()))
        assert isinstance(answer, HostOpened) and answer.compares == ("equal" in options)
        return made

    yield make
    made.close()


def compare(host, *bodies):
    return host.answer(Compare(tuple(map(len, bodies)), b"".join(bodies)))


def test_close_results_share_a_medoid(opened):
    answer = compare(opened(equal=near), encode([1.0]), encode([1.05]), encode([7.0]))
    assert isinstance(answer, Compared)
    assert answer.medoids[0] == answer.medoids[1] in (0, 1)
    assert answer.medoids[2] == 2


def test_bytes_that_are_no_results_are_equal_to_nothing(opened):
    assert compare(opened(equal=near), b"\xff", encode([1.0]), encode(3), b"") == Compared((0, 1, 2, 3))


def test_what_equal_raises_is_the_projects_fault(opened):
    with pytest.raises(TaskError, match="equal raised TypeError"):
        compare(opened(equal=near), encode(["a"]), encode([1.0]))


def test_sizes_that_do_not_add_up_are_refused(opened):
    with pytest.raises(BoxError, match="their sizes do not match"):
        opened(equal=near).answer(Compare((1, 2), b"1234"))


def test_a_project_without_an_equal_is_not_asked(opened):
    with pytest.raises(BoxError, match="no equal"):
        compare(opened(), encode([1.0]))
