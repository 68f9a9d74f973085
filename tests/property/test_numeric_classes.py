"""Numeric classes: whatever a machine says of itself makes one; whatever a peer sends is one, or is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peernet.config.numeric import MAX_CLASS_CHARS, MAX_CLASS_FIELDS
from peernet.errors import ProtocolError
from peernet.project.numeric import NUMERIC_PATTERN, lacks_class, make_field
from peernet.types import Instance
from peernet.wire.codec import decode_body, encode_body
from peernet.wire.signed import Advert, Needs

fields = st.text().map(make_field)
classes = st.lists(fields, min_size=1, max_size=MAX_CLASS_FIELDS).map("/".join)
hostile = (
    st.text() | st.text("ab/-.\n") | classes.map(lambda text: f"{text}\n") | st.integers(1, 99).map("a/".__mul__)
)


def advert(numeric: str) -> Advert:
    return Advert(Instance(bytes(16)), 1, 0, 1, 1, 0.0, 1.0, "3.11", "linux", "A", "anyone", "", numeric=numeric)


@given(classes)
def test_whatever_a_machine_says_of_itself_makes_a_class_that_travels(numeric: str) -> None:
    assert len(numeric) <= MAX_CLASS_CHARS and re.fullmatch(NUMERIC_PATTERN, numeric)
    assert decode_body(Advert, encode_body(advert(numeric))).numeric == numeric
    assert decode_body(Needs, encode_body(Needs("", 0, "", numeric=numeric))).numeric == numeric


@given(hostile)
def test_what_is_no_class_is_refused(text: str) -> None:
    for body in (advert(text), Needs("", 0, "", numeric=text)):
        if re.fullmatch(NUMERIC_PATTERN, text) and len(text) <= MAX_CLASS_CHARS:
            assert decode_body(type(body), encode_body(body)) == body
        else:
            with pytest.raises(ProtocolError):
                decode_body(type(body), encode_body(body))


@given(classes, classes, st.integers(1, MAX_CLASS_FIELDS))
def test_a_class_meets_its_beginnings_and_nothing_else(own: str, other: str, count: int) -> None:
    begun = "/".join(own.split("/")[:count])
    assert lacks_class(own, begun) == "" == lacks_class(begun, own)
    assert bool(lacks_class(own, other)) == any(
        a != b for a, b in zip(own.split("/"), other.split("/"), strict=False)
    )
