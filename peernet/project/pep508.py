"""One requirement (PEP 508): its normal form, and whether it is met.

The third-party parser is imported on first use: boxes import this package and have no need of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn

from peernet.config.environments import MAX_REQUIREMENT_CHARS
from peernet.errors import ProjectError
from peernet.results import short_repr

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PACKAGE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
"""The name of a package, before it is made canonical."""

_PLAIN = re.compile(r"""[A-Za-z0-9._,;<>=!~*+()'" -]*""")
"""What requirements are written with. A marker may quote anything, and a line's end or an option in it would
become one of the file that an installer reads."""

_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_OWN_INDEX = "each peer takes packages from its own index: name a package and its version, as in 'numpy>=1.26'"


def canonical_name(name: str) -> str:
    """The normal form of a package's name: `Foo_Bar.baz` and `foo-bar-baz` are one package (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def normal_form(text: object) -> str:
    """Check one requirement and write it as everybody writes it.

    Raises:
        ProjectError: it is none; names it and says what to write instead.
    """
    if not isinstance(text, str):
        raise ProjectError(f"the requirement {short_repr(text)} must be a text, as in 'numpy>=1.26'")
    text = text.strip()
    if len(text) > MAX_REQUIREMENT_CHARS:
        raise ProjectError(
            f"the requirement {text[:40]!r}… has {len(text)} characters; it may have {MAX_REQUIREMENT_CHARS}"
        )
    requirement = _parse(text)
    requirement.name = canonical_name(requirement.name)
    normal = str(requirement)
    if not _PLAIN.fullmatch(normal) or " -" in normal:
        _refuse(text, "it quotes what no marker is compared with; use letters, digits, dots and dashes")
    if len(normal) > MAX_REQUIREMENT_CHARS:
        raise ProjectError(
            f"the requirement {text[:40]!r}… is too long: {len(normal)} characters when written out"
        )
    return normal


def _parse(text: str) -> Requirement:
    from packaging.requirements import InvalidRequirement, Requirement

    if text.startswith("-"):
        _refuse(text, "it is an option of an installer; " + _OWN_INDEX)
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        if "://" in text or text.startswith(("git+", "hg+", "svn+", "bzr+")):
            _refuse(text, "it is a URL; " + _OWN_INDEX)
        if text.startswith((".", "/", "\\", "~")) or "/" in text.partition(";")[0]:
            _refuse(text, "it is a path, and only this machine has it; " + _OWN_INDEX)
        reason = str(error).partition("\n")[0]
        _refuse(text, f"{reason}; write it as in 'numpy>=1.26' (PEP 508)")
    except RecursionError:
        _refuse(text, "its marker is nested too deep; write fewer parentheses")
    if requirement.url is not None:
        _refuse(text, "it names a URL; " + _OWN_INDEX)
    if not PACKAGE_NAME.fullmatch(requirement.name):
        _refuse(text, f"{requirement.name!r} is not the name of a package: it ends in a letter or digit")
    if requirement.name.lower().endswith(_ARCHIVES):
        _refuse(text, "it is the name of a file; " + _OWN_INDEX)
    if requirement.extras:
        extras = ", ".join(sorted(requirement.extras))
        _refuse(text, f"a peer can't say whether it has the extra {extras}; name the packages that it stands for")
    return requirement


def _refuse(text: str, reason: str) -> NoReturn:
    raise ProjectError(f"the requirement {text!r} can't be used: {reason}")


@lru_cache(maxsize=1024)
def _cached(text: str) -> Requirement:
    """A requirement that is only read. The bound is that of all requirements of 16 jobs."""
    return _parse(text)


def is_met(text: str, installed: Mapping[str, str]) -> bool:
    """Return whether packages, as versions by canonical name, meet a requirement in its normal form.

    Raises:
        ProjectError: it is not in this form.
    """
    from packaging.version import InvalidVersion, Version

    requirement = _cached(text)
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    version = installed.get(canonical_name(requirement.name))
    if version is None:
        return False
    try:
        return requirement.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return not requirement.specifier
