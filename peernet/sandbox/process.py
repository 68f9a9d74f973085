"""One process of a box as the peer sees it: started, spoken to in frames, ended without a trace."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import trio

from peernet.box import IN_BOX, system
from peernet.box.frames import FrameDecoder, Message, Reader
from peernet.box.scratch import wipe
from peernet.config.box import BoxConfig
from peernet.errors import BoxError
from peernet.sandbox.launchers import Launch

_SINGLE_THREADED = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "BLIS", "RAYON", "NUMBA")


def clean_environment(folder: str) -> dict[str, str]:
    """The whole environment of a box. Nothing is inherited: a volunteer's variables hold secrets.

    The hash seed is fixed so that every peer walks a set in the same order; this is why boxes run without `-I`,
    which ignores it. Numeric libraries get one thread: each slice has one slot.
    """
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": folder,
        "TMPDIR": folder,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        IN_BOX: "1",
    }
    return environment | {f"{library}_NUM_THREADS": "1" for library in _SINGLE_THREADED}


class BoxProcess:
    """A running box, the socket to it, and the pipe of what it prints.

    Made by `start_process`. `end` must be called, and leaves neither the process nor its folder.
    """

    def __init__(
        self, popen: subprocess.Popen[bytes], peer: socket.socket, printed: int, folder: Path, config: BoxConfig
    ) -> None:
        self._popen = popen
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(peer))
        self._printed = trio.lowlevel.FdStream(printed)
        self._folder = folder
        self._config = config
        self._decoder = FrameDecoder(header=config.header, body=config.result)

    @property
    def pid(self) -> int:
        """The process's id, which is also its process group and session."""
        return self._popen.pid

    async def send(self, message: Message) -> None:
        """Send one frame. A cancelled send may leave half a frame: the process is of no use then."""
        try:
            for part in message.encode():
                await self._stream.send_all(part)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise BoxError("the box has ended") from None

    async def receive(self, reader: Reader) -> Message:
        """Return the next message. Raises BoxError if the process has ended or sent anything else."""
        while (frame := self._decoder.next_frame()) is None:
            try:
                data = await self._stream.receive_some(self._config.chunk)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
            if not data:
                raise BoxError("the box has ended")
            self._decoder.feed(data)
        return reader.read(frame)

    async def read_output(self, on_data: Callable[[bytes], None]) -> None:
        """Hand on what the process prints, as it comes, until it closes its output."""
        try:
            while data := await self._printed.receive_some(self._config.chunk):
                on_data(bytes(data))
        except trio.ClosedResourceError:
            return

    def kill(self) -> None:
        """Kill it and its process group now."""
        if self._popen.returncode is None:
            system.kill_group(self._popen.pid)

    async def end(self) -> None:
        """Have it end, kill it if it does not in time, and remove its folder. Bounded, not cancellable."""
        with trio.CancelScope(shield=True):
            await self._stream.aclose()
            with trio.move_on_after(self._config.close_seconds):
                await self._exit()
            await self._kill_with_children()
            await self._printed.aclose()
            with contextlib.suppress(OSError):
                # What can't be removed now goes, or is complained of, when the executor closes.
                await trio.to_thread.run_sync(wipe, self._folder)

    async def _kill_with_children(self) -> None:
        """Kill what has not ended in time, and wait for its children too: the kernel kills them a moment later.
        The only one in tier A is the first of a pid namespace, which ends when all in it have ended."""
        if self._popen.returncode is not None:
            return
        opened = [_open_pidfd(pid) for pid in system.children_of(self._popen.pid)]
        handles = [handle for handle in opened if handle is not None]
        self.kill()
        await self._exit()
        with trio.move_on_after(self._config.close_seconds):
            for handle in handles:
                await trio.lowlevel.wait_readable(handle)
        for handle in handles:
            os.close(handle)

    async def _exit(self) -> None:
        """Wait until it has ended, and reap it. What is left of its process group ends with it."""
        if self._popen.returncode is not None:
            return
        handle = _open_pidfd(self._popen.pid)
        if handle is None:
            await trio.to_thread.run_sync(self._popen.wait, abandon_on_cancel=True)
            return
        try:
            await trio.lowlevel.wait_readable(handle)
        finally:
            os.close(handle)
        self.kill()
        self._popen.wait()


def _open_pidfd(pid: int) -> int | None:
    """A descriptor that is readable once a process has ended: unlike a waiting thread it leaves nothing behind
    when the wait is cancelled. None where the system has no such thing, or no descriptor left."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def start_process(launch: Callable[[int], Launch], folder: Path, config: BoxConfig) -> BoxProcess:
    """Start a box. launch: works out the command from the number of the socket that the process inherits. folder:
    the box's own on the disk; it goes with the process, or when that can't be started.

    Call it in the thread of trio's loop, which lives as long as the peer: on Linux the kernel kills the box when
    the thread that started it ends, so the threads that `trio.open_process` starts from would not do.

    Raises:
        BoxError: the process can't be started.
    """
    ours, theirs, reading, writing = _channels()
    started = False
    try:
        planned = launch(theirs.fileno())
        popen = subprocess.Popen(
            planned.command,
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
            cwd=folder,
            env=clean_environment(planned.folder),
            close_fds=True,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        started = True
    except OSError as error:
        raise BoxError(f"a box can't be started: {error}") from error
    finally:
        theirs.close()
        os.close(writing)
        if not started:
            ours.close()
            os.close(reading)
    ours.setblocking(False)
    return BoxProcess(popen, ours, reading, folder, config)


def _channels() -> tuple[socket.socket, socket.socket, int, int]:
    """A socket pair and a pipe. Raises BoxError when the system has no descriptors left."""
    try:
        ours, theirs = socket.socketpair()
    except OSError as error:
        raise BoxError(f"a box can't be started: {error}") from error
    try:
        return ours, theirs, *os.pipe()
    except OSError as error:
        ours.close()
        theirs.close()
        raise BoxError(f"a box can't be started: {error}") from error
