"""Tracebacks of user code as text: only the user's frames, and the same text on every machine."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from peernet.config.project import MAX_TRACEBACK_CHARS

_PEERNET = str(Path(__file__).resolve().parent.parent)
_SITE = ("site-packages", "dist-packages")


def user_traceback(error: BaseException, directory: Path | None = None) -> str:
    """The traceback from where the user's code begins.

    peernet's own frames and the import machinery's are left out; paths are given from the project's folder (or
    from the library's), so that replicas of a failing call tell the same story.

    Args:
        error: what was caught, with its traceback and its causes.
        directory: the folder that the project was written to.
    """
    report = traceback.TracebackException.from_exception(error)
    _trim(report, _folder_prefixes(directory), set())
    text = "".join(report.format())
    if len(text) <= MAX_TRACEBACK_CHARS:
        return text
    half = MAX_TRACEBACK_CHARS // 2
    return f"{text[:half]}\n  … {len(text) - 2 * half} characters left out …\n{text[-half:]}"


def describe(error: BaseException) -> str:
    """The last line of a traceback: type and message, bounded; never raises, whatever `str(error)` does."""
    lines = traceback.TracebackException(type(error), error, None).format_exception_only()
    text = "".join(lines).strip()
    return text if len(text) <= 500 else text[:499] + "…"


def _folder_prefixes(directory: Path | None) -> list[str]:
    prefixes = [] if directory is None else [str(directory), str(directory.resolve())]
    return [prefix.rstrip("/\\") for prefix in prefixes]


def _trim(report: traceback.TracebackException, folders: list[str], seen: set[int]) -> None:
    if id(report) in seen:
        return
    seen.add(id(report))
    user = [frame for frame in report.stack if not _is_machinery(frame.filename)]
    for frame in user:
        frame.line  # noqa: B018 - read the source line while the file's real path is known
        frame.filename = _short(frame.filename, folders)
    report.stack[:] = user
    if isinstance(report, traceback.TracebackException) and getattr(report, "filename", None):
        report.filename = _short(str(report.filename), folders)
    for other in (report.__cause__, report.__context__, *(report.exceptions or ())):
        if other is not None:
            _trim(other, folders, seen)


def _is_machinery(filename: str) -> bool:
    return filename.startswith((_PEERNET, "<frozen importlib", "<frozen runpy"))


def _short(filename: str, folders: list[str]) -> str:
    for folder in folders:
        if filename.startswith(folder):
            return filename[len(folder) + 1 :].replace("\\", "/")
    parts = Path(filename).parts
    for index, part in enumerate(parts):
        if part in _SITE:
            return "/".join(parts[index + 1 :])
    library = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    if library in parts:
        return "/".join(parts[parts.index(library) + 1 :])
    return filename
