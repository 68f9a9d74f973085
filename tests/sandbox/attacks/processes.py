"""Reaching other processes, starting new ones, and staying behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
import time

from attacks import kernel

Context = dict[str, object]

_PTRACE_SEIZE = 0x4206


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def kill_victim(context: Context) -> str:
    """A process of the same user that has nothing to do with boxes."""
    victim = int(str(context["victim"]))
    os.kill(victim, signal.SIGKILL)
    return f"killed {victim}"


def signal_others(context: Context) -> list[str]:
    """Whom a signal would reach: the peer, the zygote, everybody. Nothing is sent but signal 0."""
    reached = []
    targets = {"peer": context["peer"], "zygote": os.getppid(), "everybody": -1, "init": 1}
    for name, pid in targets.items():
        with contextlib.suppress(OSError):
            os.kill(int(str(pid)), 0)
            reached.append(name)
    with contextlib.suppress(OSError):
        signal.pidfd_send_signal(kernel.call("pidfd_open", int(str(context["victim"])), 0), 0)
        reached.append("victim by pidfd")
    return reached


def ptrace_victim(context: Context) -> str:
    return kernel.attempt("ptrace", _PTRACE_SEIZE, int(str(context["victim"])), 0, 0)


def read_peer_memory(context: Context) -> str:
    """A secret in the memory of the peer."""
    size = int(str(context["length"]))
    here = ctypes.create_string_buffer(size)
    local = _Vector(ctypes.addressof(here), size)
    remote = _Vector(int(str(context["address"])), size)
    pid = int(str(context["peer"]))
    kernel.call("process_vm_readv", pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    return here.raw.decode()


def read_peer_proc(context: Context) -> str:
    """The same through /proc, and the peer's environment."""
    for path in (f"/proc/{context['peer']}/environ", f"/proc/{context['peer']}/mem"):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            if path.endswith("mem"):
                file.seek(int(str(context["address"])))
            data = file.read(64 * 1024 if path.endswith("environ") else int(str(context["length"])))
            if str(context["secret"]).encode() in data:
                return path
    return ""


def write_memory_of_others(context: Context) -> list[str]:
    """Open the memory of the zygote, of the peer and of process 1 for writing."""
    opened = []
    for pid in (os.getppid(), context["peer"], 1):
        if str(pid) == str(os.getpid()):
            continue
        with contextlib.suppress(OSError), open(f"/proc/{pid}/mem", "r+b"):
            opened.append(f"/proc/{pid}/mem")
    return opened


def list_processes(context: Context) -> str:
    """The command lines of everybody show secrets."""
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as file:
            if str(context["marker"]).encode() in file.read():
                return f"/proc/{name}/cmdline"
    return ""


def steal_descriptors(_: Context) -> list[str]:
    """The zygote's socket to the peer, by pidfd_getfd or /proc."""
    stolen = []
    with contextlib.suppress(OSError):
        zygote = kernel.call("pidfd_open", os.getppid(), 0)
        for number in range(3, 12):
            with contextlib.suppress(OSError):
                kernel.call("pidfd_getfd", zygote, number, 0)
                stolen.append(f"pidfd_getfd {number}")
    with contextlib.suppress(OSError):
        stolen += [f"/proc {name}" for name in os.listdir(f"/proc/{os.getppid()}/fd")]
    return stolen


def limit_victim(context: Context) -> str:
    """Change the limits of another process."""
    victim = int(str(context["victim"]))
    resource.prlimit(victim, resource.RLIMIT_CORE, (0, 0))
    return f"limited {victim}"


def execute(_: Context) -> list[str]:
    """Programs of the machine."""
    ran = []
    for command in (["/bin/sh", "-c", "echo ran"], [sys.executable, "-c", "print('ran')"], ["/bin/echo", "ran"]):
        with contextlib.suppress(OSError):
            if subprocess.run(command, capture_output=True, check=False).stdout == b"ran\n":
                ran.append(command[0])
    with contextlib.suppress(OSError):
        pid = os.posix_spawn("/bin/true", ["true"], {})
        ran.append(f"posix_spawn {os.waitpid(pid, 0)[1]}")
    return ran


def execute_in_place(_: Context) -> str:
    """Become another program, without a fork. It prints to this process's output."""
    os.execv("/bin/echo", ["echo", "executed in place"])


def execute_memory(_: Context) -> str:
    """A program that was never a file: memfd and execveat."""
    descriptor = kernel.call("memfd_create", b"program", 0)
    with open("/bin/true", "rb") as program:
        os.write(descriptor, program.read())
    pid = os.fork()
    if pid == 0:
        empty = (ctypes.c_char_p * 2)(b"true", None)
        kernel.attempt("execveat", descriptor, b"", empty, (ctypes.c_char_p * 1)(None), 0x1000)
        os._exit(1)
    return "ran" if os.waitpid(pid, 0)[1] == 0 else ""


def become_root(_: Context) -> str:
    """Start a setuid program and see as whom it runs."""
    reading, writing = os.pipe()
    started = subprocess.Popen(["/usr/bin/su", "-c", "true"], stdin=reading, stdout=writing, stderr=writing)
    found = ""
    deadline = time.monotonic() + 5
    while not found and started.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), open(f"/proc/{started.pid}/status") as status:
            users = next(line for line in status if line.startswith("Uid:")).split()
            found = " ".join(users) if users[2] == "0" != str(os.getuid()) else ""
    os.close(writing)
    with contextlib.suppress(PermissionError):
        started.kill()
    os.close(reading)
    started.wait()
    return found


def stay_behind(context: Context) -> str:
    """A process that has left its session and its parents, and sleeps."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            name(str(context["marker"]))
            os.closerange(0, 64)
            time.sleep(600)
        os._exit(0)
    return "forked"


def name(text: str) -> None:
    """Carry a name that `/proc/PID/comm` shows to the test."""
    kernel.LIBC.prctl(15, text.encode()[:15], 0, 0, 0)


def escape_parent_death(_: Context) -> list[str]:
    """prctl: live on when the zygote dies, be looked into, adopt orphans, keep capabilities."""
    worked = []
    tricks = {"PDEATHSIG off": (1, 0), "dumpable": (4, 1), "subreaper": (36, 1), "keep capabilities": (8, 1)}
    for trick, (option, value) in tricks.items():
        if kernel.LIBC.prctl(option, value, 0, 0, 0) == 0:
            worked.append(trick)
    return worked


def leave_session(_: Context) -> str:
    """Leave the process group that a box kills."""
    os.setpgid(0, os.getppid()) if os.getpgrp() == os.getpid() else os.setsid()
    return "left"


def fork_bomb(context: Context) -> int:
    """As many processes as the cap allows. All are killed before it returns."""
    pids: list[int] = []
    try:
        for _ in range(int(str(context["cap"]))):
            pid = os.fork()
            if pid == 0:
                signal.pause()
            pids.append(pid)
    except OSError:
        pass
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return len(pids)


def kill_zygote(_: Context) -> str:
    """The process at the root of the box."""
    os.kill(os.getppid(), signal.SIGKILL)
    return "killed"


def outlive_quietly(context: Context) -> str:
    """A slice that is at work when its peer dies."""
    name(str(context["marker"]))
    time.sleep(600)
    return "slept"


def outlive_defiantly(context: Context) -> str:
    """One that does not want to end with its peer."""
    escape_parent_death(context)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.setsid()
    with contextlib.suppress(OSError):
        os.fork()
    with contextlib.suppress(OSError):
        os.kill(os.getppid(), signal.SIGSTOP)  # the zygote, which would see that its peer has ended
    return outlive_quietly(context)
