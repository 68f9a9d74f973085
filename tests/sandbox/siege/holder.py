"""A peer with running slices, to be killed. `python -m siege.holder TIER FOLDER NAME HOW...`

Opens a box and runs a slice for each HOW in it ("quietly", or "defiantly": with every trick to outlive its peer).
The slices carry NAME as the name of their process. Exits with `LACKING` where the tier can't run.
"""

from __future__ import annotations

import sys
from pathlib import Path

import trio

from peernet.config import BoxConfig
from peernet.sandbox import make_executor
from siege.campaign import bundle, inputs
from siege.catalogue import TIGHT
from siege.tiers import missing

LACKING = 77
"""The exit code where the machine can't run the tier."""


async def main(tier: str, folder: Path, name: str, ways: list[str]) -> None:
    executor = make_executor(tier, folder / "boxes", BoxConfig())
    box = await executor.open_box(bundle(), TIGHT, len(ways))
    async with trio.open_nursery() as nursery:
        for way in ways:
            data = inputs(f"processes.outlive_{way}", {"marker": name})
            nursery.start_soon(box.run, data, TIGHT, lambda: None)


if __name__ == "__main__":
    if lack := missing(sys.argv[1]):
        print(lack, file=sys.stderr)
        sys.exit(LACKING)
    trio.run(main, sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
