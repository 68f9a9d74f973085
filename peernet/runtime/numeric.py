"""The numeric class of this machine (`project.numeric`): measured in short processes, with a box's environment."""

from __future__ import annotations

import subprocess
import sys

from peernet.box.numeric import arrays, mathbits
from peernet.box.numeric.machine import machine_class
from peernet.config.numeric import NumericConfig
from peernet.errors import BoxError
from peernet.sandbox.process import clean_environment

_CONFIG = NumericConfig()


def measure_machine() -> str:
    """Return the class without the facts of numpy. Takes some 30 ms: call it in a thread.

    Raises:
        BoxError: the process that measures it failed.
    """
    return machine_class(_run("-I", "-S", mathbits.__file__))


def measure_own(*, numpy: bool) -> str:
    """Return the class, with the facts of the numpy that is installed here where they are asked for and there is
    one. Takes half a second then.

    That numpy is imported outside of boxes, so this is for this machine's own, and for who has no box at hand.

    Raises:
        BoxError: a process that measures failed.
    """
    machine = measure_machine()
    facts = _run("-s", "-P", "-m", arrays.__name__) if numpy else arrays.NONE
    return machine if facts == arrays.NONE else f"{machine}/{facts}"


def _run(*arguments: str) -> str:
    command = (sys.executable, *arguments)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=clean_environment("/"),
            cwd="/",
            timeout=_CONFIG.process_seconds,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BoxError(f"the numeric class of this machine can't be measured: {error}") from error
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"])[-1]
        raise BoxError(f"the numeric class of this machine can't be measured: {reason}")
    return done.stdout
