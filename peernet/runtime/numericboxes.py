"""Which numeric class boxes are of (`project.numeric`): measured when a job asks for it, and remembered.

The facts of the machine are measured at the start; those of numpy take a box and half a second, and few jobs need
them. They are measured inside, so by the numpy that slices would import: this machine's, or that of an environment
which was built for a job.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import trio

from peernet.box.limits import default_limits
from peernet.box.numeric import mathbits
from peernet.config.box import BoxConfig
from peernet.config.numeric import NumericConfig
from peernet.errors import BoxError, PeernetError
from peernet.project import Bundle, Cutter
from peernet.project.numeric import NUMERIC_PATTERN, lacks_class, tells_numpy
from peernet.results import decode
from peernet.runtime.surroundings import Blocking
from peernet.sandbox import Executor, Outcome

_CONFIG = NumericConfig()
_FACTS = re.compile(NUMERIC_PATTERN)
_UNKNOWN = "numpy-unknown"
"""Stands in the place of numpy where it could not be measured: no job needs that."""


class NumericBoxes:
    """Of one peer. Use it in the thread of trio's loop.

    Args:
        executor: starts boxes. machine: returns the machine's class; it is called in `blocking`. config: of boxes.
        warn: takes a text for the user.
    """

    def __init__(
        self,
        executor: Executor,
        machine: Callable[[], str],
        blocking: Blocking,
        config: BoxConfig,
        warn: Callable[[str], None],
    ) -> None:
        self._executor = executor
        self._measure_machine = machine
        self._blocking = blocking
        self._limits = replace(default_limits(config), memory=_CONFIG.numpy_memory, seconds=_CONFIG.numpy_seconds)
        self._warn = warn
        self._machine = ""
        self._numpy: OrderedDict[Path | None, str] = OrderedDict()
        self._turn = trio.Lock()
        self._wanted = trio.Event()

    @property
    def own(self) -> str:
        """The class of boxes with this machine's own packages, as far as it is known; empty where nothing is."""
        return self._joined(self._numpy.get(None, ""))

    async def start(self) -> None:
        """Measure the machine. Boxes are of no class before."""
        try:
            self._machine = await self._blocking(self._measure_machine)
        except BoxError as error:
            self._warn(f"{error}; jobs that need peers of one numeric class are left alone")

    def want_numpy(self) -> None:
        """Have `serve` measure this machine's own numpy, if it has not yet."""
        self._wanted.set()

    async def serve(self, tell: Callable[[], None]) -> None:
        """Measure this machine's own numpy once it is wanted, and call `tell`: `own` says more now."""
        await self._wanted.wait()
        try:
            await self._numpy_in(None)
        except PeernetError as error:
            self._numpy[None] = _UNKNOWN
            self._warn(f"{error}; jobs that need numpy of one numeric class are left alone until the next start")
        tell()

    async def require(self, needed: str, environment: Path | None) -> None:
        """See to it that boxes with an environment are of a numeric class.

        needed: empty for any. environment: None for this machine's own packages.

        Raises:
            BoxError: they are of another one, or it can't be found out.
        """
        numpy = await self._numpy_in(environment) if tells_numpy(needed) else ""
        lack = lacks_class(self._joined(numpy), needed)
        if lack:
            raise BoxError(f"this machine lacks {lack}")

    def _joined(self, numpy: str) -> str:
        return "/".join(facts for facts in (self._machine, numpy) if facts)

    async def _numpy_in(self, environment: Path | None) -> str:
        """The facts of numpy in an environment, measured once. One after the other: others would disturb it."""
        async with self._turn:
            facts = self._numpy.get(environment)
            if facts is None:
                facts = self._numpy[environment] = await self._measure(environment)
            self._numpy.move_to_end(environment)
            while len(self._numpy) > _CONFIG.kept:
                oldest = next(kept for kept in self._numpy if kept is not None)
                del self._numpy[oldest]
            return facts

    async def _measure(self, environment: Path | None) -> str:
        box = await self._executor.open_box(_bundle(), self._limits, 1, environment=environment)
        try:
            return _facts(await box.run(_input(), self._limits, lambda: None))
        finally:
            await box.aclose()


def _facts(outcome: Outcome) -> str:
    """What a box told of its numpy, which is a stranger's where it was built for a job."""
    if outcome.value is None:
        raise BoxError(f"what numpy computes here can't be measured: {outcome.error}")
    told = decode(outcome.value)
    facts = told[0] if type(told) is list and len(told) == 1 else None
    if type(facts) is not str or not facts or not _FACTS.fullmatch(facts):
        raise BoxError("what numpy computes here can't be measured: its box told something else")
    return facts


def _bundle() -> bytes:
    source = Path(mathbits.__file__).with_name("probe.py").read_bytes()
    return Bundle("source", "probe.py", "", ("numpy",), (("probe.py", source),), "", (), b"").encode()


def _input() -> bytes:
    cut = Cutter([None]).cut(1)
    assert cut is not None
    return cut.data
