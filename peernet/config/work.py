"""Bounds and defaults of work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkConfig:
    """See each field."""

    # --- adverts and the worker's side ---------------------------------------------------------------------

    advert_lifetime: float = 120.0
    """Seconds that an advert holds, and the most that is believed of another's: capacity changes by the minute."""

    advert_interval: float = 4.0
    """Seconds between two adverts of this peer at least, unless it pauses: each is signed, stored and gossiped."""

    advert_cache: int = 256
    """Adverts of others kept: a neighbourhood, not the world. Those that expire first make room."""

    advert_change: float = 0.25
    """A change of the load, or of this share of the slots, that is worth telling before the renewal is due."""

    clone_warning: float = 300.0
    """Seconds between two warnings that another machine uses this key."""

    worker_offers: int = 1024
    """Offers remembered; the least recently heard go first. Each holds under a KiB."""

    worker_barred: int = 4096
    """Jobs whose offers are ignored until they expire (over, unfit, broken): a few bytes each, so that an offer
    that still travels does not bring a worker back."""

    worker_bar_seconds: float = 600.0
    """How long a job is ignored when nothing says when its offers expire."""

    worker_jobs: int = 8
    """Jobs served at once. Each has a box of its own, whose zygote takes tens of MiB."""

    worker_idle_room: float = 30.0
    """Seconds without work after which a job makes room for another when all `worker_jobs` places are taken."""

    worker_pull_jitter: float = 0.25
    """Seconds within which workers spread their pulls after an offer, so that an owner is not hit by all at once."""

    worker_pull_floor: float = 0.1
    """The least probability of a pull: adverts known may overstate the capacity that is really there."""

    worker_pull_timeout: float = 10.0
    """Seconds for the answer to a pull: a dial and a round trip, as long as a frozen peer goes unnoticed."""

    worker_return_timeout: float = 15.0
    """Seconds for the answer to results; the owner writes them to its journal first."""

    worker_retry_first: float = 0.5
    """Seconds before the first repeated call to an owner; doubled each time, with jitter."""

    worker_retry_longest: float = 30.0
    """Seconds between two repeated calls at most, so that an owner that is back is found while it matters."""

    worker_busy_longest: float = 300.0
    """Seconds that a busy owner may send a worker away for at most: it says so unsigned, and may be wrong."""

    worker_refusals: int = 3
    """Times that an owner may refuse a batch of results before they are dropped: it may just be starting."""

    worker_depth: int = 32
    """Slices queued for each slot at most. With slices of 1 ms it covers a round trip of 30 ms."""

    worker_long_slice: float = 5.0
    """Slices that run longer than this many seconds are not queued: fetching the next costs little beside it."""

    worker_flush_seconds: float = 0.02
    """The longest that a result waits for others to share its signature while the worker is busy."""

    worker_return_bytes: int = 1024 * 1024
    """Inline bytes that make a batch of results leave at once: large enough to batch, far under a frame."""

    worker_kept_results: int = 1024
    """Results of one job that wait for its owner at most; then its slices no longer start."""

    worker_kept_bytes: int = 16 * 1024 * 1024
    """Bytes of such results, for the same reason: eight jobs of a lost owner cost 128 MiB at worst."""

    worker_keep_seconds: float = 600.0
    """How long finished results wait for an owner that is gone: the time to restart a machine."""

    worker_grace: float = 60.0
    """How long slices of a lost owner go on: it may be restarting, and then takes their results."""

    worker_idle_seconds: float = 600.0
    """A job whose owner has sent nothing for so long loses its box."""

    worker_fetches: int = 4
    """Inputs of one job pulled at once: enough to hide a round trip, few enough to let the first arrive soon."""

    worker_tries: int = 3
    """Times that a lease's input is fetched, or that it is run when boxes end under it, before it is dropped."""

    worker_sweep: float = 5.0
    """Seconds between two looks for jobs that are idle, lost or expired, while any is served."""

    worker_storage_pause: float = 30.0
    """Seconds without taking work after this machine's disk refused: space is not freed by the second."""

    worker_longest_slice: float = 86_400.0
    """The longest time limit of a stranger's slice that is taken on, in seconds: a day."""

    worker_manifest_lifetime: float = 90 * 86_400.0
    """The longest lifetime of a manifest or receipt that is believed, in seconds: 90 days, far over any job."""
