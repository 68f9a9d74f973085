"""Bounds and defaults of work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkConfig:
    """See each field."""

    # --- the owner's side ----------------------------------------------------------------------------------

    jobs: int = 64
    """Jobs of this peer that run at once. Each has a job host, which is a process of tens of MiB."""

    ended_jobs: int = 256
    """Ended jobs kept in memory for the front ends; older ones are in the journal only."""

    seats: int = 1024
    """Workers of one job, parked or busy. Further ones are told to come back: beyond, the owner is the limit."""

    busy_seconds: float = 10.0
    """What a worker is told to wait when all seats are taken: about as long as a worker's stay at the tail."""

    unfit: int = 256
    """Workers remembered as unfit with the reason, for the text that says what a job waits for."""

    proven: int = 4096
    """Peers remembered to have returned a result, so that they are no newcomers in the next job."""

    peer_leases: int = 256
    """Leases that one worker may hold. Workers ask for a round trip's worth; more would only be late."""

    grant_bytes: int = 2 * 1024 * 1024
    """Inline input bytes of one `Grant`: half a frame's limit."""

    window_least: int = 8
    """Slices cut ahead at least: the first workers find work at once, an empty input shows at once."""

    window_most: int = 4096
    """Undecided slices of a job at most. Covers a thousand slots; each undecided slice costs about a KiB."""

    window_slots: int = 2
    """Slices cut ahead for each slot that workers have asked for: one round of the host hides behind the other."""

    open_bytes: int = 64 * 1024 * 1024
    """Inline inputs and results of a job's undecided slices. No more is cut beyond it."""

    folds: int = 8
    """Folds asked of the job host at once: enough to hide its pipe's round trip."""

    checks: int = 8
    """Results that the job host is asked about at once, where they prove themselves: as folds."""

    narrow_least: int = 8
    """Calls of a slice from which a dispute is narrowed to those that differ. Of fewer, one call alone is too
    large a share to save much by a further question to the job host."""

    narrow_share: float = 0.25
    """The largest share of a slice's calls that are executed by themselves. Beyond, a whole execution costs little
    more, and tells something of all calls."""

    narrow_seconds: float = 0.1
    """Seconds that the whole slice has to take. Below, sending it costs as much as executing it: see
    `slice_seconds_least`."""

    narrow_most: int = 65_536
    """Calls of a slice up to which results are compared call by call: it takes the job host a microsecond each.
    Slices of more are of calls so short that nothing is saved."""

    fold_backlog: int = 1024
    """Accepted results waiting to be folded, beyond which nothing is granted until the host catches up."""

    fetches: int = 16
    """Result blobs of a job pulled at once. Others wait their turn; each is up to 64 MiB."""

    fetches_each: int = 4
    """Of those at most so many from one worker, so that one that sends slowly does not hold up all others."""

    claim_seconds: float = 60.0
    """Seconds in which the bytes of a result are expected. Then the slice goes elsewhere while they are pulled on:
    a worker that withholds them, or sends them drop by drop, costs a slice no more than that."""

    spent_leases: int = 16_384
    """Settled leases remembered, so that a second return is told from an invented one. About 200 bytes each."""

    slice_seconds: float = 0.5
    """Run time that a slice is sized for: a lost one costs little, and a fork of 4 ms is under one per cent."""

    slice_seconds_least: float = 0.1
    """Run time under which slices are not made smaller only to give every slot some: a fork would show."""

    slice_growth: int = 16
    """A slice holds at most so many times the calls of the largest one measured: costs may grow with the input."""

    slice_calls: int = 1 << 20
    """Calls of one slice at most, when sizes are chosen by measurement."""

    slices_per_slot: int = 4
    """Slices that each known slot should get of an input whose length is known, so that all finish together."""

    size_samples: int = 64
    """Measured slices that sizing looks at: enough for a median that a few liars or slow machines can't move."""

    deadline_least: float = 60.0
    """Seconds a slice may run if the project sets none and nothing speaks for more: machines differ by ten."""

    deadline_factor: float = 8.0
    """Times the 95th percentile of measured run times that a slice may take, if that is longer."""

    deadline_steps: float = 4.0
    """A slice that exceeded a limit of the owner's own making gets this many times as long the next time."""

    late_queue: float = 60.0
    """Seconds that a slice may wait in a worker's queue, at most, before it can be late. Queues are meant to hold
    what a round trip takes; without this a worker that hoards slices could keep the last for hours."""

    network_grace: float = 10.0
    """Seconds that a replica is kept for a worker of another network while one is seated: the time in which a
    worker of short slices comes for more. Then any worker may take it: better near than never."""

    late_margin: float = 5.0
    """Seconds beyond its own limit after which a lease is late: the way there and back, and a full worker."""

    unheard_least: float = 1.0
    """Seconds, besides round trips, in which the first slice of an idle worker begins: it checks the input, forks,
    and tells so with others. One that has to fetch its input takes longer, and loses nothing by being asked."""

    unheard_trips: float = 4.0
    """Round trips to a worker after which a slice whose turn has come and that is not said to run may never have
    arrived: the grant, the word of its start, and as much again for a link that is busy."""

    unheard_longest: float = 30.0
    """A worker that says it has what was asked for, or does not answer, is asked again after twice the time, up to
    this: half of what it takes until such a slice is late."""

    beat: float = 1.0
    """Seconds between two looks at a running job: late leases, patience, offers. Deadlines are seconds."""

    lost_grace: float = 3.0
    """Seconds that a peer whose connection broke has to come back before its slices go elsewhere."""

    restart_grace: float = 10.0
    """Seconds after a restart of this peer in which leases given before it may still return."""

    slice_losses: int = 16
    """Leases of one slice that may be lost with their workers before it is blamed for it and the job fails."""

    slice_retries: int = 3
    """Times that a slice that failed is run again where a project asks for that: machines that lack something are
    seldom more than a few, and a fault of the project's own shows again at once."""

    seat_seconds: float = 300.0
    """How long a connected worker that holds nothing and wants nothing still counts as one who may take work."""

    recall_timeout: float = 5.0
    """Seconds for the answer to a `Recall`, which a worker gives at once."""

    offer_interval: float = 2.0
    """Seconds between two offers while slices wait and pulled capacity does not cover them."""

    offer_renewal: float = 10.0
    """Seconds between two offers once the ring is at its widest and peers have answered: for peers that join."""

    offer_lifetime: float = 60.0
    """Seconds that an offer holds. It is renewed long before; a job whose owner is gone stops attracting."""

    manifest_lifetime: float = 7 * 86_400.0
    """Seconds that a manifest holds: the longest that a job may run."""

    tombstone_lifetime: float = 600.0
    """Seconds that a tombstone holds: longer than any offer of the job, clocks that disagree included."""

    receipt_lifetime: float = 30 * 86_400.0
    """Seconds that a receipt holds."""

    results_lifetime: float = 30 * 86_400.0
    """The longest lifetime of a batch of results that is believed: workers keep them for an absent owner."""

    # --- adverts and the worker's side ---------------------------------------------------------------------

    advert_lifetime: float = 120.0
    """Seconds that an advert holds, and the most that is believed of another's: capacity changes by the minute."""

    advert_renewal: float = 0.7
    """The neighbours get it again after 0.8 to 1.0 of this share of its lifetime. Over a connection that stands
    nothing is lost, and a new neighbour is told at once, so one renewal before it expires is enough."""

    advert_published_lifetime: float = 1800.0
    """Seconds that the advert in the DHT holds, which is to say what a machine far away is, not how busy it is:
    its holders (`advert_holders`) store it each time, most of whom have to be dialled again."""

    advert_published_renewal: float = 0.45
    """It is renewed after 0.8 to 1.0 of this share of that: the DHT, which renews a record by itself after 0.45 to
    0.6, never does so on top."""

    advert_interval: float = 15.0
    """Seconds that a change must last to be told to the neighbours before the renewal, less up to a quarter by
    chance. Each is signed and goes to a dozen peers; they only weigh by it how many of them are to ask for work,
    and slices of a few seconds must not make storms of it."""

    advert_cache: int = 256
    """Adverts of others kept: a neighbourhood, not the world. Those that expire first make room."""

    advert_change: float = 0.25
    """A change of this share of the slots or of the memory is worth telling before the renewal is due."""

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
    """Seconds within which workers spread their pulls after an offer, so that they do not hit an owner at once."""

    worker_pull_crowd: int = 64
    """Known slots from which the whole jitter is needed; in a smaller network it shrinks in proportion."""

    worker_pull_surplus: int = 16
    """Pulls beyond the open slices that workers aim at together: a parked pull costs an owner little, and a small
    network must not leave a slice lying because chance said no to all."""

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

    worker_batch_lifetime: float = 600.0
    """Seconds that signed results hold: far over a skew of clocks, and signed anew when sent again."""

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
