"""The arithmetic of credibility against brute force: every case of who lies is written out and counted."""

from __future__ import annotations

import itertools
import math

from hypothesis import example, given
from hypothesis import strategies as st

from peernet.core.work.trust.credibility import CERTAIN, checks_for, credibility, weigh

SHARES = st.floats(0.01, 0.95)
BELIEFS = st.floats(0.01, 0.99)


@given(st.lists(st.tuples(st.sampled_from("abc"), BELIEFS), min_size=1, max_size=7))
def test_groups_are_weighed_as_all_cases_together_say(votes):
    """Each voter is right or wrong by itself. Given that those who are right agree on one result, and that whoever
    says another one is wrong, how probable is each result?"""
    cases: dict[str, float] = {}
    for rights in itertools.product((True, False), repeat=len(votes)):
        probability = math.prod(
            belief if right else 1 - belief for right, (_, belief) in zip(rights, votes, strict=True)
        )
        said = {key for right, (key, _) in zip(rights, votes, strict=True) if right}
        if len(said) > 1:
            continue  # two different results can't both be right
        true = said.pop() if said else ""
        agreed = all(right == (key == true) for right, (key, _) in zip(rights, votes, strict=True))
        if agreed:
            cases[true] = cases.get(true, 0.0) + probability
    total = sum(cases.values())
    groups: dict[str, list[float]] = {}
    for key, belief in votes:
        groups.setdefault(key, []).append(belief)
    weighed = weigh(groups)
    assert weighed.keys() == groups.keys()
    for key, weight in weighed.items():
        assert math.isclose(weight, cases.get(key, 0.0) / total, rel_tol=1e-9, abs_tol=1e-12)
    assert sum(weighed.values()) <= 1 + 1e-9


@given(SHARES, st.integers(1, 400), st.floats(0.0005, 0.9995))
def test_no_constant_rate_of_lies_beats_the_credibility(share, checks, rate):
    """A peer lies with probability `share`, and then in each result at `rate`. After so many checks passed, how
    probable is its next result to be wrong?"""
    passed_as_liar = share * (1 - rate) ** checks
    wrong = passed_as_liar * rate / (1 - share + passed_as_liar)
    believed = credibility(share, checks)
    if believed > 1 - share:
        assert wrong <= 1 - believed + 1e-12
    else:
        assert believed == 1 - share


@given(SHARES, st.floats(0, 1e6), st.floats(0, 1e6))
@example(0.2, 0.0, 5e-324)
def test_more_checks_never_count_for_less(share, few, more):
    few, more = sorted((few, more))
    assert 1 - share <= credibility(share, few) <= credibility(share, more) <= max(CERTAIN, 1 - share)


@given(SHARES, st.floats(0.51, 0.9999))
def test_after_the_checks_that_it_takes_a_peer_is_believed(share, target):
    checks = checks_for(share, target)
    assert credibility(share, checks * 1.000001) >= target - 1e-9
    if checks > 1:
        assert credibility(share, checks * 0.99) < target
    else:
        assert checks >= 0


@given(
    st.dictionaries(st.integers(0, 5), st.lists(BELIEFS, min_size=1, max_size=4), min_size=1), st.integers(0, 5)
)
def test_a_further_voice_helps_its_group_and_harms_the_others(groups, key):
    before = weigh(groups)
    after = weigh({**groups, key: [*groups.get(key, []), 0.9]})
    for other in groups:
        if other == key:
            assert after[other] >= before[other] - 1e-12
        else:
            assert after[other] <= before[other] + 1e-12
