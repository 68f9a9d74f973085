"""Carries out what cores want, as `peernet.runtime.driver` does: the journal first, then the rest in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peernet.core import effects as fx
from peernet.core.effects import Effect
from peernet.core.events import Done, Event
from peernet_sim.boxes import Boxes
from peernet_sim.looking import Watcher
from peernet_sim.machine import Machine
from peernet_sim.network import Network

_RECORDS = frozenset((fx.Save, fx.Forget))

_NOTHING: tuple[type, ...] = (fx.Save, fx.Forget, fx.Note, fx.PinBlob, fx.UnpinBlobs)
"""What needs no carrying out here: records are committed before, blobs are kept for the whole run, and nobody
reads notes."""

_BOXES: tuple[type, ...] = (
    fx.OpenBox,
    fx.RunSlice,
    fx.KillSlice,
    fx.CloseBox,
    fx.OpenHost,
    fx.Cut,
    fx.Replay,
    fx.Fold,
    fx.Differ,
    fx.Compose,
    fx.Finish,
    fx.CloseHost,
)


class Carrier:
    """Knows who carries out which effect. watcher: is told of records of jobs and of answers. post: hands a core
    what came out of looking through its journal."""

    def __init__(
        self, network: Network, boxes: Boxes, watcher: Watcher, post: Callable[[Machine, Event], None]
    ) -> None:
        self._watcher = watcher
        self._post = post
        self._acts: dict[type, Callable[[Machine, Any], None] | None] = {
            fx.Send: network.send,
            fx.Call: network.call,
            fx.Reply: network.reply,
            fx.Dial: network.dial,
            fx.Knock: network.knock,
            fx.Disconnect: network.disconnect,
            fx.Hold: network.hold,
            fx.Fetch: network.fetch,
            fx.Review: self._review,
            fx.Answer: self._answer,
        }
        self._acts.update(dict.fromkeys(_NOTHING))
        self._acts.update(dict.fromkeys(_BOXES, boxes.carry))

    def carry(self, machine: Machine, effects: list[Effect]) -> bool:
        """Carry out the effects of one handle. False, and nothing is done, while the disk refuses the commit."""
        for effect in effects:
            if type(effect) in _RECORDS:
                if machine.disk_full:
                    return False
                self._commit(machine, effects)
                break
        acts = self._acts
        for effect in effects:
            act = acts[type(effect)]
            if act is not None:
                act(machine, effect)
        return True

    def _commit(self, machine: Machine, effects: list[Effect]) -> None:
        apply = machine.journal.apply
        for effect in effects:
            kind = type(effect)
            if kind is fx.Save:
                apply(effect)
                record = effect.record  # type: ignore[union-attr]
                if record.space != "contact":
                    self._watcher.saved(machine, record)
            elif kind is fx.Forget:
                apply(effect)

    def _review(self, machine: Machine, effect: fx.Review) -> None:
        assert machine.core is not None
        limit = machine.core.context.config.trust.review_records
        self._post(machine, Done(effect.id, machine.journal.review(effect.peer, effect.after, limit)))

    def _answer(self, machine: Machine, effect: fx.Answer) -> None:
        self._watcher.answered(machine, effect.id, effect.value)
