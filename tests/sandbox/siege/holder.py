"""A peer with running slices, to be killed. `python -m siege.holder TIER FOLDER NAME HOW...`

Opens a box and runs a slice for each HOW in it ("quietly", or "defiantly": with every trick to outlive its peer).
The slices carry NAME as the name of their process. Prints a line once all have started.
"""

from __future__ import annotations

import sys
from pathlib import Path

import trio

from peernet.config import BoxConfig
from peernet.sandbox import make_executor
from siege.campaign import bundle, inputs
from siege.catalogue import TIGHT


async def main(tier: str, folder: Path, name: str, ways: list[str]) -> None:
    executor = make_executor(tier, folder / "boxes", BoxConfig())
    box = await executor.open_box(bundle(), TIGHT, len(ways))
    started = 0

    def on_start() -> None:
        nonlocal started
        started += 1
        if started == len(ways):
            print("started", flush=True)

    async with trio.open_nursery() as nursery:
        for way in ways:
            data = inputs(f"processes.outlive_{way}", {"marker": name})
            nursery.start_soon(box.run, data, TIGHT, on_start)


if __name__ == "__main__":
    trio.run(main, sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
