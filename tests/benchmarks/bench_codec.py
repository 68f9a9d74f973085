"""The codec of results beside plain pickle and msgspec, in one run.

Run `python tests/benchmarks/bench_codec.py [--json]`. Each value is encoded and decoded by all three in turn,
`--repeat` times; the medians of processor time count. Quote the ratios: machines differ and are shared. What the
three do is not the same. pickle runs code of whoever made the bytes, and msgspec takes bytes that are not
canonical; the codec proves on the way that no other bytes could mean the same value. msgspec has no arrays, so it
gets the array's own bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from peernet.results import decode, encode

FLOATS = 100_000
BYTES = 8_000_000
SIDE = 1000

Call = Callable[[Any], Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeat", type=int, default=31, help="runs of each figure; the median counts")
    given = parser.parse_args()
    figures = {name: measured(value, size, given.repeat) for name, (value, size) in values().items()}
    if given.json:
        print(json.dumps(figures))
        return 0
    for name, directions in figures.items():
        for direction, rates in directions.items():
            shown = "  ".join(f"{codec} {rate:>8,.0f} MB/s" for codec, rate in rates.items() if "to" not in codec)
            ratios = "  ".join(f"{codec} {rate:.2f}" for codec, rate in rates.items() if "to" in codec)
            print(f"{name:<24} {direction:<7} {shown}   {ratios}")
    return 0


def values() -> dict[str, tuple[Any, int]]:
    """The values by name, with their bytes in memory as machine numbers."""
    source = random.Random(1)
    array = np.random.default_rng(1).random((SIDE, SIDE))
    return {
        f"{FLOATS:,} floats": ([source.random() for _ in range(FLOATS)], 8 * FLOATS),
        "8 MB of bytes": (os.urandom(BYTES), BYTES),
        f"{SIDE}x{SIDE} float64": (array, array.nbytes),
    }


def measured(value: Any, size: int, repeat: int) -> dict[str, dict[str, float]]:
    """MB/s of each codec both ways, and how the codec of results compares: above 1 it is faster."""
    plain = value.tobytes() if isinstance(value, np.ndarray) else value
    to_bytes = [
        ("peernet", encode, value),
        ("pickle", lambda given: pickle.dumps(given, 5), value),
        ("msgspec", msgspec.msgpack.encode, plain),
    ]
    back: dict[str, Call] = {"peernet": decode, "pickle": pickle.loads, "msgspec": msgspec.msgpack.decode}
    encoded = [(name, back[name], call(given)) for name, call, given in to_bytes]
    return {
        "encode": with_ratios({name: size / 1e6 / seconds for name, seconds in timed(to_bytes, repeat).items()}),
        "decode": with_ratios({name: size / 1e6 / seconds for name, seconds in timed(encoded, repeat).items()}),
    }


def timed(calls: list[tuple[str, Call, Any]], repeat: int) -> dict[str, float]:
    """The median of processor seconds of each, taken in turn so that a busy moment meets all of them."""
    seconds: dict[str, list[float]] = {name: [] for name, _, _ in calls}
    for _ in range(repeat):
        for name, call, argument in calls:
            begun = time.process_time()
            call(argument)
            seconds[name].append(time.process_time() - begun)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def with_ratios(rates: dict[str, float]) -> dict[str, float]:
    ratios = {f"to {name}": rates["peernet"] / rates[name] for name in ("pickle", "msgspec")}
    return rates | ratios


if __name__ == "__main__":
    raise SystemExit(main())
