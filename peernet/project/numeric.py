"""Numeric classes: what decides the last bits of floating-point results, as one line of text.

Results are compared by digests, and honest machines may differ in the last digits: another processor, C library,
interpreter or BLAS rounds otherwise. Peers of one class compute alike. This is BOINC's homogeneous redundancy
(https://github.com/BOINC/boinc/wiki/Homogeneous-Redundancy), which tells classes apart by operating system and
processor; here it is by all that chooses other code there, and by what that code computed.

A class is a line of facts with slashes in between, in this order:

    linux-x86_64         the operating system and the instruction set
    glibc-2.36           the C library, whose functions `math` and numpy call
    x86-64-v4            the SIMD level, by which libraries choose their kernels at run time
    cpython-3.11         the interpreter: 3.12 sums floats otherwise than 3.11
    math-6d0c4f1e        a digest of what it computed with a sample of numbers (`box.numeric.mathbits`)
    numpy-2.4.6          and, for projects that use numpy, of numpy (`box.numeric.arrays`): its version,
    openblas-0.3.31-zen  its BLAS, with the version and the kernel that was chosen,
    simd-x86_v4          the instructions that its own loops use,
    bits-0f3e9a77        and a digest of what it computed with a sample of arrays

A need for a class is met by all classes that begin with it: "linux-x86_64/glibc-2.36" is a coarse one. The facts
say why two machines differ; the digests catch differences that no fact tells. Neither can show that two machines
agree on *all* numbers, nor that a peer does not lie: replicas are compared as ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from peernet.config.numeric import MAX_CLASS_FIELDS, MAX_FIELD_CHARS
from peernet.errors import ProjectError
from peernet.project.requirements import check
from peernet.results import short_repr

SAME = "same"
"""Asks for the class of the submitting machine."""

ANY = "any"
"""Asks for no class, also where the project does."""

PLATFORM_FIELDS = 5
"""The facts of a machine; those of numpy follow."""

_FIELD = rf"[a-z0-9][a-z0-9._+-]{{0,{MAX_FIELD_CHARS - 1}}}"
NUMERIC_PATTERN = rf"\A(?:{_FIELD}(?:/{_FIELD}){{0,{MAX_CLASS_FIELDS - 1}}})?\Z"
"""What a class looks like, and the empty text, which stands for any."""

_CLASS = re.compile(NUMERIC_PATTERN)
_NUMPY = "numpy-"
_BEGINNINGS = {4: "math-", 5: _NUMPY, 7: "simd-", 8: "bits-"}
"""How facts begin that can be told from others, by their place: whoever leaves out one before them is told so."""


def make_field(text: str) -> str:
    """Return a fact as a class may hold it: in lower case, without slashes and spaces, and not too long."""
    field = re.sub(r"[^a-z0-9._+-]+", "_", text.lower()).lstrip("._+-")
    return field[:MAX_FIELD_CHARS] or "unknown"


def read_numeric(value: object) -> str | None:
    """Check what was given for `numeric`. Returns `SAME`, a class or the beginning of one, or None for any.

    Raises:
        ProjectError: it is none of these.
    """
    if value is None or value == ANY:
        return None
    if value == SAME:
        return SAME
    form = 'it must be "same", "any", or a class as `peernet doctor` shows it, or its first facts, as in '
    if not isinstance(value, str) or not value or not _CLASS.fullmatch(value):
        raise ProjectError(f'numeric={short_repr(value)}: {form}"linux-x86_64/glibc-2.36"')
    for place, field in enumerate(value.split("/")):
        if not field.startswith(_BEGINNINGS.get(place, "")):
            raise ProjectError(
                f"numeric={short_repr(value)}: its fact {place + 1} is {field!r}, where one that begins with "
                f'{_BEGINNINGS[place]!r} belongs; {form}"linux-x86_64/glibc-2.36"'
            )
    return value


def platform_of(numeric: str) -> str:
    """Return the facts of a class that tell of the machine, without those of numpy."""
    return "/".join(numeric.split("/")[:PLATFORM_FIELDS])


def tells_numpy(numeric: str) -> bool:
    """Return whether a class says anything of numpy."""
    return numeric.count("/") >= PLATFORM_FIELDS


def uses_numpy(imports: Iterable[str], packages: Iterable[str]) -> bool:
    """Return whether a project says that it uses numpy. imports: of its source. packages: what it requires."""
    return "numpy" in imports or any(re.match(r"numpy(?![a-z0-9._-])", text) for text in packages)


def pin_numpy(packages: tuple[str, ...], numeric: str) -> tuple[str, ...]:
    """Return requirements with the version of numpy that a class tells, where it tells one: workers that build
    what they lack build that one.

    Raises:
        ProjectError: the class tells no version, or there are too many requirements.
    """
    if not tells_numpy(numeric):
        return packages
    version = numeric.split("/")[PLATFORM_FIELDS].removeprefix(_NUMPY)
    try:
        return check((*packages, f"numpy=={version}"))
    except ProjectError as error:
        raise ProjectError(f"numeric={short_repr(numeric)}: {error}") from None


def lacks_class(own: str, needed: str) -> str:
    """Return what keeps a machine from a class, as in "the numeric class (glibc-2.36 is needed, glibc-2.31 is
    there)", or nothing. What is known of only one of the two decides nothing.

    own: its class, as far as it is known; empty where nothing is. needed: empty for any.
    """
    if not needed:
        return ""
    if not own:
        return "a numeric class (it has told none)"
    pairs = zip(own.split("/"), needed.split("/"), strict=False)
    clash = next(((has, wants) for has, wants in pairs if has != wants), None)
    return f"the numeric class ({clash[1]} is needed, {clash[0]} is there)" if clash else ""
