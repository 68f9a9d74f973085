"""What makes trio deterministic. Private to trio, so all of it is in this file, and tested by a canary.

trio shuffles the tasks that can run at once, by `trio._core._run._r`. With `_ALLOW_DETERMINISTIC_SCHEDULING` it
sorts them by age first, so that a seed of `_r` fixes the order. trio makes both for its own tests with Hypothesis
and promises neither.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, TypeVar

import trio

from peernet.errors import UsageError

T = TypeVar("T")

_FLAG = "_ALLOW_DETERMINISTIC_SCHEDULING"
_RANDOM = "_r"
_CANARIES = 24


@contextmanager
def seeded_scheduling(seed: int) -> Iterator[None]:
    """Make the order of tasks of a `trio.run` inside a function of the seed. Left as it was afterwards.

    Raises:
        UsageError: this trio can't be made deterministic; says which one was tried.
    """
    module = _scheduler()
    flag, state = getattr(module, _FLAG), getattr(module, _RANDOM).getstate()
    setattr(module, _FLAG, True)
    getattr(module, _RANDOM).seed(seed)
    try:
        yield
    finally:
        setattr(module, _FLAG, flag)
        getattr(module, _RANDOM).setstate(state)


def run_seeded(seed: int, main: Callable[[], Awaitable[T]], clock: trio.abc.Clock) -> T:
    """Run `main` on trio as a function of the seed.

    Raises:
        UsageError: this trio can't be made deterministic.
    """
    check_determinism()
    with seeded_scheduling(seed):
        return trio.run(main, clock=clock)


def check_determinism() -> None:
    """Let some tasks race twice with one seed, and once with another.

    Raises:
        UsageError: the orders are not what determinism needs.
    """
    first, again, other = _race(1), _race(1), _race(2)
    if first != again or first == other:
        raise _refusal("its order of tasks does not follow the seed")


def _race(seed: int) -> list[int]:
    order: list[int] = []

    async def step(number: int) -> None:
        for _ in range(2):
            await trio.lowlevel.checkpoint()
            order.append(number)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(_CANARIES):
                nursery.start_soon(step, number)

    with seeded_scheduling(seed):
        trio.run(main)
    return order


def _scheduler() -> Any:
    """The module of trio that holds both names."""
    module = getattr(getattr(trio, "_core", None), "_run", None)
    if not isinstance(getattr(module, _FLAG, None), bool) or not isinstance(
        getattr(module, _RANDOM, None), random.Random
    ):
        raise _refusal(f"trio._core._run has no {_FLAG} and {_RANDOM} any more")
    return module


def _refusal(why: str) -> UsageError:
    return UsageError(
        f"fidelity mode needs a trio that can be made deterministic, and trio {version('trio')} can't: {why}; "
        "use --mode scale, or a trio between 0.27 and 0.35"
    )
