"""Whatever a stranger says, in whatever order: the core takes it, stays within its bounds, and goes on."""

from __future__ import annotations

import random
from typing import Any, get_args

import msgspec
import pytest
from msgspec import inspect as shape

from peernet.config import Config
from peernet.core import effects as fx
from peernet.core import events as ev
from peernet.core.node import Identity, NodeCore, Restored
from peernet.errors import EnvelopeError
from peernet.identity.digest import digest
from peernet.identity.envelope import seal
from peernet.types import Instance, Payload, PeerId
from peernet.wire.codec import decode_frame, encode_body, encode_frame
from peernet.wire.link import Body, Notice
from peernet.wire.signed import (
    ADVERT,
    MANIFEST,
    OFFER,
    RECEIPTS,
    RESULTS,
    TOMBSTONE,
    Advert,
    Manifest,
    Offer,
    ReceiptBatch,
    ResultBatch,
    Tombstone,
)
from peernet.wire.work import BATCH_LIMIT

ME = PeerId(b"m" * 32)
STRANGERS = [PeerId(bytes([n]) * 32) for n in range(1, 5)]
TEXTS = ("", "x", "\x1b[2J", "\u202e", "/ip4/127.0.0.1/tcp/1", "/dns/a/tcp/9/p2p/none", "::", "é\n" * 40)
EDGES = (0, 1, 2, 63, 64, 65_535, 2**31, 2**53, 2**63 - 1)
START = 1_800_000_000.0


def any_value(kind: Any, source: random.Random, seen: list[bytes]) -> Any:
    """A value of a field's type, of those that hostile people try. seen: byte strings that the core has used."""
    match kind:
        case shape.BytesType():
            least, most = kind.min_length or 0, kind.max_length or 64
            if most >= BATCH_LIMIT // 4 and source.random() < 0.5:
                return any_envelope(source, seen, most)
            fitting = [data for data in seen if least <= len(data) <= most]
            if fitting and source.random() < 0.6:
                return source.choice(fitting)
            return source.randbytes(source.choice([least, min(most, max(least, 64))]))
        case shape.StrType():
            return source.choice(TEXTS)[: kind.max_length]
        case shape.IntType():
            return source.choice([n for n in EDGES if (kind.ge or 0) <= n <= (kind.le or 2**63 - 1)])
        case shape.FloatType():
            return float(source.choice([n for n in (*EDGES, 0.5) if (kind.ge or 0) <= n <= (kind.le or 2**53)]))
        case shape.BoolType():
            return source.random() < 0.5
        case shape.NoneType():
            return None
        case shape.LiteralType():
            return source.choice(kind.values)
        case shape.UnionType():
            return any_value(source.choice(kind.types), source, seen)
        case shape.VarTupleType():
            count = source.choice([0, 1, min(3, kind.max_length or 3)])
            return tuple(any_value(kind.item_type, source, seen) for _ in range(count))
        case shape.TupleType():
            return tuple(any_value(item, source, seen) for item in kind.item_types)
        case shape.StructType():
            return kind.cls(*(any_value(field.type, source, seen) for field in kind.fields))
    raise AssertionError(f"no value of {kind}")


def any_envelope(source: random.Random, seen: list[bytes], most: int) -> bytes:
    """Something signed, mostly as it should be."""
    domain, kind = source.choice(list(SIGNED.items()))
    body = any_value(kind, source, seen)
    try:
        return seal(
            lambda data: bytes(64),
            source.choice([*STRANGERS, ME]),
            domain,
            encode_body(body),
            sequence=source.randrange(1000),
            issued=START + source.choice([0.0, 30.0, 1000.0]),
            lifetime=source.choice([60.0, 600.0, 1e7]),
            max_size=most,
        )
    except EnvelopeError:  # too large for its place
        return b"large"


def outcome_of(effect: Any, source: random.Random, seen: list[bytes]) -> ev.Event | None:
    """How what the core asked for may end, where strangers decide it."""
    match effect:
        case fx.Call():
            if source.random() < 0.3:
                return ev.Failed(effect.id, ev.Failure(source.choice(["refused", "timeout", "lost"]), "\x1b[2Jno"))
            return ev.Done(effect.id, any_body(source, seen))
        case fx.Dial() | fx.Fetch():
            if source.random() < 0.5 or isinstance(effect, fx.Dial):
                return ev.Failed(effect.id, ev.Failure(source.choice(["missing", "unreachable", "corrupt"]), "no"))
            return ev.Done(effect.id, None)
        case fx.OpenBox():
            return ev.Done(effect.id, None)
        case fx.RunSlice():
            value = Payload(digest(b"x"), 1, b"x")
            return ev.Done(effect.id, ev.SliceOutcome("ok", value, "", None, "", 0.1, 0.1))
        case fx.OpenHost():
            return ev.Done(effect.id, ev.HostOpened("job", None, 1, None, None, None, False, False))
        case fx.Cut():
            cuts = tuple(ev.CutSlice(1, Payload(digest(b"y"), 1, b"y")) for _ in range(effect.count))
            return ev.Done(effect.id, ev.CutsMade(cuts, False))
    return None


SIGNED = {
    ADVERT: shape.type_info(Advert),
    MANIFEST: shape.type_info(Manifest),
    OFFER: shape.type_info(Offer),
    RESULTS: shape.type_info(ResultBatch),
    RECEIPTS: shape.type_info(ReceiptBatch),
    TOMBSTONE: shape.type_info(Tombstone),
}
KINDS = [shape.type_info(kind) for kind in get_args(Body)]


def any_body(source: random.Random, seen: list[bytes]) -> Any:
    body = any_value(source.choice(KINDS), source, seen)
    frame = decode_frame(encode_frame(Notice(body)))  # as it would come: within the bounds of messages
    assert isinstance(frame, Notice)
    return frame.body


def bytes_in(value: Any) -> list[bytes]:
    """The byte strings of an effect, to be used against the core."""
    if isinstance(value, bytes):
        return [value]
    if isinstance(value, msgspec.Struct):
        return [data for name in value.__struct_fields__ for data in bytes_in(getattr(value, name))]
    if isinstance(value, tuple | list):
        return [data for item in value for data in bytes_in(item)]
    return []


@pytest.mark.parametrize("seed", range(12))
def test_whatever_strangers_say_the_core_goes_on(seed: int) -> None:
    source = random.Random(seed)
    core = NodeCore(
        Identity(ME, Instance(b"i" * 16), lambda data: bytes(64), lambda *_: True),
        Config(),
        slots=2,
        max_slices=None,
        serves="anyone",
        random=random.Random(seed),
        secret=source.randbytes,
    )
    seen: list[bytes] = [ME, *STRANGERS]
    mono = 0.0
    queue: list[ev.Event] = [
        ev.MachineMeasured(2, 2**33, 0.0, 1.0, "3.11", "linux-x86_64", "A"),
        ev.SubmitAsked(1, ev.Submission(digest(b"h"), digest(b"w"), 9, needs_python="", patience=1e6)),
    ]
    pending = list(core.start(Restored(), ev.Now(mono, START)))
    linked: dict[PeerId, None] = {}
    for _ in range(1500):
        for effect in pending:
            seen += [data for data in bytes_in(effect) if len(data) > 15]
            outcome = outcome_of(effect, source, seen)
            if outcome is not None:
                queue.append(outcome)
        seen = seen[-200:]
        peer = source.choice(STRANGERS)
        if queue and source.random() < 0.5:
            event: ev.Event = queue.pop(source.randrange(len(queue)))
        elif peer not in linked:
            linked[peer] = None
            place = f"/ip4/127.0.0.1/tcp/{source.randrange(1, 65_536)}"
            event = ev.PeerConnected(
                peer, Instance(source.randbytes(16)), (place,), "127.0.0.1", "", source.random() < 0.5, 0.01
            )
        elif source.random() < 0.05:
            del linked[peer]
            event = ev.PeerLost(peer, "gone", source.random() < 0.5)
        elif source.random() < 0.5:
            event = ev.Requested(peer, source.randrange(2**31), any_body(source, seen))
        else:
            event = ev.Received(peer, any_body(source, seen))
        mono += source.choice([0.0, 0.01, 0.3, 3.0])
        pending = core.handle(event, ev.Now(mono, START + mono))
    assert sum(core.context.counters.values()) > 100
    assert len(core.context._timers) < 2000
    assert len(core.worker.view().jobs) <= Config().work.worker_jobs
    assert list(core.context.links) == list(linked)
    # A long time later everything that was begun has come to its end, and a job can still be stopped.
    (job,) = [view.id for view in core.owner.views() if view.state == "running"]
    answers = core.handle(ev.StopAsked(2, job), ev.Now(mono + 60.0, START + mono + 60.0))
    assert fx.Answer(2, None) in answers
