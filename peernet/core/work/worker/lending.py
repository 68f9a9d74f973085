"""What this machine lends to slices: why a job is left alone, and the limits of a slice that is taken."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from peernet.config.project import MAX_SECONDS
from peernet.core.adverts import Adverts
from peernet.core.context import Context
from peernet.core.effects import MeasureNumpy
from peernet.core.work.needs import Caps, lacks, lacks_packages, listed
from peernet.errors import ProjectError
from peernet.project.numeric import lacks_class, tells_numpy
from peernet.types import PeerId
from peernet.wire.signed import Needs


@dataclass(frozen=True, slots=True)
class Allowance:
    """The limits of a slice: wall-clock seconds, and bytes of memory and scratch."""

    seconds: float
    memory: int
    scratch: int


class Lending:
    """Compares what jobs need with what is lent here.

    Args:
        ctx: the core's context; `config.lend` holds what the volunteer chose.
        adverts: what this machine is.
        slots: slices run at once.
    """

    def __init__(self, ctx: Context, adverts: Adverts, slots: int) -> None:
        self._ctx = ctx
        self._adverts = adverts
        self._slots = max(1, slots)
        self._installed: Mapping[str, str] = {}
        self._missing: OrderedDict[tuple[str, ...], str] = OrderedDict()

    def caps(self, owner: PeerId | None = None) -> Caps:
        """Return the most that a slice of this owner may use. None: of a stranger."""
        config, lend = self._ctx.config, self._ctx.config.lend
        if owner is not None and self.is_own(owner):
            return Caps(lend.memory or 0, lend.seconds or 0.0, lend.scratch or 0)
        measured = self._adverts.measured
        share = 0 if measured is None else measured.memory // self._slots
        return Caps(
            memory=lend.memory or max(config.box.memory, share),
            seconds=lend.seconds or config.work.worker_longest_slice,
            scratch=lend.scratch or lend.strangers_scratch,
        )

    def lack(self, owner: PeerId, needs: Needs, lock: bytes | None = None) -> str:
        """Return what this machine lacks for a job, as in "numpy>=2", or nothing. Packages that it would build for
        this owner are not lacking. lock: of the job, None if it is not known yet."""
        machine = self._adverts.measured
        if machine is None:
            return "a measurement of itself"
        try:
            lack = lacks(needs, machine, self.caps(owner))
            missing = self._packages(needs, machine.installed)
        except ProjectError as error:
            return f"a way to read its needs: {error}"
        if lack or not missing:
            return lack or lacks_class(machine.numeric, needs.numeric)
        if not self.builds_for(owner):
            return missing
        return f"{missing}, and the submitter locked no wheels to build it from" if lock == b"" else ""

    def builds_for(self, owner: PeerId) -> bool:
        """Return whether packages that a job of this owner needs are built here."""
        build = self._ctx.config.lend.build
        return build == "anyone" or (build == "mine" and self.is_own(owner))

    def must_measure(self, needs: Needs) -> bool:
        """Return whether `lack` can't tell yet, since it is not known what numpy computes here. Then that is
        measured once, and told by the next measurement. What is built for a job is measured when its box opens."""
        machine = self._adverts.measured
        known = machine is not None and tells_numpy(machine.numeric)
        if known or not tells_numpy(needs.numeric) or not self.has_packages(needs):
            return False
        self._ctx.emit(MeasureNumpy())
        return True

    def has_packages(self, needs: Needs) -> bool:
        """Return whether all packages that a job needs are installed. `lack` has been asked of it before."""
        machine = self._adverts.measured
        return machine is not None and not self._packages(needs, machine.installed)

    def _packages(self, needs: Needs, installed: Mapping[str, str]) -> str:
        """What is missing, read once: offers are looked at again and again."""
        if installed is not self._installed:
            self._installed = installed
            self._missing.clear()
        missing = self._missing.get(needs.packages)
        if missing is None:
            missing = self._missing[needs.packages] = listed(lacks_packages(needs, installed))
            if len(self._missing) > self._ctx.config.work.worker_offers:
                self._missing.popitem(last=False)
        return missing

    def allow(self, owner: PeerId, needs: Needs) -> Allowance:
        """Return the limits of a slice: what its job needs, else the default, and never more than is lent."""
        box, caps = self._ctx.config.box, self.caps(owner)
        return Allowance(
            seconds=min(needs.seconds or box.seconds, caps.seconds or MAX_SECONDS),
            memory=_least(needs.memory or box.memory, caps.memory),
            scratch=_least(needs.scratch or box.scratch, caps.scratch),
        )

    def is_own(self, owner: PeerId) -> bool:
        """Return whether a peer is this one, or its key is marked as mine."""
        return owner == self._ctx.me or owner in self._ctx.mine


def _least(wanted: int, cap: int) -> int:
    return min(wanted, cap) if cap else wanted
