"""Speaking to the zygote in the child's place: frames that no honest child sends."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import stat
import struct
import time

import cbor2

from peernet.results import encode

Context = dict[str, object]

FORGED = ["forged"]


def channel() -> int:
    """The child's socket to the zygote. It is only written to: other calls on sockets may be refused."""
    for number in range(3, 1024):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                return number
    raise LookupError("no socket is open")


def frame(body: bytes = b"", **header: object) -> bytes:
    """A frame of the protocol, whatever its header says."""
    encoded = cbor2.dumps(header)
    return struct.pack(">II", len(encoded), len(body)) + encoded + body


def report(status: object = "ok", body: bytes = b"", **more: object) -> bytes:
    """A report of a child."""
    fields = {"kind": "report", "status": status, "error": "", "call": None, "traceback": ""}
    return frame(body, **fields | more)


def _say(*frames: bytes) -> None:
    link = channel()
    os.set_blocking(link, True)
    for data in frames:
        while data:
            data = data[os.write(link, data) :]


def say_and_go(*frames: bytes) -> str:
    """Speak, then end as an honest child does."""
    with contextlib.suppress(OSError):
        _say(*frames)
    os._exit(0)


def own_result(_: Context) -> str:
    """Its own result in a frame of its own making: what every lie below builds on. This one is no harm."""
    return say_and_go(report(body=encode(FORGED)))


def wrong_status(_: Context) -> str:
    """A verdict that only the zygote gives: somebody else's fault."""
    return say_and_go(report("timeout"))


def unknown_status(_: Context) -> str:
    return say_and_go(report("ok\0", encode(FORGED)))


def two_reports(_: Context) -> str:
    """One result now, another later."""
    return say_and_go(report(body=encode(["first"])), report(body=encode(FORGED)))


def report_and_result(_: Context) -> object:
    """A forged result, then the honest way."""
    _say(report(body=encode(FORGED)))
    return "honest"


def oversize_header(_: Context) -> str:
    return say_and_go(struct.pack(">II", 0xFFFFFFFF, 0) + bytes(1 << 16))


def oversize_body(_: Context) -> str:
    return say_and_go(struct.pack(">II", 10, 0xFFFFFFFF) + bytes(1 << 16))


def truncated(_: Context) -> str:
    """A whole result with the beginning of a second frame, which never comes."""
    return say_and_go(report(body=encode(FORGED)) + b"\0\0")


def garbage(_: Context) -> str:
    return say_and_go(os.urandom(1 << 16))


def zygotes_words(_: Context) -> str:
    """What a zygote says to the peer."""
    done = {"kind": "done", "id": 0, "status": "ok", "error": "", "call": None, "traceback": "", "output": ""}
    return say_and_go(frame(encode(FORGED), **done, cpu=0.0, wall=0.0, max_rss=0))


def odd_values(_: Context) -> str:
    """Numbers, tags and texts where they don't belong."""
    return say_and_go(report(body=encode(FORGED), call=-1))


def deep(_: Context) -> str:
    """A header that nests a thousand lists."""
    return say_and_go(struct.pack(">II", 1001, 0) + b"\x81" * 1000 + b"\x00")


def long_texts(_: Context) -> str:
    """Texts as long as a header may be."""
    return say_and_go(report("error", error="e" * 60_000, traceback="t" * 60_000))


def silence(_: Context) -> str:
    """Close the channel and go on."""
    os.close(channel())
    time.sleep(600)
    return "slept"


def flood(_: Context) -> str:
    """Frames without end, while the zygote has others to serve."""
    data = report(body=encode(FORGED)) * 1000
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        while True:
            _say(data)
    return "stopped"


class Pickled:
    """Whoever unpickles it runs a command."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (self.path,)


def pickle_as_result(context: Context) -> object:
    return Pickled(str(context["trap"]))


def pickle_in_frame(context: Context) -> str:
    return say_and_go(report(body=pickle.dumps(Pickled(str(context["trap"])))))
