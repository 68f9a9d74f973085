"""The attacks: what each wants, with which limits it runs, and how the control shows that it works."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from peernet.box.room import files_allowed
from peernet.sandbox import Limits
from siege.bare import IDLE_SECONDS
from siege.result import (
    SCRATCH_MIB,
    Judge,
    believed,
    died,
    filled,
    got_value,
    heard,
    more_than,
    swamped,
    touched,
)

MIB = 1 << 20

TIGHT = Limits(
    memory=128 * MIB,
    seconds=10.0,
    scratch=SCRATCH_MIB * MIB,
    result=MIB,
    open_files=64,
    threads=16,
)
"""The limits of attacks."""

LOOSE = Limits(
    memory=2048 * MIB,
    seconds=60.0,
    scratch=256 * MIB,
    result=64 * MIB,
    open_files=1024,
    threads=2048,
)
"""The limits of the control: what breaks a tight one fits into these."""


class Control(Enum):
    """Where an attack is shown to work."""

    PLAIN = "in a box of tier C, with the same limits"
    LOOSE = "in a box of tier C, with limits that it does not reach"
    BARE = "in a process without any box, as tier C withstands it too"
    PROOF = "by another attack of the list that does the same thing without harm"


@dataclass(frozen=True, slots=True)
class Attack:
    """name: what it wants, in words of the tests. steps: payloads, each in a slice of its own; the last is judged.

    ends: statuses that a box may end it with, besides refusing it; empty: any. cap: how far a bomb goes.
    control_cap: the same in the control, where nothing else stops it. control_judge: what counts there, if not the
    same. proof: for `Control.PROOF`.
    root: only root can do it without a box. optional: this machine's kernel may refuse it by itself; a run without
    any box says whether it does. beside: an honest slice runs at the same time. reuse: in a box that keeps
    processes, looked at between the steps. naive: the control's peer loads results as pickles.
    """

    name: str
    steps: tuple[str, ...]
    judge: Judge = got_value
    limits: Limits = TIGHT
    ends: tuple[str, ...] = ()
    cap: int = 0
    control_cap: int = 0
    control: Control = Control.PLAIN
    control_judge: Judge | None = None
    proof: str = ""
    root: bool = False
    optional: bool = False
    beside: bool = False
    reuse: bool = False
    naive: bool = False


def _group(module: str, *names: str, **more: object) -> list[Attack]:
    """Attacks that differ in nothing but their payload."""
    return [Attack(f"{module}.{name}", (f"{module}.{name}",), **more) for name in names]  # type: ignore[arg-type]


_FILES = [
    *_group("files", "read_home", "read_key", "read_passwd", "list_home", "read_roundabout"),
    *_group("files", "read_by_handle", "make_device", root=True),
    *_group("files", "write_outside", judge=touched("written")),
    *_group("files", "change_diary", "change_metadata", judge=touched("diary_changed")),
    *_group("files", "read_descriptors", control=Control.BARE),
]

_NETWORK = [
    *_group("network", "tcp_loopback", "tcp_lan", "udp_loopback", "udp_lan", judge=heard),
    *_group("network", "unix_abstract", "unix_path", "unix_by_pair", judge=heard),
    *_group("network", "serve", "connections"),
]

_PROCESSES = [
    *_group("processes", "kill_victim", judge=touched("victim_killed")),
    *_group("processes", "signal_others", "ptrace_victim", "read_peer_memory", "read_peer_proc"),
    *_group("processes", "write_memory_of_others", "list_processes", "steal_descriptors", "limit_victim"),
    *_group("processes", "execute", "execute_memory", "escape_parent_death"),
    *_group("processes", "execute_in_place", judge=lambda result, _: result.output),
    *_group("processes", "become_root", optional=True),
    *_group("processes", "stay_behind", judge=touched("left_behind"), control=Control.BARE),
    *_group("processes", "fork_bomb", judge=more_than(0), cap=40),
]

_DOORS = [
    *_group("doors", "keyctl", "foreign_calls", "interrupt_80", "unshare_user", "clone_user", optional=True),
    *_group("doors", "io_uring", "bpf", "perf", "userfaultfd", optional=True),
    *_group("doors", "shared_objects", judge=touched("ipc_left")),
    *_group("doors", "mount", "chroot", "priorities", "become_another_user", root=True),
]

_THREADS = 3 * TIGHT.threads + 1024 + 100
"""In tier B without root a box shares its user's count of processes with the user, who needs room (and processes
of the user may end meanwhile). Elsewhere the bound is the first summand."""

_LATE = replace(TIGHT, seconds=0.2)

_BOMBS = [
    *_group("bombs", "memory", judge=more_than(128), ends=("memory",), cap=160, control=Control.LOOSE),
    *_group("bombs", "memory_shared", "memory_in_files", judge=more_than(128), cap=160, control=Control.LOOSE),
    *_group("bombs", "memory_in_buffers", judge=more_than(32), cap=48, control=Control.LOOSE),
    *_group("bombs", "memory_in_shared_segments", judge=touched("ipc_left"), cap=256),
    *_group("bombs", "threads", judge=more_than(_THREADS), cap=1500, control=Control.LOOSE),
    *_group("bombs", "descriptors", judge=more_than(TIGHT.open_files), cap=500, control=Control.LOOSE),
    *_group("bombs", "timers", judge=more_than(1000), cap=2000),
    *_group("bombs", "lift_limits", root=True, optional=True),
    *_group("bombs", "scratch", ends=("scratch", "error"), cap=2 * SCRATCH_MIB, control=Control.LOOSE),
    *_group("bombs", "disks", judge=filled, cap=2 * SCRATCH_MIB, control=Control.LOOSE),
    *_group("bombs", "inodes", judge=more_than(files_allowed(TIGHT.scratch)), cap=2500, control=Control.LOOSE),
    Attack("bombs.spin_python", ("bombs.spin_python",), limits=_LATE, ends=("timeout",), cap=10**6, control_cap=3,
           control=Control.LOOSE, beside=True),
    Attack("bombs.spin_pow", ("bombs.spin_pow",), limits=_LATE, ends=("timeout",), cap=100, control_cap=1,
           control=Control.LOOSE, beside=True),
    Attack("bombs.spin_regex", ("bombs.spin_regex",), limits=_LATE, ends=("timeout",), cap=40, control_cap=2,
           control=Control.LOOSE, beside=True),
    Attack("bombs.spin_processor", ("bombs.spin_processor",), limits=replace(TIGHT, seconds=60, cpu_seconds=1),
           ends=("timeout",), cap=10**6, control_cap=3, control=Control.LOOSE),
    *_group("bombs", "stop_itself", limits=_LATE, ends=("timeout",), control=Control.BARE),
    *_group("bombs", "large_result", ends=("too_large",), cap=2, control=Control.LOOSE),
    *_group("bombs", "flood", judge=swamped, cap=64, control=Control.BARE),
]  # fmt: skip

_LIES = [
    *_group(
        "lies",
        *("wrong_status", "unknown_status", "two_reports", "report_and_result", "oversize_header"),
        *("oversize_body", "truncated", "garbage", "zygotes_words", "odd_values", "deep"),
        judge=believed,
        ends=("exited",),
        control=Control.PROOF,
        proof="lies.own_result",
    ),
    Attack("lies.long_texts", ("lies.long_texts",), believed, ends=("error", "exited"), control=Control.PROOF,
           proof="lies.own_result"),
    Attack("lies.silence", ("lies.silence",), believed, _LATE, ends=("timeout",), control=Control.PROOF,
           proof="lies.own_result"),
    Attack("lies.flood", ("lies.flood",), believed, ends=("exited",), control=Control.PROOF,
           proof="lies.own_result", beside=True),
    Attack("lies.pickle_as_result", ("lies.pickle_as_result",), touched("sprung"), ends=("unencodable",),
           control=Control.PROOF, proof="lies.pickle_in_frame"),
    Attack("lies.pickle_in_frame", ("lies.pickle_in_frame",), touched("sprung"), naive=True),
]  # fmt: skip

_POISON = [
    Attack("poison.modules", ("poison.leave_in_modules", "poison.find_in_modules"), control=Control.BARE),
    Attack("poison.files", ("poison.leave_files", "poison.find_files")),
    Attack("poison.source", ("poison.leave_in_source", "poison.find_in_source")),
    Attack("poison.deep_tree", ("poison.leave_deep_tree", "poison.find_deep_tree"), control=Control.BARE),
    Attack(
        "poison.awake",
        ("poison.leave_awake", "poison.find_awake"),
        judge=lambda result, _: result.awake,
        control=Control.BARE,
        control_judge=more_than(IDLE_SECONDS * 20),
        reuse=True,
    ),
    *_group("processes", "kill_zygote", judge=died),
]

ATTACKS = {attack.name: attack for attack in (*_FILES, *_NETWORK, *_PROCESSES, *_DOORS, *_BOMBS, *_LIES, *_POISON)}
"""In the order in which they run."""
