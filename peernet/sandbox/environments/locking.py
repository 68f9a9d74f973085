"""The submitter's side: from requirements to a lock."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from peernet.config.builds import BuildConfig
from peernet.errors import BuildError, LockError, ProjectError
from peernet.project.bundle import running_python
from peernet.project.lock import Lock, LockedPackage, running_platform
from peernet.project.pep508 import canonical_name
from peernet.project.requirements import check
from peernet.sandbox.environments.installer import Installer


def lock_requirements(
    requirements: Sequence[str], config: BuildConfig | None = None, *, index_url: str = ""
) -> Lock | None:
    """Choose the wheels that requirements stand for on this machine, with all that those need in turn.

    Asks the index of this machine's pip, which commonly takes seconds; nothing is installed, and no code of a
    package runs. Blocks: call it in a thread where a loop runs.

    requirements: as `project.requirements.check` takes them. index_url: another index than pip's own configuration
    names. Returns None if nothing is needed here.

    Raises:
        LockError: pip is missing, the index can't be reached, or it has no fitting wheels.
        ProjectError: a requirement is wrong. UsageError: the index is no URL.
    """
    needed = check(requirements)
    if not needed:
        return None
    config = config or BuildConfig()
    installer = Installer(config, index_url)
    with tempfile.TemporaryDirectory(prefix="peernet-lock-") as folder:
        listed, report = Path(folder, "requirements"), Path(folder, "report")
        listed.write_text("".join(f"{text}\n" for text in needed), "ascii")
        try:
            installer.resolve(listed, report, Path(folder))
            return _read(report, config)
        except BuildError as error:
            raise LockError(
                f"{', '.join(needed)} can't be locked to wheels: {error}. Without a lock, only peers that have "
                "them installed can run the project"
            ) from None


def _read(report: Path, config: BuildConfig) -> Lock | None:
    """The lock that pip's report stands for."""
    try:
        if report.stat().st_size > config.report:
            raise BuildError(f"pip's report is larger than {config.report} bytes")
        chosen = json.loads(report.read_bytes())["install"]
        found = sorted((_package(item) for item in chosen), key=lambda pair: pair[0].name)
        if not found:
            return None
        pure = all(anywhere for _, anywhere in found)
        return Lock(running_python(), "" if pure else running_platform(), tuple(package for package, _ in found))
    except ProjectError as error:
        raise BuildError(str(error)) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BuildError(f"pip's report can't be used: {error!r}; install a newer pip") from None


def _package(item: dict[str, Any]) -> tuple[LockedPackage, bool]:
    """One package of pip's report, and whether its wheel fits every platform."""
    name = canonical_name(item["metadata"]["name"])
    found = item["download_info"]
    file = unquote(urlsplit(found["url"]).path.rpartition("/")[2])
    try:
        version = str(Version(item["metadata"]["version"]))
        tags = parse_wheel_filename(file)[3]
    except (InvalidWheelFilename, InvalidVersion) as error:
        raise BuildError(f"pip would not take a wheel for {name}: {error}") from None
    sha256 = found.get("archive_info", {}).get("hashes", {}).get("sha256")
    if not isinstance(sha256, str):
        raise BuildError(f"the index names no SHA-256 digest of {file}; use one that does")
    return LockedPackage(name, version, sha256), all(tag.platform == "any" for tag in tags)
