"""Addresses that fail are left alone for longer and longer."""

from __future__ import annotations

import random
from dataclasses import replace

from peernet.config.net import NetConfig
from peernet.net.backoff import Backoff

CONFIG = replace(NetConfig(), backoff_first=1.0, backoff_limit=16.0, backoff_addresses=3)
HERE = ("10.0.0.1", 1)


def test_the_pause_doubles_within_its_jitter_up_to_the_limit():
    backoff, now = Backoff(CONFIG, random.Random(1)), 100.0
    for pause in (1, 2, 4, 8, 16, 16, 16):
        backoff.failed(HERE, now)
        assert pause / 2 <= backoff.wait(HERE, now) <= pause
        assert backoff.wait(HERE, now + pause) == 0.0
        now += pause


def test_success_forgets():
    backoff = Backoff(CONFIG, random.Random(1))
    for _ in range(5):
        backoff.failed(HERE, 0.0)
    backoff.succeeded(HERE)
    assert backoff.wait(HERE, 0.0) == 0.0
    backoff.failed(HERE, 0.0)
    assert backoff.wait(HERE, 0.0) <= 1.0


def test_the_table_is_bounded_and_forgets_the_oldest():
    backoff = Backoff(CONFIG, random.Random(1))
    for port in range(10):
        backoff.failed(("10.0.0.1", port), 0.0)
    assert len(backoff) == 3
    assert backoff.wait(("10.0.0.1", 6), 0.0) == 0.0
    assert backoff.wait(("10.0.0.1", 7), 0.0) > 0.0


def test_a_thousand_failures_do_not_overflow():
    backoff = Backoff(CONFIG, random.Random(1))
    for _ in range(2000):
        backoff.failed(HERE, 0.0)
    assert backoff.wait(HERE, 0.0) <= 16.0
