"""The executing side: from an offer to a result that its owner has taken.

`behaviour.Worker` is its face. `offers` and `pulls` decide what to ask for, `held` is what was granted, `boxes`
and `runner` have it run, `fairness` says whose turn it is, `outbox` and `delivery` bring the results home.
"""

from __future__ import annotations

from peernet.core.work.worker.behaviour import Worker

__all__ = ["Worker"]
