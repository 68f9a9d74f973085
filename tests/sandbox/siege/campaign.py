"""Runs attacks through one executor of one tier, as this user, and prints a line of JSON for each.

`python -m siege.campaign TIER FOLDER NAME...` from `tests/sandbox`. FOLDER is an empty folder of this user's. The
environment holds the secret that attackers are after.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import trio

from peernet.box.scratch import wipe
from peernet.config import BoxConfig
from peernet.errors import BoxError, CannotDecodeError
from peernet.project import Bundle, Cutter
from peernet.results import decode
from peernet.sandbox import Box, Executor, Outcome, make_executor
from siege.catalogue import ATTACKS, LOOSE, TIGHT, Attack, Control
from siege.result import Result
from siege.tiers import missing
from siege.world import World, lan_address

SECRET = "PEERNET_TEST_SECRET"
"""The environment variable that holds what attackers are after."""

_ROOT = Path(__file__).parents[1]
_PATIENCE = 60.0
"""Seconds after which a payload without a box is hung."""

_PROJECT = b"""
import importlib
import peernet

@peernet.parallel(over=[])
def task(order):
    step, context = order
    module, function = step.split(".")
    return getattr(importlib.import_module(f"attacks.{module}"), function)(context)
"""


@dataclass(frozen=True, slots=True)
class Line:
    """What is printed of one attack. won: the evidence, or nothing. honest: what is wrong with a slice afterwards,
    or nothing. beside: the same of one at the same time. skipped: why it could not be tried."""

    name: str
    status: str = ""
    error: str = ""
    won: str = ""
    honest: str = ""
    beside: str = ""
    skipped: str = ""
    seconds: float = 0.0


class Campaign:
    """One executor and one world; one box for slices in fresh processes and one that keeps them, and others after
    one has died."""

    def __init__(self, executor: Executor, world: World) -> None:
        self._executor = executor
        self._world = world
        self._boxes: dict[bool, Box] = {}
        self._bundle = bundle()

    async def attack(self, attack: Attack, *, control: bool) -> Line:
        """Carry out one attack and look what came of it."""
        if reason := self._can_not(attack, control):
            return Line(attack.name, skipped=reason)
        if control:
            attack = _as_control(attack)
        if control and attack.control is Control.BARE:
            result = self._bare(attack)
        else:
            result = await self._in_box(attack, naive=control and attack.naive)
        won = attack.judge(result, self._world)
        return Line(attack.name, result.status, result.error, won, await self._honest(attack.reuse), result.beside)

    async def aclose(self) -> None:
        for box in self._boxes.values():
            await box.aclose()

    def _can_not(self, attack: Attack, control: bool) -> str:
        if attack.name.endswith("_lan") and not lan_address():
            return "this machine has no address but loopback"
        if not control:
            return ""
        if attack.root and os.getuid() != 0:
            return "the kernel lets nobody but root do it"
        if attack.optional and not self._bare(attack).value:
            return "this machine's kernel refuses it without any box"
        return ""

    async def _in_box(self, attack: Attack, *, naive: bool) -> Result:
        """Run its steps, the last of which is judged."""
        awake = ""
        for step in attack.steps[:-1]:
            await self._run(step, attack, naive)
            if attack.reuse:
                awake = self._world.awake()
        return replace(await self._run(attack.steps[-1], attack, naive), awake=awake)

    async def _run(self, step: str, attack: Attack, naive: bool) -> Result:
        box = await self._opened(attack.reuse)
        before, wrong, failure = _peak(), "", ""
        outcome: Outcome | None = None
        async with trio.open_nursery() as nursery:

            async def neighbour() -> None:
                nonlocal wrong
                wrong = await self._honest(attack.reuse)

            if attack.beside:
                nursery.start_soon(neighbour)
            try:
                data = inputs(step, self._world.context(attack.cap))
                outcome = await box.run(data, attack.limits, lambda: None)
            except BoxError as error:
                failure = str(error)
        if outcome is None:
            await self._boxes.pop(attack.reuse).aclose()
            return Result("dead", None, failure, beside=wrong)
        value = _value(outcome, naive)
        return Result(outcome.status, value, outcome.error, outcome.output, _peak() - before, wrong)

    def _bare(self, attack: Attack) -> Result:
        """Without a box, in a folder that is removed afterwards, and with a descriptor that it should not have."""
        folder = self._world.folder / "bare"
        folder.mkdir()
        secret = os.open(self._world.diary, os.O_RDONLY)
        os.set_inheritable(secret, True)
        command = [sys.executable, "-m", "siege.bare", *attack.steps]
        try:
            with subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(_ROOT)},
                close_fds=False,
            ) as process:
                assert process.stdin is not None
                process.stdin.write(json.dumps(self._world.context(attack.cap)).encode())
                process.stdin.close()
                process.stdin = None
                if attack.name == "bombs.stop_itself":
                    stopped = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
                    process.kill()
                    assert stopped is not None
                    return Result("ok", stopped.si_code == os.CLD_STOPPED and "it stands still for ever", "")
                printed, said = process.communicate(timeout=_PATIENCE)
        finally:
            os.close(secret)
            wipe(folder)
        value = None
        with contextlib.suppress(ValueError):
            value = json.loads(said)
        return Result("ok", value, said.decode(errors="replace"), printed.decode(errors="replace"))

    async def _honest(self, reuse: bool) -> str:
        """Run a slice that does no harm. Returns what is wrong with it, or nothing."""
        box = await self._opened(reuse)
        try:
            outcome = await box.run(inputs("honest.work", {"number": 1000}), TIGHT, lambda: None)
        except BoxError as error:
            return f"the box failed: {error}"
        if outcome.status != "ok":
            return f"{outcome.status}: {outcome.error} {outcome.traceback} {outcome.output}"
        value = _value(outcome, False)
        return "" if value == _HONEST else f"it returned {value!r:.200}"

    async def _opened(self, reuse: bool) -> Box:
        if reuse not in self._boxes:
            self._boxes[reuse] = await self._executor.open_box(self._bundle, TIGHT, 2, reuse=reuse)
        return self._boxes[reuse]


_HONEST = [[499500, 499500], "c326aaff3f9b6922cc2ecb9faf9983f3c922273ff4842027fec473a7083d150e", []]


def _as_control(attack: Attack) -> Attack:
    """What the control runs for an attack: what it builds on if another one proves it, and without limits that
    keep it from working."""
    if attack.control is Control.PROOF:
        return replace(ATTACKS.get(attack.proof, Attack(attack.proof, (attack.proof,))), name=attack.name)
    limits = LOOSE if attack.control is Control.LOOSE else attack.limits
    judge = attack.control_judge or attack.judge
    return replace(attack, limits=limits, cap=attack.control_cap or attack.cap, judge=judge)


def _value(outcome: Outcome, naive: bool) -> Any:
    """What the slice returned for its only call; None if it returned nothing that is plain data."""
    if outcome.value is None:
        return None
    try:
        return decode(outcome.value)[0]
    except CannotDecodeError:
        return pickle.loads(outcome.value) if naive else None


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def bundle() -> bytes:
    """All payloads as one project."""
    files = [(f"attacks/{path.name}", path.read_bytes()) for path in sorted((_ROOT / "attacks").glob("*.py"))]
    return Bundle("source", "project.py", "", (), (*files, ("project.py", _PROJECT)), "", (), b"").encode()


def inputs(step: str, context: dict[str, object]) -> bytes:
    """The input of a slice that runs one payload."""
    cut = Cutter([(step, context)]).cut(1)
    assert cut is not None
    return cut.data


async def carry_out(tier: str, folder: Path, names: list[str]) -> None:
    executor = make_executor(tier, folder / "boxes", BoxConfig())
    world = World(folder / "world", os.environ[SECRET])
    campaign = Campaign(executor, world)
    try:
        for name in names:
            begun = time.monotonic()
            line = await campaign.attack(ATTACKS[name], control=tier == "C")
            show(replace(line, seconds=round(time.monotonic() - begun, 3)))
    finally:
        world.close()
        await campaign.aclose()
        await executor.aclose()


def main() -> None:
    tier, folder, names = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    if lack := missing(tier):
        for name in names:
            show(Line(name, skipped=lack))
        return
    (folder / "world").mkdir()
    trio.run(carry_out, tier, folder, names)


def show(line: Line) -> None:
    print(json.dumps(asdict(line)), flush=True)


if __name__ == "__main__":
    main()
