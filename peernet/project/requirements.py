"""What a project needs to be installed: declared in its file, checked, and compared with what a machine has.

What reads requirements and the disk is imported on first use: boxes import this package and need neither.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from peernet.config.environments import (
    MAX_BLOCK_CHARS,
    MAX_LISTED_CHARS,
    MAX_LISTED_PACKAGES,
    MAX_PACKAGE_CHARS,
    MAX_REQUIREMENT_CHARS,
    MAX_REQUIREMENTS,
    MAX_REQUIREMENTS_CHARS,
)
from peernet.errors import ProjectError
from peernet.project.pep508 import PACKAGE_NAME, canonical_name, is_met, normal_form
from peernet.results import short_repr

_OPENING = re.compile(r"# /// ([a-zA-Z0-9-]+)")
_CLOSING = "# ///"
_MICROS = 100
"""Releases of one minor version of Python that are thought of. There were 20 at most."""


@dataclass(frozen=True, slots=True)
class Script:
    """The inline metadata of a script (PEP 723).

    requires_python: the versions of Python that it runs on, as in ">=3.11"; "" for any.
    dependencies: what it needs installed, as `check` returns it.
    """

    requires_python: str = ""
    dependencies: tuple[str, ...] = ()


def read_block(source: str) -> Script:
    """Read the `# /// script` block of a source text; without one, or with one that never ends, nothing is needed.

    Fields that have no meaning here (`[tool]` among them) are passed over, as PEP 723 wants it.

    Raises:
        ProjectError: naming the line, when there are several such blocks, one is not TOML, or a field is wrong.
    """
    blocks = _find_blocks(source.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    if not blocks:
        return Script()
    if len(blocks) > 1:
        raise ProjectError(f"line {blocks[1][0] - 1}: a second `# /// script` block; keep one")
    start, lines = blocks[0]
    if sum(map(len, lines)) > MAX_BLOCK_CHARS:
        raise ProjectError(f"line {start}: the `# /// script` block has more than {MAX_BLOCK_CHARS} characters")
    fields = _parse_toml(lines, start)
    return Script(_requires_python(fields, lines, start), _dependencies(fields, lines, start))


def check(texts: Iterable[str]) -> tuple[str, ...]:
    """Check requirements (PEP 508) and return them in their one normal form: sorted, each once.

    texts: as in `("numpy>=1.26", "scipy; sys_platform == 'linux'")`.

    Raises:
        ProjectError: one is no requirement, names a place instead of a package (a URL, a path, an option), or asks
            for extras; or there are too many, or one is too long.
    """
    if isinstance(texts, str):
        raise ProjectError(f"requirements={short_repr(texts)}: it must be a list of them, as in [{texts!r}]")
    normal: set[str] = set()
    for text in texts:
        normal.add(normal_form(text))
        if len(normal) > MAX_REQUIREMENTS:
            raise ProjectError(
                f"there are more than {MAX_REQUIREMENTS} requirements; name what is imported, not what that needs"
            )
    if sum(map(len, normal)) > MAX_REQUIREMENTS_CHARS:
        raise ProjectError(
            f"the requirements have more than {MAX_REQUIREMENTS_CHARS} characters together; "
            "name what is imported, not what that needs"
        )
    return tuple(sorted(normal))


def lacking(requirements: Iterable[str], installed: Mapping[str, str]) -> tuple[str, ...]:
    """Return the requirements that are not met. A marker that this interpreter does not match asks for nothing.

    requirements: as `check` returns them. installed: versions by canonical name. A pre-release that is installed
    meets a requirement that its number meets.

    Raises:
        ProjectError: one is not what `check` returns.
    """
    return tuple(text for text in requirements if not is_met(text, installed))


def is_version_in(minor: str, versions: str) -> bool:
    """Return whether some release of a minor version of Python, as "3.11", is in a range, as ">=3.11.4,<4".

    Raises:
        ProjectError: the range is none.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        wanted = SpecifierSet(versions)
    except InvalidSpecifier:
        raise ProjectError(f"{versions!r} is no range of versions; write it as in '>=3.11'") from None
    return any(wanted.contains(f"{minor}.{micro}", prereleases=True) for micro in range(_MICROS))


def installed_packages() -> tuple[str, ...]:
    """The packages that this peer's boxes can import, as "name==version" with canonical names, sorted.

    Boxes see what is installed beside the interpreter, and neither the user's own packages nor the current folder.
    Where there are more than fit an advert, those that fewest others need are left out: projects name the common
    ones. Reads the disk.
    """
    return _listed(*_installed())


def installed_versions() -> dict[str, str]:
    """All packages that this peer's boxes can import, as versions by canonical name. Reads the disk."""
    return _installed()[0]


def _installed() -> tuple[dict[str, str], Counter[str]]:
    """Versions by canonical name, and how many other packages need each."""
    from importlib import metadata
    from site import getsitepackages

    found: dict[str, str] = {}
    needed: Counter[str] = Counter()
    for distribution in metadata.distributions(path=getsitepackages()):
        name = distribution.name
        if not isinstance(name, str) or not PACKAGE_NAME.fullmatch(name) or not distribution.version:
            continue  # the remains of a broken installation
        found.setdefault(canonical_name(name), distribution.version)
        needed.update({_name_in(text) for text in distribution.requires or ()})
    return found, needed


def _listed(found: Mapping[str, str], needed: Mapping[str, int]) -> tuple[str, ...]:
    """As many "name==version" as the bounds allow, sorted."""
    listed: list[str] = []
    size = 0
    for name in sorted(found, key=lambda name: (-needed.get(name, 0), name)):
        text = f"{name}=={found[name]}"
        if len(text) > MAX_PACKAGE_CHARS or not text.isascii() or not text.isprintable():
            continue
        if len(listed) == MAX_LISTED_PACKAGES or size + len(text) > MAX_LISTED_CHARS:
            break
        listed.append(text)
        size += len(text)
    return tuple(sorted(listed))


def _name_in(text: str) -> str:
    """The canonical name at the start of a distribution's requirement, or nothing."""
    match = PACKAGE_NAME.match(text)
    return canonical_name(match.group()) if match else ""


# --- the block ------------------------------------------------------------------------------------------------


def _find_blocks(lines: list[str]) -> list[tuple[int, list[str]]]:
    """The number of the first content line (from 1) and the content lines of each script block."""
    blocks: list[tuple[int, list[str]]] = []
    at = 0
    while at < len(lines):
        opening = _OPENING.fullmatch(lines[at])
        at += 1
        if opening is None:
            continue
        end = at
        while end < len(lines) and (lines[end] == "#" or lines[end].startswith("# ")):
            end += 1
        closings = [number for number in range(at, end) if lines[number] == _CLOSING]
        if not closings or closings[-1] == at:
            continue  # PEP 723: without an end it is no block
        if opening.group(1) == "script":
            blocks.append((at + 1, [line[2:] for line in lines[at : closings[-1]]]))
        at = closings[-1] + 1
    return blocks


def _parse_toml(lines: list[str], start: int) -> dict[str, object]:
    import tomllib

    try:
        return tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column \d+\)", str(error))
        number = start + int(place.group(1)) - 1 if place else start + len(lines) - 1
        reason = str(error).partition(" (at ")[0]
        raise ProjectError(f"line {number}: the `# /// script` block is not TOML: {reason}") from None
    except RecursionError:
        raise ProjectError(f"line {start}: the `# /// script` block is nested too deep") from None


def _requires_python(fields: dict[str, object], lines: list[str], start: int) -> str:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    value = fields.get("requires-python", "")
    place = f"line {_line_of('requires-python', lines, start)}: requires-python = {short_repr(value)}"
    if not isinstance(value, str):
        raise ProjectError(f'{place}: it must be a text, as in ">=3.11"')
    if len(value) > MAX_REQUIREMENT_CHARS:
        raise ProjectError(f"{place}: it has more than {MAX_REQUIREMENT_CHARS} characters")
    try:
        return str(SpecifierSet(value))
    except InvalidSpecifier:
        raise ProjectError(f'{place}: it is no range of versions; write it as in ">=3.11"') from None


def _dependencies(fields: dict[str, object], lines: list[str], start: int) -> tuple[str, ...]:
    values = fields.get("dependencies", [])
    line = _line_of("dependencies", lines, start)
    if not isinstance(values, list):
        raise ProjectError(f"line {line}: dependencies = {short_repr(values)}: it must be a list of texts")
    for value in values:
        try:
            check([value])
        except ProjectError as error:
            raise ProjectError(f"line {_line_of(str(value), lines, start, line)}: {error}") from None
    try:
        return check(values)
    except ProjectError as error:
        raise ProjectError(f"line {line}: {error}") from None


def _line_of(text: str, lines: list[str], start: int, otherwise: int | None = None) -> int:
    """The number of the first line of the block that holds a text; one may be written with escapes."""
    numbers = (number for number, line in enumerate(lines, start) if text in line)
    return next(numbers, start if otherwise is None else otherwise)
