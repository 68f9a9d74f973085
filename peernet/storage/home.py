"""The folder of all state of one peer, and the lock that keeps a second peer out of it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from peernet.errors import HomeInUseError, StorageError, UsageError
from peernet.storage.disk import PRIVATE_FILE, PRIVATE_FOLDER, disk_error

SOCKET_PATH_LIMIT = 100
"""Bytes of a unix socket's path: Linux takes 107, macOS 103 (`sun_path` with its closing zero)."""

_OTHER = "or set PEERNET_HOME to a folder of your own"


@dataclass(frozen=True, slots=True)
class Home:
    """Where a peer keeps its state. Made by `Home.open`; the paths need not exist yet, their folders do.

    root: the folder itself, absolute, without symbolic links.
    key_file: the identity's secret seed, see `keyfile`.
    journal_file: the SQLite journal, see `journal`.
    blob_folder: blobs by digest, see `blobs`.
    scratch_folder: what boxes may use as scratch space; nothing in it outlives its box.
    control_socket: the unix socket that a running peer listens on, at most 100 bytes long, in a 0700 folder.
    """

    root: Path
    key_file: Path
    journal_file: Path
    blob_folder: Path
    scratch_folder: Path
    control_socket: Path

    @staticmethod
    def default_path(environ: Mapping[str, str]) -> Path:
        """`PEERNET_HOME` where it is set and not empty, else the platform's folder for a user's data."""
        chosen = environ.get("PEERNET_HOME")
        if chosen:
            return Path(chosen)
        return platformdirs.user_data_path("peernet", appauthor=False)

    @classmethod
    def open(cls, path: Path, *, temp_folder: Path | None = None) -> Home:
        """Make the folder (mode 0700) if there is none, and check that it can serve.

        Args:
            path: the folder; `~` is expanded, a relative path is taken from the working directory.
            temp_folder: where the control socket goes when the folder's own path is too long for one;
                the system's temporary folder by default. A peer and its command must agree on it.

        Raises:
            UsageError: it is not a folder, belongs to another user, or everybody may write to it.
            StorageError: it can't be created or written.
        """
        root = _resolve(path)
        try:
            root.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise UsageError(f"{root} is not a folder: move it away, {_OTHER}") from None
        except OSError as error:
            raise disk_error("create the folder", root, error) from None
        _check_root(root)
        for name in ("blobs", "scratch"):
            _private_folder(root / name)
        return cls(
            root=root,
            key_file=root / "key",
            journal_file=root / "journal.sqlite",
            blob_folder=root / "blobs",
            scratch_folder=root / "scratch",
            control_socket=_control_socket(root, temp_folder),
        )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the home for this process, so that two peers never write to one journal.

        The system drops the lock when the process ends, however it ends. A forked child shares it for as long as
        it lives without an `exec`.

        Raises:
            HomeInUseError: a peer runs here; names its process.
            StorageError: the lock file can't be opened or this file system has no locks.
        """
        path = self.root / "lock"
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        except OSError as error:
            raise disk_error("open", path, error) from None
        try:
            self._take(fd, path)
            try:
                yield
            finally:
                os.ftruncate(fd, 0)  # so that nobody is told an old process while the next one writes its own
        finally:
            os.close(fd)

    def _take(self, fd: int, path: Path) -> None:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 0)
            os.pwrite(fd, b"%d\n" % os.getpid(), 0)
        except BlockingIOError:
            pid = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
            who = f"the peer with process id {pid}" if pid.isdecimal() else "another peer"
            raise HomeInUseError(
                f"{who} is running in {self.root}: stop it, or set PEERNET_HOME to another folder"
            ) from None
        except OSError as error:
            raise disk_error("lock", path, error) from None


def _resolve(path: Path) -> Path:
    """One name for one folder, whatever links lead to it: the control socket's name depends on it."""
    try:
        return path.expanduser().resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, or a `~` without a home
        raise UsageError(f"{path} can't be a peer's folder: {error}; set PEERNET_HOME to another one") from None


def _check_root(root: Path) -> None:
    info = root.stat()
    if info.st_uid != os.geteuid():
        raise UsageError(
            f"{root} belongs to the user with id {info.st_uid} and you are {os.geteuid()}:"
            f" run as that user, {_OTHER}"
        )
    if info.st_mode & stat.S_IWOTH:
        raise UsageError(
            f"{root} has mode {stat.S_IMODE(info.st_mode):04o}, so everybody may write to it:"
            f" run `chmod 700` on it, {_OTHER}"
        )
    if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        raise StorageError(f"{root} can't be written: run `chmod 700` on it, {_OTHER}")


def _private_folder(path: Path) -> None:
    try:
        path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    except FileExistsError:
        raise UsageError(f"{path} is not a folder: move it away") from None
    except OSError as error:
        raise disk_error("create the folder", path, error) from None


def _control_socket(root: Path, temp_folder: Path | None) -> Path:
    folder, path = root / "run", root / "run" / "control"
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
        base = Path(tempfile.gettempdir()) if temp_folder is None else temp_folder
        folder = base / f"peernet-{os.geteuid()}"
        path = folder / hashlib.sha256(os.fsencode(root)).hexdigest()[:32]
        if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
            raise UsageError(
                f"no control socket fits in {root} or in {base}: their paths are too long;"
                " set PEERNET_HOME or TMPDIR to a shorter one"
            )
    _private_folder(folder)
    _check_socket_folder(folder)
    return path


def _check_socket_folder(folder: Path) -> None:
    """Whoever can write here could pose as the running peer, and the temporary folder is everybody's."""
    info = folder.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid() or info.st_mode & 0o077:
        raise UsageError(
            f"{folder} is not a folder of yours with mode 0700, so the control socket would not be safe in it:"
            " remove it, or set TMPDIR to a folder of your own"
        )
