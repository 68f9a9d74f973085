"""What a project wants installed where it runs: from the decorator, and from the block in its file."""

from __future__ import annotations

import io
import tokenize
from dataclasses import dataclass

from peernet.errors import ProjectError
from peernet.project.bundle import Bundle
from peernet.project.requirements import Script, check, read_block


@dataclass(frozen=True, slots=True)
class Wanted:
    """python: versions of Python that it runs on, as in ">=3.11" or, for a pickle, "3.11"; "" for any.
    packages: requirements as `requirements.check` returns them."""

    python: str
    packages: tuple[str, ...]


def wanted_by(bundle: Bundle, requirements: tuple[str, ...] = ()) -> Wanted:
    """Join the block of the project file (PEP 723) with the decorator's `requirements`. No code runs.

    Raises:
        ProjectError: the block or a requirement can't be used; names the file and the line, or the requirement.
    """
    script = Script()
    if bundle.kind == "source":
        try:
            script = read_block(_text(dict(bundle.files)[bundle.entry]))
        except ProjectError as error:
            raise ProjectError(f"{bundle.entry}: {error}") from None
    return Wanted(bundle.python or script.requires_python, check((*script.dependencies, *requirements)))


def _text(source: bytes) -> str:
    """A source file as text, of the coding that it declares (PEP 263)."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    return source.decode(encoding)
