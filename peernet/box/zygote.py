"""The zygote: the process at the root of a box that runs slices. `python -s -P -m peernet.box.zygote PLAN`.

It is single-threaded, never imports the project's code, and forks a fresh child for every slice from an
interpreter that is already warm. One child always waits. The kernel kills it when the peer dies; it kills its
children when the peer's socket ends.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path

from peernet.box import system
from peernet.box.child import Place, be_child, rehearse
from peernet.box.children import Child
from peernet.box.confine import Plan, confine_zygote, drop_privileges
from peernet.box.frames import Message
from peernet.box.messages import Kill, Open, Opened, Refused, Run, Started, Status, clip
from peernet.box.peerchannel import PeerChannel
from peernet.box.preloading import own_packages, preload
from peernet.box.room import Room
from peernet.box.scratch import make_read_only
from peernet.config.box import BoxConfig
from peernet.errors import BoxError, PeernetError
from peernet.project import Bundle, materialise

_SPARE_DEATHS = 3
"""Waiting children that may end in a row before the box gives up: something kills them, and would go on."""


class Zygote:
    """The event loop. All state of the box is here and in its children's `Child`."""

    def __init__(self, peer: socket.socket, plan: Plan, config: BoxConfig) -> None:
        self._selector = selectors.DefaultSelector()
        self._peer = PeerChannel(peer, self._selector, config, self._carry_out)
        self._plan = plan
        self._source = Path(plan.folder, "source")
        self._room = Room(plan.scratch, mounted=plan.mounted, own=plan.own_proc)
        self._config = config
        self._bundle: Bundle | None = None
        self._slots = 0
        self._children: dict[int, Child] = {}
        self._waiting: Child | None = None
        self._idle: list[Child] = []
        self._reuse = False
        self._next_look = float("inf")
        self._spare_deaths = 0
        self._mapped = 0

    def serve(self) -> None:
        """Run until the peer's socket ends.

        Raises:
            BoxError: the peer broke the protocol, or the box can't go on.
            ProjectError: the bundle is broken.
            OSError: a full disk, or no more processes.
        """
        self._peer.open()
        self._watch_children()
        while True:
            for key, events in self._selector.select(self._timeout()):
                current = self._selector.get_map().get(key.fd)
                if current is None or current.data != key.data:
                    continue  # closed by an earlier event of this round; the number may be another's by now
                act: Callable[[int], bool] = key.data
                if not act(events):
                    return
            self._expire(time.monotonic())

    def end(self) -> None:
        """Kill every child and every orphan of one, and reap them."""
        for child in self._children.values():
            system.kill_group(child.pid)
        while True:
            self._kill_strays(())
            try:
                os.wait()
            except ChildProcessError:
                return

    # --- the peer ---------------------------------------------------------------------------------------------

    def _carry_out(self, message: Message) -> None:
        match message:
            case Open():
                self._open(message)
            case Run():
                self._run(message)
            case Kill(id=number):
                for child in self._children.values():
                    if child.run is not None and child.run.id == number:
                        child.kill(Status.EXITED, "the slice was stopped")

    # --- opening ----------------------------------------------------------------------------------------------

    def _open(self, message: Open) -> None:
        if self._bundle is not None:
            raise BoxError("the box is already open")
        self._slots = message.slots
        self._reuse = message.reuse
        self._bundle = Bundle.decode(message.body)
        self._room.open()
        self._source.mkdir()
        materialise(self._bundle, self._source)
        make_read_only(self._source)
        imported = [name for name in message.preload.split() if name in self._bundle.imports]
        preload(own_packages(imported, self._plan.environment))
        if self._bundle.kind == "pickle":
            preload(["cloudpickle"])
        # What is alive now lives as long as the box: no collection needs to touch it, and so to copy its pages.
        gc.collect()
        gc.freeze()
        self._mapped = system.mapped()
        self._waiting = self._fork()
        self._peer.send(Opened(sys.version.split()[0]))

    # --- children ---------------------------------------------------------------------------------------------

    def _fork(self) -> Child:
        assert self._bundle is not None
        scratch = self._room.take()
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            place = Place(
                self._plan, self._bundle, self._source, scratch, theirs, writing, parent, self._mapped, self._reuse
            )
            be_child(place)
        theirs.close()
        os.close(writing)
        child = Child(pid, ours, reading, scratch, self._config)
        self._children[pid] = child
        self._selector.register(reading, selectors.EVENT_READ, lambda _: self._on_output(child))
        self._selector.register(ours, selectors.EVENT_READ, lambda events: self._on_child(child, events))
        return child

    def _run(self, run: Run) -> None:
        if self._waiting is None:
            raise BoxError("the box is not open")
        if sum(1 for child in self._children.values() if child.run is not None) >= self._slots:
            raise BoxError(f"more than {self._slots} slices at once")
        child = self._idle.pop() if self._idle else self._waiting
        now = time.monotonic()
        child.begin(run, now)
        self._next_look = min(self._next_look, now + self._config.look_seconds)
        self._spare_deaths = 0
        self._on_child(child, selectors.EVENT_WRITE)
        self._peer.send(Started(run.id))
        if child is self._waiting:
            self._waiting = self._fork()

    def _on_child(self, child: Child, events: int) -> bool:
        if events & selectors.EVENT_WRITE:
            child.write()
        if events & selectors.EVENT_READ:
            if not child.read_report():
                self._selector.unregister(child.channel)
                return True
            if self._reuse and child.run is not None and child.has_reported:
                self._recycle(child)
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if child.has_outgoing else 0)
        key = self._selector.get_key(child.channel)
        if key.events != wanted:
            self._selector.modify(child.channel, wanted, key.data)
        return True

    def _recycle(self, child: Child) -> None:
        """Its slice is over: tell so, and keep the process for the next. One that has ended is reaped soon."""
        child.drain_output()
        with contextlib.suppress(ProcessLookupError):
            done = child.done_alive(time.monotonic(), self._room.wipe(child.scratch))
            self._idle.append(child)
            self._peer.send(done)

    def _on_output(self, child: Child) -> bool:
        if not child.read_output():
            self._selector.unregister(child.output)
        return True

    # --- ends -------------------------------------------------------------------------------------------------

    def _watch_children(self) -> None:
        """Wake the loop when a child ends."""
        waking, woken = socket.socketpair()
        waking.setblocking(False)
        woken.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
        self._wakers = (waking, woken)
        self._selector.register(woken, selectors.EVENT_READ, lambda _: self._on_ended())

    def _on_ended(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            self._wakers[1].recv(self._config.chunk)
        for pid, status, usage in system.reap():
            child = self._children.pop(pid, None)
            if child is not None:
                self._finish(child, status, usage)
        self._kill_strays(self._children)
        return True

    def _finish(self, child: Child, status: int, usage: system.Usage) -> None:
        now = time.monotonic()
        child.drain()
        for held in (child.channel, child.output):
            with contextlib.suppress(KeyError):
                self._selector.unregister(held)
        child.close()
        used = self._room.give_back(child.scratch)
        if child in self._idle:
            self._idle.remove(child)
        if child.run is not None:
            self._peer.send(child.done(status, usage, now, used))
        elif child is self._waiting:
            self._spare_deaths += 1
            if self._spare_deaths > _SPARE_DEATHS:
                raise BoxError(f"its waiting children keep ending: {child.printed}")
            self._waiting = self._fork()

    def _kill_strays(self, groups: Collection[int]) -> None:
        """Kill orphans that left their slice's process group, or outlived it."""
        for pid in system.children_of(os.getpid()):
            if pid in groups:
                continue
            with contextlib.suppress(ProcessLookupError):
                if os.getpgid(pid) not in groups:
                    os.kill(pid, signal.SIGKILL)

    def _expire(self, now: float) -> None:
        for child in self._children.values():
            if child.run is not None and child.deadline <= now:
                child.deadline = float("inf")
                seconds = child.run.limits.seconds
                child.kill(
                    Status.TIMEOUT, f"the task ran for {child.seconds(now):.1f} s; {seconds:g} s are allowed"
                )
        if self._next_look <= now:
            self._look(now)

    def _look(self, now: float) -> None:
        """See to it that nobody fills the machine while it runs. A folder on the disk is measured at the end only:
        it would take as long as the slice makes it."""
        running = [child for child in self._children.values() if child.run is not None]
        if self._room.mounted:
            for child in running:
                child.check_room(self._room.used(child.scratch))
        self._next_look = now + self._config.look_seconds if running and self._room.mounted else float("inf")

    def _timeout(self) -> float | None:
        deadlines = [child.deadline for child in self._children.values()]
        nearest = min([*deadlines, self._next_look])
        return None if nearest == float("inf") else max(0.0, nearest - time.monotonic())


def main() -> None:
    """PLAN: see `Plan`."""
    plan = Plan.decode(sys.argv[1])
    config = BoxConfig()
    peer = socket.socket(fileno=plan.channel)
    zygote = Zygote(peer, plan, config)
    try:
        _settle(plan, config)
        zygote.serve()
    except (PeernetError, OSError) as error:
        peer.setblocking(True)
        with contextlib.suppress(OSError):
            peer.sendall(b"".join(Refused(clip(str(error), config.error_text)).encode()))
        sys.exit(1)
    finally:
        zygote.end()


def _settle(plan: Plan, config: BoxConfig) -> None:
    """Give up privileges, import what all children share, and be confined."""
    drop_privileges(plan)
    system.die_with(plan.parent)
    system.adopt_orphans()
    system.print_by_line()
    gc.disable()
    preload(config.warm)
    rehearse()
    confine_zygote(plan)


if __name__ == "__main__":
    main()
