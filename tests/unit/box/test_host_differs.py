"""The job host says in which calls results differ, and puts parts together; it decodes nothing but plain data."""

from __future__ import annotations

import pytest

from peernet.box.frames import FrameDecoder
from peernet.box.host import JobHost
from peernet.box.hostmessages import FROM_HOST, TO_HOST, Compose, Composed, Differ, Differing, HostOpen
from peernet.config.box import BoxConfig
from peernet.errors import BoxError
from peernet.project import bundle_project, parallel
from peernet.project.cut import encode_input, open_input
from peernet.results import encode

GIVEN = encode_input(range(100, 110))
RIGHT = list(range(10))
WRONG = [*RIGHT[:6], -6, *RIGHT[7:]]


@pytest.fixture
def opened(tmp_path):
    made = JobHost(tmp_path, BoxConfig())

    def make(**options):
        bundle, _ = bundle_project(parallel(over=range(4), **options)(abs))
        made.answer(HostOpen({}, bundle.encode()))
        return made

    yield make
    made.close()


def differ(host, *bodies, most=5, given=GIVEN):
    return host.answer(Differ(len(given), 10, (), most, tuple(map(len, bodies)), given + b"".join(bodies)))


def test_differing_calls_are_told_with_their_input(opened):
    answer = differ(opened(), encode(RIGHT), encode(WRONG), b"\xff")
    assert isinstance(answer, Differing)
    assert answer.counts == (1, 2, 0) and answer.places == (6,) and answer.narrowed == (6,)
    assert open_input(answer.body) == [106]


@pytest.mark.parametrize("options", [{"whole_slice": True}, {"stop_when": abs}])
def test_calls_that_can_not_be_executed_alone_are_told_all_the_same(opened, options):
    answer = differ(opened(**options), encode(RIGHT), encode(WRONG))
    assert answer.counts == (1, 2) and answer.places == (6,)
    assert answer.narrowed == () and answer.body == b""


def test_parts_are_put_together(opened):
    whole, part = encode(WRONG), encode([6])
    assert opened().answer(Compose((6,), len(whole), whole + part)) == Composed(encode(RIGHT))


def test_what_is_no_part_is_told_by_nothing(opened):
    whole = encode(WRONG)
    assert opened().answer(Compose((6,), len(whole), whole + b"\xff")) == Composed(b"")


def test_requests_and_answers_survive_the_frames(opened):
    host = opened()
    request = Differ(len(GIVEN), 10, (1,), 5, (len(encode(RIGHT)),), GIVEN + encode(RIGHT))
    for message, reader in ((request, TO_HOST), (host.answer(request), FROM_HOST), (Composed(b"x"), FROM_HOST)):
        decoder = FrameDecoder(header=4096, body=4096)
        decoder.feed(b"".join(message.encode()))
        frame = decoder.next_frame()
        assert frame is not None and reader.read(frame) == message


def test_sizes_that_do_not_add_up_are_refused(opened):
    with pytest.raises(BoxError, match="their sizes do not match"):
        opened().answer(Differ(1, 10, (), 5, (1, 2), b"1234567"))


def test_a_host_that_is_not_open_says_so(tmp_path):
    with pytest.raises(BoxError, match="not open"):
        differ(JobHost(tmp_path, BoxConfig()), encode(RIGHT))
