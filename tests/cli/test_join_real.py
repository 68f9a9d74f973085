"""`peernet join` as a process: its one line, how it fails, how it leaves."""

from __future__ import annotations

import json
import signal
import socket
from typing import Any

import pytest

pytestmark = pytest.mark.real

HERE = ("--host", "127.0.0.1")


def address_of(installed: Any) -> str:
    [line] = [json.loads(installed.run("id", "--json").stdout)]
    return str(line["addresses"][0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_one_line_and_leaves_cleanly(installed: Any, number: signal.Signals) -> None:
    process = installed.start("join", *HERE, "--nprocs", "1")
    address = process.stdout.readline().strip()
    assert address == address_of(installed)
    assert address.endswith(f"/p2p/{installed.run('id').stdout.strip()}")
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout, stderr) == (0, "", "")


def test_two_peers_side_by_side(lone_peer: Any, installed: Any) -> None:
    process = installed.start("join", *HERE, address_of(lone_peer), "--json", "--nprocs", "3", "--tasks", "5")
    ready = json.loads(process.stdout.readline())
    assert set(ready) == {"peer", "addresses"}
    peers = json.loads(installed.run("peers", "--json").stdout)["peers"]
    assert [peer["peer"] for peer in peers] == [ready["peer"], lone_peer.run("id").stdout.strip()]
    assert (peers[0]["me"], peers[0]["slots"]) == (True, 3)
    process.terminate()
    stdout, _ = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (0, "")


def test_one_of_mine_that_takes_three_slices_and_no_more(installed: Any, another: Any) -> None:
    submitter = installed.start("join", *HERE, "--nprocs", "0")
    address = submitter.stdout.readline().strip()
    worker = another.start("join", *HERE, address, "--tasks", "3")
    worker.stdout.readline()
    worker_id = another.run("id").stdout.strip()
    assert installed.run("trust", "--mine", worker_id).returncode == 0
    file = installed.write("@peernet.parallel(over=range(3), slice_size=1)\ndef a(x): return x")
    done = json.loads(installed.run("submit", file, "--json").stdout.splitlines()[-1])
    assert done["value"] == [0, 1, 2]
    assert (done["executions"], [(peer["id"], peer["slices"]) for peer in done["peers"]]) == (3, [(worker_id, 3)])
    ran = installed.run("submit", file, "--patience", "1")
    assert ran.returncode == 3, ran
    for process in (worker, submitter):
        process.terminate()
        process.communicate(timeout=30)
        assert process.returncode == 0


def test_an_address_that_nobody_answers(installed: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ran = installed.run("join", *HERE, f"/ip4/127.0.0.1/tcp/{port}")
    assert ran.returncode == 3
    assert ran.stdout == ""
    [line] = ran.stderr.splitlines()
    assert line.startswith("error: ")
    assert f"/ip4/127.0.0.1/tcp/{port}" in line


def test_another_peers_id_in_the_address(lone_peer: Any, installed: Any) -> None:
    address = f"{address_of(lone_peer).rpartition('/')[0]}/{installed.run('id').stdout.strip()}"
    ran = installed.run("join", *HERE, address)
    assert ran.returncode == 3
    [line] = ran.stderr.splitlines()
    assert lone_peer.run("id").stdout.strip() in line


def test_a_port_in_use(installed: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = installed.run("join", *HERE, "--port", port, "--json")
    assert ran.returncode == 2
    assert json.loads(ran.stdout)["error"]["type"] == "PortInUseError"
    [line] = ran.stderr.splitlines()
    assert f"port {port}" in line


def test_a_home_in_use(lone_peer: Any) -> None:
    ran = lone_peer.run("join", *HERE)
    assert ran.returncode == 2
    [line] = ran.stderr.splitlines()
    assert str(lone_peer.folder / "home") in line


def test_garbage_to_the_port_costs_nothing(lone_peer: Any) -> None:
    _, _, host, _, port, *_ = address_of(lone_peer).split("/")
    with socket.create_connection((host, int(port))) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n" * 100)
        stranger.settimeout(30)
        try:
            while stranger.recv(1024):
                pass
        except ConnectionResetError:
            pass  # hung up with our garbage unread: as good
    ran = lone_peer.run("submit", lone_peer.write("@peernet.parallel(over=[3])\ndef a(x): return x"))
    assert ran.stdout.startswith("a: [3]")
