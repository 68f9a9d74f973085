"""Runs the installer in a process of its own, with limits, and says what went wrong in one line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from peernet.box import system
from peernet.config.builds import BuildConfig
from peernet.errors import BuildError, UsageError

_CONFINED = Path(__file__).with_name("confined.py")
_QUIET = ("--no-input", "--disable-pip-version-check", "--no-color", "--progress-bar", "off")
_IMPATIENT = ("--retries", "1", "--timeout", "10")
"""For what a user waits for: an index that does not answer at once is as good as none."""

_SETTINGS = {"PIP_REQUIRE_VIRTUALENV": "0", "PIP_USER": "0"}
"""Habits of a user's pip that would keep it from working on a folder of its own."""

_SCHEMES = ("http", "https", "file")
_WARNING = re.compile(r"^(WARNING|DEPRECATION|\[notice\])")


class Installer:
    """pip, as this machine's owner has configured it, or with another index.

    index_url: the index to take packages from; "" for what pip's own configuration says.

    Raises UsageError when the index is no URL.
    """

    def __init__(self, config: BuildConfig, index_url: str = "") -> None:
        self._config = config
        self._index = (f"--index-url={check_index(index_url)}",) if index_url else ()

    def resolve(self, requirements: Path, report: Path, work: Path) -> None:
        """Write pip's report on the wheels that it would install, and install nothing.

        requirements: a file of requirements. work: an empty folder for temporary files. Takes seconds.

        Raises:
            BuildError: pip is missing, failed, or took too long.
        """
        dry = ("--dry-run", "--ignore-installed", "--no-cache-dir", "--report", str(report))
        arguments = (
            "install",
            *_QUIET,
            *_IMPATIENT,
            *dry,
            "--only-binary=:all:",
            *self._index,
            "-r",
            str(requirements),
        )
        self._pip(arguments, work, self._config.lock_seconds)

    def download(self, lock: Path, target: Path, work: Path, seconds: float, watch: Callable[[], None]) -> None:
        """Fetch the wheels of a file of locked requirements into a folder.

        seconds: it may take. watch: called all the while; what it raises ends the download.

        Raises:
            BuildError: pip is missing or failed, a wheel has another digest, or it took too long.
        """
        arguments = ("download", *_QUIET, *self._index, "--no-cache-dir", *_exactly(lock), "--dest", str(target))
        self._pip(arguments, work, seconds, watch)

    def measure(self, wheels: Path, work: Path, seconds: float, watch: Callable[[], None]) -> str:
        """Return, as JSON, how many `files` and bytes (`size`) the wheels in a folder unpack to.

        Raises:
            BuildError: one is no wheel, or broken.
        """
        return self._run(("measure", str(wheels)), work, seconds, watch)

    def unpack(
        self, lock: Path, wheels: Path, target: Path, work: Path, seconds: float, watch: Callable[[], None]
    ) -> None:
        """Install the wheels in a folder into another one. Nothing of them is compiled or run.

        Raises:
            BuildError: pip failed, or it took too long.
        """
        source = ("--isolated", "--no-index", "--find-links", str(wheels), "--no-cache-dir")
        where = ("--target", str(target), "--no-compile", "--no-warn-script-location", "--no-warn-conflicts")
        self._pip(("install", *_QUIET, *source, *where, *_exactly(lock)), work, seconds, watch)

    def _pip(
        self, arguments: Sequence[str], work: Path, seconds: float, watch: Callable[[], None] | None = None
    ) -> None:
        self._run(("pip", *arguments), work, seconds, watch or (lambda: None))

    def _run(self, command: Sequence[str], work: Path, seconds: float, watch: Callable[[], None]) -> str:
        """Run `confined.py` and return what it printed. Call it in the thread that waits for it: on Linux the
        kernel kills the process when that thread ends."""
        limits = (str(os.getpid()), str(self._config.memory), str(self._config.quota))
        with tempfile.TemporaryFile(dir=work) as printed, tempfile.TemporaryFile(dir=work) as complaints:
            try:
                process = subprocess.Popen(
                    [sys.executable, "-I", str(_CONFINED), *limits, *command],
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=complaints,
                    cwd=work,
                    env=os.environ | _SETTINGS | {"TMPDIR": str(work)},
                    start_new_session=True,
                )
            except OSError as error:
                raise BuildError(f"the installer can't be started: {error}") from error
            code = self._wait(process, seconds, watch)
            if code != 0:
                raise BuildError(_complaint(_tail(complaints, self._config.text), code))
            return _tail(printed, self._config.text)

    def _wait(self, process: subprocess.Popen[bytes], seconds: float, watch: Callable[[], None]) -> int:
        """Wait for a process, whose group ends with it in any case."""
        deadline = time.monotonic() + seconds
        try:
            while True:
                try:
                    return process.wait(self._config.watch_seconds)
                except subprocess.TimeoutExpired:
                    watch()
                if time.monotonic() >= deadline:
                    raise BuildError(f"the installer was stopped after {seconds:.0f} s: is the index reachable?")
        finally:
            if process.returncode is None:
                system.kill_group(process.pid)
                process.wait()


def check_index(text: str) -> str:
    """Return the URL of an index of packages, if it is one.

    Raises:
        UsageError: it is not.
    """
    parts = urlsplit(text)
    if parts.scheme not in _SCHEMES or not (parts.netloc or parts.scheme == "file") or not text.isprintable():
        raise UsageError(
            f"the index {text!r} is no URL: give one as in https://pypi.org/simple or file:///srv/simple"
        )
    return text


def _exactly(lock: Path) -> tuple[str, ...]:
    """What makes pip take these wheels and nothing else."""
    return ("--only-binary=:all:", "--require-hashes", "--no-deps", "-r", str(lock))


def _tail(file: IO[bytes], size: int) -> str:
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - size))
    return file.read(size).decode("utf-8", "replace")


def _complaint(text: str, code: int) -> str:
    """What went wrong, in one line, from what the installer printed."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not _WARNING.match(line)]
    if any("No module named pip" in line for line in lines):
        return f"{sys.executable} has no pip: install it with `{sys.executable} -m ensurepip`"
    if any("No space left on device" in line for line in lines):
        return "the disk is full: free some space, or set PEERNET_HOME to a folder on another disk"
    if any("File too large" in line for line in lines):
        return "one of its wheels is larger than all environments may be together"
    if any("DO NOT MATCH THE HASHES" in line for line in lines):
        return "a package of this machine's index has another digest than the one that was locked"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")] or lines[-1:]
    return errors[-1] if errors else f"the installer ended with code {code}"
