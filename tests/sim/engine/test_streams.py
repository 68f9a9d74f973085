"""The small source of randomness that simulated cores draw from."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import pairwise
from statistics import fmean

import pytest

from peernet_sim.crypto import Stream, small_stream


def test_it_draws_evenly_and_the_same_for_a_seed() -> None:
    one, again, other = small_stream(7), small_stream(7), small_stream(8)
    drawn = [one.random() for _ in range(20_000)]
    assert drawn[:100] == [again.random() for _ in range(100)] != [other.random() for _ in range(100)]
    assert min(drawn) >= 0.0 and max(drawn) < 1.0
    assert fmean(drawn) == pytest.approx(0.5, abs=0.01)
    assert fmean(x * y for x, y in pairwise(drawn)) == pytest.approx(0.25, abs=0.01)
    counts = Counter(one.randrange(10) for _ in range(20_000))
    assert len(counts) == 10 and min(counts.values()) > 1800


@pytest.mark.parametrize("bits", [1, 13, 64, 65, 200])
def test_bits_fill_what_was_asked_for(bits: int) -> None:
    rng = small_stream(1)
    drawn = [rng.getrandbits(bits) for _ in range(2000)]
    assert max(drawn).bit_length() == bits
    for bit in (0, bits // 2, bits - 1):
        assert fmean(number >> bit & 1 for number in drawn) == pytest.approx(0.5, abs=0.05)


def test_it_offers_what_cores_draw_with() -> None:
    rng = small_stream(3)
    assert sorted(rng.sample(range(9), 9)) == list(range(9))
    assert rng.choice("abc") in "abc" and 2.0 <= rng.uniform(2.0, 3.0) <= 3.0
    assert len(rng.randbytes(33)) == 33 and rng.getrandbits(0) == 0
    cards = list(range(20))
    rng.shuffle(cards)
    assert sorted(cards) == list(range(20)) != cards


def test_it_is_small() -> None:
    assert sys.getsizeof(Stream(1)) < 64
