"""A running peer: the core, its driver, and everything the driver acts through, under one nursery."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace

import trio

from peernet.core.effects import Effect, MeasureNumpy, Note, PinBlob, Review, UnpinBlobs
from peernet.core.events import Event, Failure, JoinAsked, LeaveAsked, Listening
from peernet.core.node import Identity
from peernet.core.records import MineRecord
from peernet.errors import BuildError, StorageError
from peernet.identity.keys import KeyPair, verify
from peernet.identity.multiaddr import Multiaddr
from peernet.identity.peerid import format_peer_id, parse_peer_id
from peernet.net import Pool
from peernet.runtime.addresses import reachable_at
from peernet.runtime.boxes import BoxEffect, Boxes
from peernet.runtime.control import serve_control
from peernet.runtime.driver import Driver
from peernet.runtime.failures import to_error
from peernet.runtime.groups import unwrapped
from peernet.runtime.network import NetEffect, Network
from peernet.runtime.numericboxes import NumericBoxes
from peernet.runtime.options import PeerOptions
from peernet.runtime.packages import Packages
from peernet.runtime.payloads import Payloads
from peernet.runtime.restore import pin_results, restore
from peernet.runtime.reviews import Reviews
from peernet.runtime.service import Service
from peernet.runtime.surroundings import Surroundings
from peernet.runtime.tiers import caution, required, serves
from peernet.runtime.vitals import Vitals
from peernet.sandbox import Executor, Findings, make_executor
from peernet.storage.home import Home
from peernet.storage.journal import Journal
from peernet.storage.keyfile import load_or_create_key
from peernet.types import Instance

MEASURE_SECONDS = 10.0
"""How often load and free memory are read for the advert."""

LEAVE_SECONDS = 2.0
"""How long leaving may take: goodbyes are small, and nobody may keep this peer from leaving."""

WARNINGS_KEPT = 32
"""The last warnings that a status shows."""


class Node:
    """One running peer. Made by `open_node`; the control socket and `peernet.Peer` are its front ends."""

    def __init__(
        self,
        options: PeerOptions,
        home: Home,
        key: KeyPair,
        journal: Journal,
        executor: Executor,
        findings: Findings,
        surroundings: Surroundings,
    ) -> None:
        self.options = options
        self.home = home
        self.key = key
        self.journal = journal
        self.findings = findings
        self.surroundings = surroundings
        self.warnings: deque[str] = deque(maxlen=WARNINGS_KEPT)
        self.blobs = surroundings.blobs(home.blob_folder, options.config)
        self.payloads = Payloads(self.blobs, surroundings.blocking)
        self.packages = Packages(home.root / "environments", options, surroundings.blocking)
        self._executor = executor
        self._numeric = NumericBoxes(
            executor, surroundings.numeric, surroundings.blocking, options.config.box, self.warn
        )
        clock, secret = surroundings.clock, surroundings.secret
        instance = Instance(secret(16))
        self.core = surroundings.core(
            Identity(key.peer_id, instance, key.sign, verify),
            options.config,
            slots=options.slots if findings.tier else 0,
            max_slices=options.max_slices,
            serves=serves(findings, options),
            random=random.Random(_seed(secret)),
            secret=secret,
        )
        self.driver = Driver(self.core, journal, clock, self._carry, self._note)
        self.vitals = Vitals(lambda text: self._note(Note("warning", text)))
        self.started = clock().mono
        self.pool = Pool(
            key,
            instance,
            surroundings.transport,
            options.config.net,
            self.blobs,
            self._heard,
            random.Random(_seed(secret)),
            secret,
            verify,
            lambda: clock().wall,
        )
        self.service = Service(self)
        self.port = options.port
        self._network: Network
        self._boxes: Boxes
        self._reviews: Reviews
        self.on_note: Callable[[Note], None] = lambda note: None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Full multiaddrs where this peer can be reached, the most useful first."""
        return reachable_at(self.options.host, self.port, self.key.peer_id)

    @property
    def text_id(self) -> str:
        """The peer id in libp2p's text form."""
        return format_peer_id(self.key.peer_id)

    async def ask(self, make: Callable[[int], Event], unwanted: Callable[[object], None] | None = None) -> object:
        """Give the core a command and return its answer. unwanted: see `Driver.ask`.

        Raises:
            PeernetError: the core's `Failure`, as the error it stands for.
        """
        answer = await self.driver.ask(make, unwanted)
        if isinstance(answer, Failure):
            raise to_error(answer)
        return answer

    async def join(self, addresses: tuple[str, ...]) -> None:
        """Join the network through these multiaddrs; one that answers is enough.

        Raises:
            AddressError: one is no multiaddr. UnreachableError: nobody answers. WrongPeerError: another peer does.
        """
        texts = tuple(str(Multiaddr.parse(address)) for address in addresses)
        await self.ask(lambda number: JoinAsked(number, texts))

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Serve until cancelled; started once the port is open and the control socket listens."""
        async with trio.open_nursery() as nursery:
            fetches = self.options.config.storage.blob_writers * 3 // 4
            self._network = Network(self.pool, self.blobs, self.driver.post, nursery, fetches)
            await self._tidy()
            self._boxes = Boxes(
                self._executor,
                self.packages,
                self._numeric,
                self.payloads,
                self.options.config,
                self.driver.post,
                nursery,
                self.service.printed,
            )
            self._reviews = Reviews(
                self.journal, self.options.config, self.surroundings.blocking, self.driver.post, nursery
            )
            self.port = await nursery.start(self.pool.run, self.options.host, self.options.port)
            self.driver.post(Listening(self.port))
            if self.surroundings.control:
                await nursery.start(serve_control, self.home.control_socket, self.service.serve)
            pin_results(self.journal, self.blobs.pin)
            restored = restore(self.journal, self.options.return_by_itself)
            mine = tuple(MineRecord(parse_peer_id(peer)) for peer in self.options.mine)
            restored = replace(restored, mine=(*restored.mine, *mine))
            first = self.core.start(restored, self.surroundings.clock())
            nursery.start_soon(self.driver.run, first)
            nursery.start_soon(self._measure)
            if self.options.join:
                await self.join(self.options.join)
            task_status.started()

    async def leave(self) -> None:
        """Tell whom it concerns that this peer goes; called before the nursery is cancelled."""
        with trio.move_on_after(LEAVE_SECONDS, shield=True):
            await self.driver.ask(LeaveAsked)
            await self.pool.aclose()

    async def _tidy(self) -> None:
        """Remove what a killed peer left of its builds."""
        try:
            await self.surroundings.blocking(self.packages.start)
        except BuildError as error:
            self.warn(str(error))

    async def _measure(self) -> None:
        surroundings = self.surroundings
        speed = await surroundings.blocking(surroundings.measure_speed)
        async with trio.open_nursery() as both:
            both.start_soon(self._numeric.start)
            installed = await surroundings.blocking(surroundings.installed)

        def tell() -> None:
            measured = surroundings.measure(self.findings.tier, speed)
            told, versions = installed.told, installed.versions
            self.driver.post(replace(measured, packages=told, installed=versions, numeric=self._numeric.own))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._numeric.serve, tell)
            while True:
                tell()
                await trio.sleep(MEASURE_SECONDS)

    def _heard(self, event: Event) -> None:
        self.vitals.heard(event)
        self.driver.post(event)

    def _carry(self, effect: Effect) -> None:
        if isinstance(effect, NetEffect):
            self._network.carry(effect)
        elif isinstance(effect, BoxEffect):
            self._boxes.carry(effect)
        elif isinstance(effect, MeasureNumpy):
            self._numeric.want_numpy()
        elif isinstance(effect, Review):
            self._reviews.carry(effect)
        elif isinstance(effect, PinBlob):
            self._pin(effect)
        elif isinstance(effect, UnpinBlobs):
            self.blobs.unpin_owner(effect.job)
        else:
            raise AssertionError(f"no one carries out {type(effect).__name__}")

    def _pin(self, effect: PinBlob) -> None:
        try:
            self.blobs.pin(effect.digest, effect.job)
        except StorageError as error:
            # Unpinned it stays too, until its room is needed; then it is missed by those who ask for it.
            self._note(Note("warning", f"a blob may be dropped while it is in use: {error}", job=effect.job))

    def warn(self, text: str) -> None:
        """Tell the user something about this peer; an empty text is nothing."""
        if text:
            self._note(Note("warning", text))

    def _note(self, note: Note) -> None:
        if note.topic in ("warning", "retracted"):
            self.warnings.append(note.text)
        self.service.noted(note)
        with suppress(OSError):  # a terminal that was closed must not end the peer
            self.on_note(note)


@asynccontextmanager
async def open_node(
    options: PeerOptions,
    on_note: Callable[[Note], None] | None = None,
    executor: Executor | None = None,
    surroundings: Surroundings | None = None,
) -> AsyncIterator[Node]:
    """Run a peer for as long as the context lasts. executor: what runs boxes, if not this machine's own way.
    surroundings: the machine, if not the real one.

    Raises:
        HomeInUseError: another peer runs in the home. KeyFileError: the key is unusable. PortInUseError: the port
            is taken. AddressError, UnreachableError, WrongPeerError: `options.join` did not work.
        StorageError: the disk refused. UsageError: `options.sandbox_tier` does not work here.
    """
    surroundings = surroundings or Surroundings()
    home = Home.open(options.home)
    with unwrapped(), home.lock():
        key = KeyPair.from_seed(load_or_create_key(home.key_file, surroundings.secret))
        async with AsyncExitStack() as stack:
            journal = stack.enter_context(surroundings.journal(home.journal_file, options.config))
            if executor is None:
                findings = await surroundings.blocking(surroundings.findings, options, home.scratch_folder)
                executor = make_executor(findings.tier, home.scratch_folder, options.config.box)
            else:
                findings = Findings(executor.tier, ())
            stack.push_async_callback(executor.aclose)
            findings = required(findings, options)
            node = Node(options, home, key, journal, executor, findings, surroundings)
            if on_note is not None:
                node.on_note = on_note
            node.warn(caution(findings, options))
            async with trio.open_nursery() as nursery:
                services = trio.CancelScope()
                await nursery.start(_run_in, services, node)
                services.shield = True  # leaving needs the driver also when everything is being cancelled
                try:
                    yield node
                finally:
                    await node.leave()
                    services.cancel()


async def _run_in(scope: trio.CancelScope, node: Node, *, task_status: trio.TaskStatus[None]) -> None:
    with scope:
        await node.run(task_status=task_status)


def _seed(secret: Callable[[int], bytes]) -> int:
    return int.from_bytes(secret(8), "big")
