"""Which connections a simulated peer closes by itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from peernet.config import NetConfig
from peernet_sim.engine import Engine
from peernet_sim.links import Link, Links

KEPT = 1
SECONDS = 20.0
CONFIG = NetConfig(spare_connections=KEPT, spare_seconds=SECONDS)


def machine(number: int) -> Any:
    """What a connection needs of a `Machine`."""
    return SimpleNamespace(
        id=bytes([number]),
        index=number,
        host="10.0.0.1",
        addresses=(),
        life=1,
        core=SimpleNamespace(context=SimpleNamespace(instance=bytes(16))),
        links={},
        holds={},
        asked={},
        tidy_at=0.0,
    )


def held(link: Link) -> bool:
    return link.b.id in link.a.holds or link.a.id in link.b.holds


def to_spare(peer: Any, now: float) -> list[Link]:
    """What is to be closed, found by a look at every connection."""
    spare = sorted((link for link in peer.links.values() if not held(link)), key=lambda link: link.used)
    busy = [link for link, _ in peer.asked.values()]
    return [
        link
        for link in spare[: max(0, len(spare) - KEPT)]
        if link.used + SECONDS <= now and not any(link is other for other in busy)
    ]


deeds = st.sampled_from(
    ["connect", "connect", "use", "hold", "held", "free", "freed", "ask", "answer", "lose", "tidy", "tidy", "tidy"]
)
histories = st.lists(
    st.tuples(deeds, st.integers(1, 4), st.sampled_from([0.0, 1.0, SECONDS])), min_size=20, max_size=60
)


@settings(max_examples=300)
@given(histories)
def test_what_is_to_spare_is_found_without_a_look_at_every_connection(
    history: list[tuple[str, int, float]],
) -> None:
    engine = Engine()
    links = Links(engine, CONFIG, lambda machine, life, event: None)
    hub, *others = [machine(number) for number in range(5)]
    for what, number, passed in history:
        engine.run(engine.now + passed)
        other = others[number - 1]
        link = hub.links.get(other.id)
        if what == "connect":
            links.connect(other, hub, 0.1)
        elif what == "use" and link is not None:
            link.used = engine.now
        elif what in ("hold", "free"):
            links.hold(hub, other.id, "neighbour", what == "hold")
        elif what in ("held", "freed"):
            links.hold(other, hub.id, "worker", what == "held")
        elif what == "ask" and link is not None:
            hub.asked[len(hub.asked)] = (link, 0)
        elif what == "answer":
            hub.asked.clear()
        elif what == "lose" and link is not None:
            for end in (hub, other):
                links.lose(link, end, "the connection broke", clean=False)
        elif what == "tidy":
            closed = [each.other(hub).id for each in to_spare(hub, engine.now)]
            left = [peer for peer in hub.links if peer not in closed]
            links.tidy(hub)
            assert list(hub.links) == left
        assert all(links.needed(each) == held(each) for each in hub.links.values() if whole(each))


def whole(link: Link) -> bool:
    """Whether both ends have it still."""
    return link.a.links.get(link.b.id) is link and link.b.links.get(link.a.id) is link
