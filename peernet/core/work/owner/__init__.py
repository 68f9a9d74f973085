"""The submitter's side: a job from its submission to its end.

`behaviour.Owner` is its face and `job.Job` one running job. The two tables of states are `slices` and `leases`;
`hosting` asks the job host to cut, fold and finish, `seats` are the parked pulls, `drawing` grants and recalls,
`intake` takes results and `verdicts` judges them, `watch` looks after time, `offering` spreads the word.
"""

from __future__ import annotations

from peernet.core.work.owner.behaviour import Owner
from peernet.core.work.owner.restoring import JobImage

__all__ = ["JobImage", "Owner"]
