"""Sets of peers: each way of naming one, the same peers for the same name, shares by seed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from peernet_sim.model import Plan
from peernet_sim.scenario import Scenario, compile_plan

Read = Callable[..., Scenario]

LEAST = """
about = "a test"
peers = 200
seconds = 60
[topology.weights]
tokyo = 1
london = 1
[access]
home = 0.5
mobile = 0.5
[[job]]
at = 1
calls = 10
submitter = 3
"""


def chosen(read: Read, peers: str, sets: str = "", seed: int = 1) -> tuple[set[int], Plan]:
    text = f"[sets]\n{sets}\n[[fault]]\nkind = 'lazy'\npeers = {peers}\n"
    plan = compile_plan(read(text, LEAST), None, seed)
    return set(plan.faults.behaviours), plan


@pytest.mark.parametrize(
    ("peers", "belongs"),
    [
        ("'all'", lambda peer: True),
        ("'submitter'", lambda peer: peer.index == 3),
        ("'not submitter'", lambda peer: peer.index != 3),
        ("'region:tokyo'", lambda peer: peer.region == "tokyo"),
        ("{ region = 'tokyo' }", lambda peer: peer.region == "tokyo"),
        ("'access:mobile'", lambda peer: peer.access == "mobile"),
        ("'nat:closed'", lambda peer: peer.nat == "closed"),
        ("['region:tokyo', 'nat:open']", lambda peer: peer.region == "tokyo" or peer.nat == "open"),
        ("{ peers = [5, 9] }", lambda peer: peer.index in (5, 9)),
        (
            "{ access = 'home', without = 'region:london' }",
            lambda peer: (peer.access, peer.region) == ("home", "tokyo"),
        ),
        ("{ of = { peers = [3, 4] }, without = 'submitter' }", lambda peer: peer.index == 4),
    ],
)
def test_a_set_holds_those_that_it_names(read: Read, peers: str, belongs: Callable[[object], bool]) -> None:
    members, plan = chosen(read, peers)
    assert members == {peer.index for peer in plan.topology.peers if belongs(peer)}
    assert members


def test_a_share_is_drawn_by_seed_and_of_the_stated_set(read: Read) -> None:
    text = "{ share = 0.25, of = 'not submitter' }"
    members, _ = chosen(read, text)
    assert len(members) == round(0.25 * 199) and 3 not in members
    assert members == chosen(read, text)[0]
    assert members != chosen(read, text, seed=2)[0]


def test_a_share_of_its_own_seed_is_another_one(read: Read) -> None:
    assert chosen(read, "{ share = 0.25, seed = 1 }")[0] != chosen(read, "{ share = 0.25, seed = 2 }")[0]


def test_a_small_share_is_at_least_one_peer(read: Read) -> None:
    assert len(chosen(read, "{ share = 0.0001 }")[0]) == 1
    assert chosen(read, "{ share = 0 }")[0] == set()


def test_a_name_means_the_same_peers_in_every_fault(read: Read) -> None:
    text = """
        [sets]
        bad = { share = 0.2 }
        worse = { share = 0.5, of = "bad" }
        [[fault]]
        kind = "eclipse"
        peers = "bad"
        [[fault]]
        kind = "liars"
        peers = "worse"
    """
    plan = compile_plan(read(text, LEAST))
    names = [behaviour.name for behaviour in plan.faults.behaviours.values()]
    assert len(names) == 40
    assert names.count("eclipse and liar") == 20 and names.count("eclipse") == 20
