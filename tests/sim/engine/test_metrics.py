"""The figures of a run in which nothing could be measured."""

from __future__ import annotations

from peernet_sim.metrics import Cast, Measures


def test_what_could_not_be_measured_is_null() -> None:
    measures = Measures(casts=[Cast(1.0, 0, settled=True)])
    lookups, values, gossip = measures.lookup_metrics(), measures.value_metrics(), measures.gossip_metrics()
    assert {lookups[key] for key in ("success", "hops_mean", "hops_max", "latency_p50")} == {None}
    assert values["success"] is None
    assert gossip == {"broadcasts": 0, "coverage": None, "copies_per_delivery": None, "t99": None, "t100": None}
