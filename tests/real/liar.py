"""A test double: a peer whose boxes return wrong results. Run like `peernet join`: see conftest."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import trio

from peernet.results import decode, encode
from peernet.runtime.main import run_until_told
from peernet.runtime.options import PeerOptions
from peernet.sandbox import BoxExecutor, Limits, Outcome, probe
from peernet.storage.home import Home

EVERY = int(os.environ.get("LIE_EVERY", "1"))
"""It lies about results whose whole part leaves the largest remainder when divided by this: all by default."""


class LyingBox:
    """A box that computes honestly and reports one more, of each result or of every so-manieth."""

    def __init__(self, box: Any) -> None:
        self._box = box

    async def run(self, data: bytes, limits: Limits, on_start: Callable[[], None], **more: Any) -> Outcome:
        outcome = await self._box.run(data, limits, on_start, **more)
        values: Any = decode(outcome.value)
        return replace(outcome, value=encode([value + (int(value) % EVERY == EVERY - 1) for value in values]))

    async def aclose(self) -> None:
        await self._box.aclose()


class LyingExecutor(BoxExecutor):
    """Opens lying boxes."""

    async def open_box(self, bundle: bytes, limits: Limits, slots: int, **more: Any) -> Any:
        return LyingBox(await super().open_box(bundle, limits, slots, **more))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("addresses", nargs="*")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--nprocs", type=int)
    given = parser.parse_args()
    home = Path(os.environ["PEERNET_HOME"])
    options = PeerOptions(
        home=home, host=given.host, port=given.port, join=tuple(given.addresses), slots=given.nprocs
    )
    scratch = Home.open(home).scratch_folder
    # In the best tier that works, as honest peers: one that does not confine gets no stranger's work.
    executor = LyingExecutor(probe(scratch, options.config.box).tier, scratch, options.config.box)
    trio.run(lambda: run_until_told(options, lambda node: print(node.addresses[0], flush=True), executor=executor))


if __name__ == "__main__":
    sys.exit(main())
