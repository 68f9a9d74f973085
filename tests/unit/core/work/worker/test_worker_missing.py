"""An owner that asks which of its grants have come."""

from __future__ import annotations

from peernet.types import JobId
from peernet.wire.work import Recall, Recalled


def missing(scene, owner, *numbers, job=None):
    """What the worker says that it does not have."""
    leases = tuple(owner.id(number) for number in numbers)
    return scene.message(owner.peer, Recall(job or owner.job, leases, True))


def test_what_is_here_is_kept_whether_it_runs_or_waits(scene, owner):
    owner.open_box()
    owner.grant(1, 2, 3)
    assert missing(scene, owner, 1, 2, 3, 4) == Recalled((owner.id(4),))
    assert scene.worker.view().running == 2
    assert missing(scene, owner, 3) == Recalled(())


def test_of_a_job_that_is_not_here_everything_is_missing(scene, owner):
    owner.open_box()
    assert missing(scene, owner, 1, job=JobId(b"?" * 32)) == Recalled((owner.id(1),))
