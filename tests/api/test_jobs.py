"""`Job` and `submit` against a control server of the test's own; errors told as the classes they are."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from peernet import errors
from peernet.api.client import ControlClient
from peernet.api.jobs import Job
from peernet.api.peer import Peer
from peernet.api.results import raise_for_end
from peernet.api.submitting import submit_request
from peernet.box import IN_BOX
from peernet.results import encode
from peernet.storage.home import Home
from peernet.wire.control import (
    ControlReply,
    ControlRequest,
    Fault,
    FinalValue,
    JobReply,
    JobRow,
    Ok,
    Results,
    Show,
    SliceValue,
    Status,
    Stop,
    Submit,
    decode_request,
    encode_control,
)

Serve = Callable[[ControlRequest], list[ControlReply]]
DONE = JobRow(job="abc", name="f", state="done", submitted=1.0)


def serve(path: Path, answer: Serve) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()

    def loop() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, client.makefile("rb") as incoming:
                head = incoming.read(4)
                if len(head) == 4:
                    request = decode_request(incoming.read(int.from_bytes(head, "big")))
                    for reply in answer(request):
                        client.sendall(encode_control(reply))

    threading.Thread(target=loop, daemon=True).start()
    return listener


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[[Serve], ControlClient]]:
    home = Home.open(tmp_path)
    listeners: list[socket.socket] = []

    def start(answer: Serve) -> ControlClient:
        listeners.append(serve(home.control_socket, answer))
        return ControlClient(home.control_socket)

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_results_come_in_the_order_of_the_input(served: Any) -> None:
    replies = [SliceValue(0, encode([1, 2])), SliceValue(1, encode([3])), JobReply(DONE)]
    job = Job("abc", served(lambda request: replies))
    assert list(job.results()) == [1, 2, 3]


def test_a_reduced_value_is_the_result(served: Any) -> None:
    row = JobRow(job="abc", name="f", state="done", submitted=1.0, reduces=True)

    def answer(request: ControlRequest) -> list[ControlReply]:
        return [FinalValue(encode(42)), JobReply(row)] if isinstance(request, Results) else [JobReply(row)]

    assert Job("abc", served(answer)).result() == 42


async def test_results_under_trio(served: Any) -> None:
    job = Job("abc", served(lambda request: [SliceValue(0, encode([1, 2])), JobReply(DONE)]))
    assert [value async for value in job.results()] == [1, 2]


def test_results_under_asyncio(served: Any) -> None:
    import asyncio

    job = Job("abc", served(lambda request: [SliceValue(0, encode([1, 2])), JobReply(DONE)]))

    async def collect() -> list[Any]:
        return [value async for value in job.results()]

    assert asyncio.run(collect()) == [1, 2]


@pytest.mark.parametrize(
    ("state", "kind", "error"),
    [
        ("failed", "task", errors.TaskError),
        ("failed", "timeout", errors.JobError),
        ("failed", "usage", errors.ProjectError),
        ("failed", "too-few", errors.TooFewPeersError),
        ("failed", "storage", errors.StorageError),
        ("stopped", "stopped", errors.JobStoppedError),
    ],
)
def test_the_end_of_a_job_is_told_as_the_error_it_is(state: str, kind: str, error: type[Exception]) -> None:
    row = JobRow(
        job="abc", name="f", state=state, submitted=1.0, reason="why", reason_kind=kind, traceback="where"
    )
    with pytest.raises(error, match="why") as caught:
        raise_for_end(row)
    assert type(caught.value) is error
    assert caught.value.traceback == "where"  # type: ignore[attr-defined]


def test_what_was_accepted_is_handed_out_before_the_failure(served: Any) -> None:
    row = JobRow(job="abc", name="f", state="failed", submitted=1.0, reason="it broke", reason_kind="task")
    job = Job("abc", served(lambda request: [SliceValue(0, encode([1])), JobReply(row)]))
    values = iter(job.results())
    assert next(values) == 1
    with pytest.raises(errors.TaskError, match="it broke"):
        next(values)


def test_a_fault_is_raised_as_its_class(served: Any) -> None:
    client = served(lambda request: [Fault("CannotTravelError", "argument 3", "trace")])
    with pytest.raises(errors.CannotTravelError, match="argument 3") as caught:
        client.ask(Show("abc"), JobReply)
    assert caught.value.traceback == "trace"


def test_an_unknown_fault_is_still_an_error_of_peernet(served: Any) -> None:
    client = served(lambda request: [Fault("os", "boom")])
    with pytest.raises(errors.PeernetError, match="boom"):
        client.ask(Show("abc"), JobReply)


def test_a_reply_of_another_kind_is_a_protocol_error(served: Any) -> None:
    client = served(lambda request: [Ok()])
    with pytest.raises(errors.ProtocolError, match="Ok instead of JobReply"):
        client.ask(Show("abc"), JobReply)


def test_a_peer_that_ends_in_mid_answer_is_a_lost_connection(served: Any) -> None:
    client = served(lambda request: [])
    with pytest.raises(errors.ConnectionLostError):
        client.ask(Stop("abc"), Ok)


def test_no_peer_running_says_what_to_do(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    with pytest.raises(errors.NoPeerRunningError, match="peernet join") as caught:
        ControlClient(home.control_socket).ask(Status(), Ok)
    assert isinstance(caught.value, errors.NetworkError)
    with pytest.raises(errors.NoPeerRunningError):
        submit_request(Submit(b"", b""), home, local=None, start_local=False)


def test_a_swarm_too_small_for_the_quorum_is_refused_at_once(tmp_path: Path) -> None:
    request = Submit(b"", b"", replicas=3, quorum=3)
    with pytest.raises(errors.TooFewPeersError, match=r"3 different peers .* --local 2 gives 2"):
        submit_request(request, Home.open(tmp_path), local=2, start_local=True)


@pytest.mark.parametrize("workers", [0, -1, 257])
def test_a_swarm_has_a_sensible_size(tmp_path: Path, workers: int) -> None:
    with pytest.raises(errors.UsageError, match=f"not {workers}"):
        submit_request(Submit(b"", b""), Home.open(tmp_path), local=workers, start_local=True)


def test_a_project_that_submits_itself_in_a_box_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(IN_BOX, "1")
    with pytest.raises(errors.ProjectError, match="__main__"):
        submit_request(Submit(b"", b""), Home.open(tmp_path), local=None, start_local=True)
    with pytest.raises(errors.ProjectError, match="__main__"):
        Peer(home=tmp_path)
