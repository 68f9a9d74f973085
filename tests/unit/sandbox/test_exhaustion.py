"""A system that has no descriptors left: boxes fail with a plain error, and the peer goes on."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

import pytest

from peernet.errors import BoxError
from peernet.sandbox import BoxExecutor

SQUARE = """
def task(number):
    return number * number
"""


def refuse(*_: object) -> Any:
    raise OSError(errno.EMFILE, "Too many open files")


@pytest.mark.parametrize(("module", "name"), [(socket, "socketpair"), (os, "pipe")])
async def test_a_box_that_gets_no_channel_is_an_error_of_the_box(
    hosts: BoxExecutor, make_bundle: Any, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, name, refuse)
        with pytest.raises(BoxError, match="Too many open files"):
            await hosts.open_host(make_bundle(SQUARE), {}, lambda line: None)
    host = await hosts.open_host(make_bundle(SQUARE), {}, lambda line: None)
    await host.aclose()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the system waits in a thread in any case")
async def test_a_box_ends_also_when_its_end_can_not_be_waited_for_by_a_descriptor(
    hosts: BoxExecutor, make_bundle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = await hosts.open_host(make_bundle(SQUARE), {}, lambda line: None)
    monkeypatch.setattr(os, "pidfd_open", refuse)
    await host.aclose()
    with pytest.raises(ProcessLookupError):
        os.kill(host.pid, 0)  # type: ignore[attr-defined]
