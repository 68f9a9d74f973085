"""Runs payloads in a process without any box, and prints what the last one returned, as JSON.

`python -m siege.bare STEP... < CONTEXT` with the working folder empty.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import time
from typing import Any

IDLE_SECONDS = 0.5
"""Between two steps: an attack that goes on meanwhile uses most of it."""


def main() -> None:
    context = json.load(sys.stdin)
    here, got = os.getcwd(), None
    for step in sys.argv[1:]:
        os.chdir(here)
        if got is not None:
            time.sleep(IDLE_SECONDS)
        with contextlib.suppress(OSError):
            got = run(step, context)
    print(json.dumps(got, default=repr), file=sys.stderr)


def run(step: str, context: dict[str, object]) -> Any:
    """Call one payload, named `module.function`."""
    module, function = step.split(".")
    return getattr(importlib.import_module(f"attacks.{module}"), function)(context)


if __name__ == "__main__":
    main()
