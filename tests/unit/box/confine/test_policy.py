"""What the filters of the zygote and of its children say, on each kind of processor."""

from __future__ import annotations

import errno
import importlib.util
import os
from pathlib import Path

import pytest

from peernet.box.confine import policy
from peernet.box.confine.bpf import Check, assemble
from peernet.box.confine.policy import MACHINES, zygote_filter
from peernet.box.confine.syscalls import NUMBERS
from peernet.errors import BoxError

_spec = importlib.util.spec_from_file_location("bpf", Path(__file__).with_name("bpf.py"))
assert _spec is not None and _spec.loader is not None
bpf = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bpf)

PID = 4321
THREAD = 0x3D0F00
FORK = 0x1200011
TIOCSTI, TIOCLINUX, TCGETS = 0x5412, 0x541C, 0x5401

FORBIDDEN = {
    "x86_64": {
        **{"execve": 59, "execveat": 322, "fork": 57, "vfork": 58, "socket": 41, "connect": 42, "bind": 49},
        **{"ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "unshare": 272, "setns": 308},
        **{"mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "bpf": 321, "perf_event_open": 298},
        **{"io_uring_setup": 425, "io_uring_enter": 426, "keyctl": 250, "add_key": 248, "request_key": 249},
        **{"userfaultfd": 323, "pidfd_open": 434, "pidfd_getfd": 438, "pidfd_send_signal": 424, "seccomp": 317},
        **{"memfd_create": 319, "open_by_handle_at": 304, "setuid": 105, "sendmsg": 46, "shmget": 29},
        **{"mq_open": 240, "personality": 135, "init_module": 175, "kexec_load": 246, "reboot": 169},
    },
    "aarch64": {
        **{"execve": 221, "execveat": 281, "socket": 198, "connect": 203, "bind": 200, "ptrace": 117},
        **{"process_vm_readv": 270, "unshare": 97, "setns": 268, "mount": 40, "chroot": 51, "bpf": 280},
        **{"io_uring_setup": 425, "keyctl": 219, "userfaultfd": 282, "pidfd_open": 434, "memfd_create": 279},
    },
}


@pytest.fixture(params=sorted(MACHINES))
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    monkeypatch.setattr("platform.machine", lambda: name)
    return name


def child_filter(pid: int) -> bytes:
    return policy.child_filter(pid, writable=True)


def ask(program: bytes, machine: str, call: str, *arguments: int) -> str:
    number = NUMBERS[call][MACHINES[machine].column]
    assert number is not None
    return str(bpf.verdict(program, MACHINES[machine].audit, number, *arguments))


@pytest.mark.parametrize("writable", [True, False])
def test_the_filters_of_two_children_differ_in_their_pids_only(machine: str, writable: bool) -> None:
    first, second = (policy.child_filter(pid, writable=writable) for pid in (PID, 2**22))
    words = [first[at : at + 4] for at in range(0, len(first), 4)]
    others = [second[at : at + 4] for at in range(0, len(second), 4)]
    mine = {index for index, word in enumerate(words) if word == PID.to_bytes(4, "little")}
    assert {index for index, word in enumerate(others) if word == (2**22).to_bytes(4, "little")} == mine
    assert len(mine) == 7
    assert all(
        word == other for index, (word, other) in enumerate(zip(words, others, strict=True)) if index not in mine
    )


def test_what_a_slice_needs_is_allowed(machine: str) -> None:
    program = child_filter(PID)
    for call in ("read", "write", "openat", "mmap", "futex", "exit_group", "getrandom", "newfstatat"):
        assert ask(program, machine, call) == "allow"


@pytest.mark.parametrize("filter_of", [child_filter, zygote_filter])
def test_what_nobody_needs_is_refused(machine: str, filter_of: object) -> None:
    program = filter_of(PID)  # type: ignore[operator]
    for name, number in FORBIDDEN[machine].items():
        assert bpf.verdict(program, MACHINES[machine].audit, number) == "EPERM", name


def test_threads_are_allowed_and_processes_are_not(machine: str) -> None:
    program = child_filter(PID)
    assert ask(program, machine, "clone", THREAD) == "allow"
    assert ask(program, machine, "clone", FORK) == "EPERM"
    assert ask(program, machine, "clone3") == "ENOSYS"


@pytest.mark.parametrize("namespace", [1 << 17, 1 << 25, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30])
def test_neither_makes_namespaces(machine: str, namespace: int) -> None:
    assert ask(child_filter(PID), machine, "clone", THREAD | namespace) == "EPERM"
    assert ask(zygote_filter(PID), machine, "clone", FORK | namespace) == "EPERM"
    assert ask(zygote_filter(PID), machine, "clone", FORK) == "allow"


@pytest.mark.parametrize("call", ["kill", "tgkill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"])
def test_a_slice_signals_only_itself(machine: str, call: str) -> None:
    program = child_filter(PID)
    assert ask(program, machine, call, PID) == "allow"
    for other in (0, 1, PID - 1, -1, -PID):
        assert ask(program, machine, call, other) == "EPERM"


def test_a_slice_limits_only_itself(machine: str) -> None:
    program = child_filter(PID)
    assert ask(program, machine, "prlimit64", 0) == ask(program, machine, "prlimit64", PID) == "allow"
    assert ask(program, machine, "prlimit64", 1) == "EPERM"


@pytest.mark.parametrize("command", [TIOCSTI, TIOCLINUX, TIOCSTI | 1 << 32, TIOCSTI | 1 << 63])
def test_terminals_are_out_of_reach_also_with_rubbish_above_the_command(machine: str, command: int) -> None:
    assert ask(child_filter(PID), machine, "ioctl", 0, command) == "EPERM"
    assert ask(child_filter(PID), machine, "ioctl", 0, TCGETS) == "allow"


def test_attributes_that_confine_stay(machine: str) -> None:
    program = child_filter(PID)
    for option in (1, 4, 22, 24, 38, 47):
        assert ask(program, machine, "prctl", option) == "EPERM"
    assert ask(program, machine, "prctl", 15) == "allow"


def test_signals_are_not_sent_by_way_of_files(machine: str) -> None:
    program = child_filter(PID)
    assert ask(program, machine, "fcntl", 3, 4) == "allow"
    for command in (8, 10, 15, 1031, 1033):
        assert ask(program, machine, "fcntl", 3, command) == "EPERM"


def test_bytes_are_sent_to_nobody_by_address(machine: str) -> None:
    program = child_filter(PID)
    assert ask(program, machine, "sendto", 3, 0, 10, 0, 0, 0) == "allow"
    for address in (1, 0x7FFF_0000_0000):
        assert ask(program, machine, "sendto", 3, 0, 10, 0, address, 16) == "EPERM"


def test_the_zygote_makes_local_sockets_only(machine: str) -> None:
    assert ask(zygote_filter(PID), machine, "socketpair", 1) == "allow"
    assert ask(zygote_filter(PID), machine, "socketpair", 2) == "EPERM"
    assert ask(child_filter(PID), machine, "socketpair", 1) == "allow"
    assert ask(child_filter(PID), machine, "socketpair", 2) == "EPERM"


def test_a_slice_that_writes_nowhere_changes_no_file_by_name(machine: str) -> None:
    program = policy.child_filter(PID, writable=False)
    for call in ("fchmodat", "utimensat", "truncate", "unlinkat", "renameat2", "linkat", "symlinkat", "mkdirat"):
        assert ask(program, machine, call) == "EPERM"
        assert ask(child_filter(PID), machine, call) == "allow"


def test_where_landlock_lets_files_be_emptied_the_filter_does_not(machine: str) -> None:
    for writable, truncates, told in ((False, True, "EPERM"), (False, False, "allow"), (True, True, "allow")):
        program = policy.child_filter(PID, writable=writable, truncates=truncates)
        assert ask(program, machine, "openat", 3, 0, os.O_TRUNC) == told
        assert ask(program, machine, "openat", 3, 0, os.O_CLOEXEC) == "allow"


def test_calls_of_the_future_are_unknown(machine: str) -> None:
    assert bpf.verdict(child_filter(PID), MACHINES[machine].audit, 1000) == "ENOSYS"


def test_calls_by_another_machines_convention_kill(machine: str) -> None:
    program = child_filter(PID)
    for other in (0x40000003, 0x40000028, *(known.audit for name, known in MACHINES.items() if name != machine)):
        assert bpf.verdict(program, other, 0) == "kill"


def test_x32_calls_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert bpf.verdict(child_filter(PID), MACHINES["x86_64"].audit, 0x40000000) == "kill"


def test_an_unknown_processor_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "m68k")
    with pytest.raises(BoxError, match="m68k"):
        child_filter(PID)


def test_a_filter_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="the kernel takes 4096"):
        assemble(1, None, dict.fromkeys(range(3000), ()), (), 10, errno.ENOSYS)
    with pytest.raises(ValueError, match="a jump reaches 255"):
        assemble(1, None, {1: (Check(0, tuple(range(300))),)}, (), 10, errno.ENOSYS)
