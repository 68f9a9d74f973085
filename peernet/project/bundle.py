"""The bundle: the code of a project, as the bytes that travel."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Any

from peernet.config.project import MAX_ARGUMENTS, MAX_BUNDLE_BYTES, MAX_BUNDLE_FILES, MAX_BUNDLE_PATH
from peernet.errors import CannotDecodeError, CannotEncodeError, ProjectError
from peernet.results import decode, encode

_FORMAT = "peernet/bundle/2"
_FIELDS = 10
_MAX_ENCODED = MAX_BUNDLE_BYTES + 1024 * 1024  # paths, arguments and names beside the source
_MAX_TEXT = 64 * 1024
_PART = re.compile(r"[^./\\:\0-\x1f\x7f][^/\\:\0-\x1f\x7f]*")


@dataclass(frozen=True, slots=True)
class Bundle:
    """The code of a project. Immutable and checked when made, whether here or from another peer's bytes.

    kind: "source" (files to import) or "pickle" (a cloudpickle, with the modules beside the user's program that it
        refers to in `files`).
    entry: the project file among `files`, "" for a pickle.
    name: the project's attribute there, or "" for the only one.
    argv: what the project sees as `sys.argv[1:]`.
    files: (path, bytes), sorted; relative posix paths of .py files.
    python: the minor version that a pickle needs, as "3.11"; "" for any.
    imports: top-level names of the installed packages that the files import, sorted; neither the standard library
        nor peernet.
    pickled: the cloudpickle, b"" for source.
    on_error: what the submitter asks for in place of the project's own; "" leaves that.

    Raises ProjectError when it breaks one of these rules or a bound of `config.project`.
    """

    kind: str
    entry: str
    name: str
    argv: tuple[str, ...]
    files: tuple[tuple[str, bytes], ...]
    python: str
    imports: tuple[str, ...]
    pickled: bytes
    on_error: str = ""

    def __post_init__(self) -> None:
        _check(self)

    def encode(self) -> bytes:
        """Canonical bytes: equal bundles give equal bytes.

        Raises:
            ProjectError: an argument is no text.
        """
        fields = [self.kind, self.entry, self.name, self.argv, self.files, self.python, self.imports, self.pickled]
        fields.append(self.on_error)
        try:
            return encode([_FORMAT, *fields], max_bytes=_MAX_ENCODED)
        except CannotEncodeError as error:
            raise ProjectError(f"the project can't travel: {error}") from None

    @classmethod
    def decode(cls, data: bytes) -> Bundle:
        """Read and check a bundle from anybody. No code in it runs.

        Raises:
            ProjectError: the bytes are no bundle, or it breaks a rule.
        """
        try:
            fields = decode(data, max_bytes=_MAX_ENCODED)
        except CannotDecodeError as error:
            raise ProjectError(f"the bundle can't be read: {error}") from None
        if not isinstance(fields, list) or len(fields) != _FIELDS or fields[0] != _FORMAT:
            raise ProjectError(
                f"the bundle is not of the format {_FORMAT}; the peers run different versions of peernet"
            )
        return cls(*fields[1:])


def running_python() -> str:
    """The minor version of this interpreter, as "3.11"."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def _check(bundle: Bundle) -> None:
    _check_types(bundle)
    _check_files(bundle.files)
    if bundle.kind not in ("source", "pickle"):
        _refuse(f"its kind is {bundle.kind[:20]!r}")
    if bundle.kind == "source":
        if bundle.entry not in dict(bundle.files) or bundle.pickled or bundle.python:
            _refuse("it has no project file of its own")
    elif bundle.entry or not bundle.pickled or not re.fullmatch(r"[0-9]{1,3}\.[0-9]{1,3}", bundle.python):
        _refuse("its pickle names no Python version")
    if len(bundle.argv) > MAX_ARGUMENTS or len(bundle.imports) > MAX_BUNDLE_FILES:
        _refuse(f"it has more than {MAX_ARGUMENTS} arguments or {MAX_BUNDLE_FILES} imports")
    if sum(map(len, bundle.argv)) > _MAX_TEXT or sum(map(len, bundle.imports)) > _MAX_TEXT:
        _refuse(f"its arguments are longer than {_MAX_TEXT} characters; give the project a file to read instead")
    if bundle.on_error not in ("", "fail", "skip", "retry"):
        _refuse(f"its on_error is {bundle.on_error[:20]!r}")
    if bundle.name and not bundle.name.isidentifier():
        _refuse(f"{bundle.name[:80]!r} is not the name of a project")
    if len(bundle.pickled) + sum(len(content) for _, content in bundle.files) > MAX_BUNDLE_BYTES:
        _refuse(f"it is larger than {MAX_BUNDLE_BYTES} bytes; large data belongs in the inputs")


def _check_types(bundle: Bundle) -> None:
    texts: tuple[Any, ...] = (bundle.kind, bundle.entry, bundle.name, bundle.python, bundle.on_error)
    if not all(isinstance(text, str) for text in texts) or not isinstance(bundle.pickled, bytes):
        _refuse("a field has the wrong type")
    for texts in (bundle.argv, bundle.imports):
        if not isinstance(texts, tuple) or not all(isinstance(text, str) for text in texts):
            _refuse("a field has the wrong type")
    files: Any = bundle.files
    if not isinstance(files, tuple) or not all(isinstance(file, tuple) and len(file) == 2 for file in files):
        _refuse("a field has the wrong type")
    if not all(isinstance(path, str) and isinstance(content, bytes) for path, content in files):
        _refuse("a field has the wrong type")


def _check_files(files: tuple[tuple[str, bytes], ...]) -> None:
    if len(files) > MAX_BUNDLE_FILES:
        _refuse(f"it has more than {MAX_BUNDLE_FILES} files")
    paths = [path for path, _ in files]
    if paths != sorted(set(paths)):
        _refuse("its files are not sorted, or one is there twice")
    for path in paths:
        parts = path.split("/")
        named = all(map(_PART.fullmatch, parts)) and not any("." in folder for folder in parts[:-1])
        if len(path) > MAX_BUNDLE_PATH or not path.endswith(".py") or not named:
            _refuse(f"the path {path[:80]!r} is not that of a .py file inside the project's folder")


def _refuse(reason: str) -> None:
    raise ProjectError(f"the bundle of the project is refused: {reason}")
