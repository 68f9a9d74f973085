"""What the zygote knows of one child, and how it listens to it. Everything a child says may be a lie."""

from __future__ import annotations

import os
import signal
import socket
from collections import deque
from dataclasses import replace
from pathlib import Path

from peernet.box import system
from peernet.box.frames import FrameDecoder, Message
from peernet.box.messages import FROM_CHILD, Done, Order, Report, Run, Status, clip
from peernet.box.room import files_allowed
from peernet.box.scratch import Swept
from peernet.config.box import BoxConfig
from peernet.errors import BoxError

_DRAINS = 64
"""Reads of one chunk that surely empty a socket whose sender has ended; its buffer holds a few MiB at most."""

_NOT_A_CHILDS = (Status.TIMEOUT,)
"""Only the zygote says this."""

_CHILDS_STATUS = tuple(status for status in Status if status not in _NOT_A_CHILDS)


class Child:
    """A forked child: waiting until `begin`, then running one slice until it is reaped.

    pid: also its process group. channel: our end of its socket. output: the read end of what it prints.
    """

    def __init__(self, pid: int, channel: socket.socket, output: int, scratch: Path, config: BoxConfig) -> None:
        self.pid = pid
        self.channel = channel
        self.output = output
        self.scratch = scratch
        self.run: Run | None = None
        self.deadline = float("inf")
        self._config = config
        self._started = 0.0
        self._slices = 0
        self._cpu_before = 0.0
        self._outgoing: deque[memoryview] = deque()
        self._decoder = FrameDecoder(header=config.header, body=0)
        self._report: Report | None = None
        self._tail = bytearray()
        self._killed_for: tuple[Status, str] | None = None
        channel.setblocking(False)
        os.set_blocking(output, False)

    def begin(self, run: Run, now: float) -> None:
        """Hand it a slice. now: seconds on the clock that `expired` is asked with."""
        self.run = run
        self._started = now
        self._report = None
        self._tail.clear()
        self.deadline = now + run.limits.seconds
        self._decoder = FrameDecoder(header=self._config.header, body=run.limits.result)
        if self._slices:
            os.kill(self.pid, signal.SIGCONT)
            self._cpu_before = system.processor_time(self.pid)
        self._slices += 1
        order = Order(run.limits, run.body, run.seed, run.calls)
        self._outgoing += (memoryview(part) for part in order.encode() if part)

    @property
    def has_outgoing(self) -> bool:
        """Whether a part of the order is still to be written."""
        return bool(self._outgoing)

    def write(self) -> None:
        """Write what the socket takes of the order. A child that has ended takes none, and is reaped soon."""
        while self._outgoing:
            try:
                sent = self.channel.send(self._outgoing[0][: self._config.chunk])
            except BlockingIOError:
                return
            except OSError:
                self._outgoing.clear()
                return
            rest = self._outgoing.popleft()[sent:]
            if rest:
                self._outgoing.appendleft(rest)

    def read_report(self) -> bool:
        """Read what it reports. Returns False once nothing more can come."""
        data = self._receive()
        if data:
            self._take(data)
        return data != b""

    def _receive(self) -> bytes | None:
        """Bytes, nothing for the end, or None if none are there yet."""
        try:
            return self.channel.recv(self._config.chunk)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _take(self, data: bytes) -> None:
        if self._killed_for is not None:
            return
        try:
            self._decoder.feed(data)
            while (frame := self._decoder.next_frame()) is not None:
                self._accept(FROM_CHILD.read(frame))
        except BoxError as error:
            self.kill(Status.EXITED, f"the task's process broke the protocol of its box: {error}")

    def _accept(self, report: Message) -> None:
        if not isinstance(report, Report) or report.status not in _CHILDS_STATUS:
            raise BoxError(f"no child reports {report!r:.100}")
        if self._report is not None or self.run is None:
            raise BoxError("it reported out of turn")
        self._report = report

    def read_output(self) -> bool:
        """Read what it prints and keep the end. Returns False once nothing more can come."""
        return self._read_some() != b""

    def _read_some(self) -> bytes | None:
        """Bytes, nothing for the end, or None if none are there yet."""
        try:
            data = os.read(self.output, self._config.chunk)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        self._tail += data
        del self._tail[: -self._config.output_tail]
        return data

    def drain_output(self) -> None:
        """Read what it has printed so far, as much as a pipe holds."""
        for _ in range(_DRAINS):
            if not self._read_some():
                return

    def seconds(self, now: float) -> float:
        """How long its slice has run."""
        return now - self._started

    @property
    def printed(self) -> str:
        """The end of what it printed."""
        return self._tail.decode("utf-8", "replace").strip()

    def drain(self) -> None:
        """Read what is left in the socket and the pipe once it has ended, whoever else may still write to them."""
        for _ in range(_DRAINS):
            data = self._receive()
            if not data:
                break
            self._take(data)
        self.read_output()

    def kill(self, status: Status, reason: str) -> None:
        """Kill it and its process group, and remember why. Only the first reason counts."""
        if self._killed_for is None:
            self._killed_for = (status, reason)
        system.kill_group(self.pid)

    @property
    def has_reported(self) -> bool:
        """Whether it said how its slice ended, and nothing after that."""
        return self._report is not None and self._killed_for is None and not self._decoder.partial

    def done(self, exit_status: int, usage: system.Usage, now: float, used: Swept) -> Done:
        """Say how its slice ended, with the process. exit_status, usage: as os.wait4 gives them. used: of
        scratch."""
        cpu = usage.ru_utime + usage.ru_stime - self._cpu_before
        report = self._verdict(os.waitstatus_to_exitcode(exit_status), cpu)
        return self._done(report, cpu, system.max_rss(usage), now, used)

    def done_alive(self, now: float, used: Swept) -> Done:
        """Say how its slice ended, and be free for the next. Raises OSError if the process has ended meanwhile.

        It stands still until then: a thread or a timer that the task has left would run on, at nobody's cost."""
        os.kill(self.pid, signal.SIGSTOP)
        assert self._report is not None
        cpu = system.processor_time(self.pid) - self._cpu_before
        done = self._done(self._over_time(cpu) or self._report, cpu, system.resident_peak(self.pid), now, used)
        self.run = None
        self.deadline = float("inf")
        return done

    def _done(self, report: Report, cpu: float, rss: int, now: float, used: Swept) -> Done:
        assert self.run is not None
        report = self._over_room(used) or report
        if report.status == Status.SCRATCH and report is self._report:
            report = replace(report, error=f"{report.error}; {used.size} bytes were used")
        return Done(
            id=self.run.id,
            status=report.status,
            error=clip(report.error, self._config.error_text),
            call=report.call,
            traceback=clip(report.traceback, self._config.traceback_text),
            output=clip(self._tail.decode("utf-8", "replace"), self._config.output_tail),
            cpu=cpu,
            wall=max(0.0, now - self._started),
            max_rss=rss,
            body=report.body if report.status == Status.OK else b"",
        )

    def _verdict(self, code: int, cpu: float) -> Report:
        assert self.run is not None
        limit = self.run.limits.cpu_seconds
        if self._killed_for is not None:
            return Report(*self._killed_for, None, "", b"")
        # The kernel counts in ticks: at its warning the time reported may still be a little below the limit. A
        # task that ignores the warning is killed a second later.
        if limit is not None and (code == -signal.SIGXCPU or (code == -signal.SIGKILL and cpu > limit)):
            return _over_time(cpu, limit)
        if code < 0:
            return _ended(Status.EXITED, f"the task's process was ended by {system.signal_name(-code)}")
        if code > 0 or self._report is None or self._decoder.partial:
            return _ended(Status.EXITED, f"the task ended its process with the exit code {code}")
        return self._report

    def _over_time(self, cpu: float) -> Report | None:
        assert self.run is not None
        limit = self.run.limits.cpu_seconds
        return None if limit is None or cpu <= limit else _over_time(cpu, limit)

    def _over_room(self, used: Swept) -> Report | None:
        """A slice that wrote too much has failed, also if the task never looked whether its writes went well."""
        assert self.run is not None
        limit = self.run.limits.scratch
        if used.size > limit:
            return _ended(Status.SCRATCH, f"the task wrote {used.size} bytes to its folder; {limit} are allowed")
        if used.files > files_allowed(limit):
            return _ended(
                Status.SCRATCH,
                f"the task made {used.files} files; {files_allowed(limit)} are allowed in {limit} bytes",
            )
        return None

    def check_room(self, used: Swept) -> None:
        """Kill it if it has written more than it may."""
        over = self._over_room(used)
        if over is not None:
            self.kill(Status.SCRATCH, over.error)

    def close(self) -> None:
        """Close what the zygote holds of it."""
        self.channel.close()
        os.close(self.output)


def _over_time(cpu: float, limit: float) -> Report:
    return _ended(Status.TIMEOUT, f"the task used {cpu:.1f} s of processor time; {limit:g} s are allowed")


def _ended(status: Status, error: str) -> Report:
    return Report(status, error, None, "", b"")
