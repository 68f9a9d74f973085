"""Bounds and defaults of net."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetConfig:
    """Bounds of connections, of the listener and of the pool. Times in seconds, sizes in bytes. See each
    field."""

    # Strangers: what those cost who have not proven who they are.

    handshake_seconds: float = 4.0
    """From the first byte to the end of the greeting. An honest handshake takes four round trips and a
    millisecond."""

    strangers: int = 64
    """Connections that may be in their handshake at once; beyond it the oldest makes room. Each costs a task,
    a descriptor and less than a KiB; at 160 microseconds each, 64 are served in a hundredth of a second."""

    backlog: int = 512
    """Connections that wait in the kernel to be accepted. A burst of strangers must not push a peer out."""

    accept_pause: float = 0.1
    """After accepting failed for want of descriptors or memory: how long before the next attempt."""

    # One connection.

    rekey_every: int = 2**20
    """Records after which a direction takes a new key. Both sides must have the same value."""

    ping_seconds: float = 2.0
    """After this long without a byte a ping is sent."""

    dead_seconds: float = 8.0
    """After this long without a byte the peer counts as lost: three pings went unanswered. A frozen process
    is noticed within 10 s; over a connection that nobody needs, that much later than it is pinged later."""

    spare_ping_seconds: float = 10.0
    """In place of `ping_seconds`, on a connection that neither side needs and over which nothing is under way.
    Most connections of a peer in a large network are such, and at 2 s a peer with 200 of them would do little else
    but ping. That its peer is gone matters when it is used, and then it is pinged at once."""

    pause_slack: float = 1.0
    """Waking later than this after the time that was set means that this process was held up (a suspended
    laptop, SIGSTOP): the silence was its own and is not held against the peers."""

    queue_bytes: int = 2 * 1024 * 1024
    """Bytes that wait to be sent on a connection; beyond it calls raise BusyError and notices are dropped. A
    second of a slow line of 16 Mbit/s. With one frame of 4 MiB on top, and as much again on its way into the
    kernel, it is the memory that a peer which does not read can cost."""

    calls: int = 4096
    """Calls under way on one connection, each way. At a round trip of 50 ms that is 80,000 calls a second,
    all that one core can do. Further ones are refused as busy."""

    receive_bytes: int = 256 * 1024
    """Bytes taken from a socket at once: four records, so that bulk needs few system calls."""

    goodbye_seconds: float = 1.0
    """How long a connection that is being closed waits for what is queued to leave and for the other side to
    close."""

    drain_seconds: float = 2.0
    """When two peers dialled each other at once, the connection that is not kept still serves what is under
    way on it for this long at least: longer than any common round trip."""

    drain_checks: int = 15
    """How often it is looked at again before it is closed with something still under way: half a minute."""

    # Blobs.

    blob_window: int = 4
    """Chunks of a blob asked for ahead of what has arrived: 1 MiB, so 20 MB/s at a round trip of 50 ms."""

    blob_gets: int = 64
    """Chunks that a peer may wait for on one connection: 16 blobs at once. A waiting request is some 60
    bytes; its chunk is read when it is its turn. Further ones are refused."""

    blob_seconds: float = 60.0
    """How long one chunk may take. A window of 1 MiB takes 60 s at 140 kbit/s."""

    blob_rate: float = 16 * 1024.0
    """Bytes a second that a blob must come at, over all of it, beyond `blob_seconds`: a line of 140 kbit/s does. A
    holder that sends each chunk just in time must not keep a pull busy for hours."""

    blob_attempts: int = 3
    """Connections over which one blob is tried when they break on the way. What has arrived is kept."""

    # The pool.

    connections: int = 256
    """Live connections. Each costs a descriptor, of which a process has 1024 by default, and some 60 KiB.
    Beyond it the least recently used one that nobody holds is closed."""

    spare_connections: int = 32
    """Connections kept that neither side needs: those of lookups, so that the next one finds some peers without
    dialling. At 60 KiB each they are 2 MiB; all peers of a small group stay connected."""

    spare_seconds: float = 60.0
    """Beyond `spare_connections`, one that carried nothing but pings for so long is closed. 30 pings cost what a
    handshake does, so closing earlier would save nothing, and a lookup that goes on for longer finds it still."""

    spare_check_seconds: float = 5.0
    """How often it is looked for such connections."""

    holds: int = 4096
    """Peers that may be held. Neighbours and workers are far fewer; more is a fault of the caller."""

    dials: int = 256
    """Peers being dialled or waiting for their turn. Further ones are refused as busy."""

    dials_at_once: int = 32
    """Dials under way: each costs a descriptor for as long as a dead address takes."""

    knocks: int = 32
    """Peers that are being knocked at, to see whether they can be dialled. Each costs a descriptor; further ones
    wait for a later try, lest a crowd of newcomers hinders dials."""

    dial_seconds: float = 5.0
    """How long an address has to answer before it counts as dead: a lost SYN is sent again after 1 and 3
    s."""

    dial_addresses: int = 8
    """Addresses of one peer that are tried. Peers announce at most as many."""

    dial_notices: int = 64
    """Notices that wait for a peer which is being dialled. Further ones are dropped."""

    backoff_first: float = 0.5
    """After the first failure an address is left alone for this long; doubled with each further one, and
    drawn between the half and the whole of it so that peers do not return all at once."""

    backoff_limit: float = 30.0
    """The longest pause. A peer that comes back dials by itself, so longer would only cost; shorter would
    too."""

    backoff_addresses: int = 4096
    """Addresses whose failures are remembered, the oldest forgotten first: about a MiB."""

    clone_seconds: float = 2.0
    """A second connection under a known key, from another run of the peer: how long the first has to answer a
    ping. If it does, the key is in use twice; if not, the peer was restarted."""

    twin_seconds: float = 10.0
    """Two connections that stand within this time are taken for two dials that crossed, longer than a dial
    and a handshake can take; the core is told of one connection only."""

    text: int = 512
    """Characters kept of a text that another peer sent, in errors and reasons."""
