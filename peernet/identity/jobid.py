"""The text form of job ids: base32 in lower case, without padding; a unique prefix is enough for people."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from peernet.errors import UsageError
from peernet.types import JobId

SHORT = 10
"""Characters that tables show: 50 bits, so that two jobs of one peer never share them."""


def format_job_id(job: JobId) -> str:
    """Return the text form of a job id: 52 characters."""
    return base64.b32encode(job).decode("ascii").rstrip("=").lower()


def find_job(prefix: str, jobs: Iterable[JobId]) -> JobId:
    """Return the one job whose text form begins with `prefix`.

    Raises:
        UsageError: there is none, or more than one.
    """
    wanted = prefix.strip().lower()
    found = [job for job in jobs if wanted and format_job_id(job).startswith(wanted)]
    if not found:
        raise UsageError(f"there is no job {prefix!r} here; `peernet jobs` lists those there are")
    if len(found) > 1:
        some = ", ".join(format_job_id(job)[: max(SHORT, len(wanted) + 4)] for job in found[:3])
        raise UsageError(f"{prefix!r} fits {len(found)} jobs ({some}, …); give more of the id")
    return found[0]
