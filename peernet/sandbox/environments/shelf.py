"""The environments that are kept: which there are, which are in use, and what goes when there is no room."""

from __future__ import annotations

import os
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from peernet.box.scratch import wipe
from peernet.config.builds import BuildConfig
from peernet.errors import BuildError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SIZE = "size"
PACKAGES = "packages"
"""The folder within a kept one that goes on the path of boxes."""


@dataclass(slots=True)
class _Kept:
    """size: bytes. uses: boxes that it is open in."""

    size: int
    uses: int = 0


class Claim:
    """The room that one build takes while it is under way."""

    def __init__(self, grow: Callable[[Claim, int], list[Path]]) -> None:
        self.size = 0
        self._grow = grow

    def grow_to(self, size: int) -> list[Path]:
        """Take room for so many bytes, and return the folders to remove for it (`wipe`).

        Raises:
            BuildError: there is not so much room, even without all that is not in use.
        """
        return self._grow(self, size)


class Shelf:
    """A folder of environments, each a folder named by the digest of its lock. Used in one thread only.

    A build makes its environment in a folder of another name (`begin`), and `put` renames it when it is complete:
    what has a digest's name and says its size is whole, and everything else is rubbish of a killed peer, removed
    here. The file with the size tells by its time when the environment was last used.

    Raises:
        BuildError: the disk refused.
    """

    def __init__(self, folder: Path, config: BuildConfig) -> None:
        self._folder = folder
        self._config = config
        self._kept: OrderedDict[str, _Kept] = OrderedDict()  # the one last used longest ago comes first
        self._claims: list[Claim] = []
        try:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            found: list[tuple[float, str, int]] = []
            for path in sorted(folder.iterdir()):
                size = _read_size(path)
                if size is None:
                    wipe(path) if path.is_dir() and not path.is_symlink() else path.unlink()
                else:
                    found.append(((path / _SIZE).stat().st_mtime, path.name, size))
        except OSError as error:
            raise _refused(folder, error) from None
        self._kept.update((name, _Kept(size)) for _, name, size in sorted(found))

    def take(self, digest: str) -> Path | None:
        """Return the packages of an environment and count a use of it; None if it is not kept."""
        kept = self._kept.get(digest)
        if kept is None:
            return None
        kept.uses += 1
        self._touch(digest)
        return self._folder / digest / PACKAGES

    def give_back(self, packages: Path) -> None:
        """End a use of what `take` returned."""
        digest = packages.parent.name
        self._kept[digest].uses -= 1
        self._touch(digest)

    def begin(self) -> tuple[Path, Claim]:
        """The path of a folder to build in, which does not exist yet, and the room claimed for it: none so far."""
        claim = Claim(self._make_room)
        self._claims.append(claim)
        return self._folder / f"build-{secrets.token_hex(8)}", claim

    def end(self, claim: Claim) -> None:
        """Give up the room of a build that has ended, well or not."""
        self._claims.remove(claim)

    def put(self, digest: str, built: Path, size: int) -> None:
        """Keep a complete environment under its name.

        Raises:
            BuildError: the disk refused.
        """
        try:
            (built / _SIZE).write_text(str(size), "ascii")
            built.rename(self._folder / digest)
        except OSError as error:
            wipe(built)
            raise _refused(built, error) from None
        self._kept[digest] = _Kept(size)

    def _make_room(self, claim: Claim, size: int) -> list[Path]:
        if size <= claim.size:
            return []
        idle = [digest for digest, kept in self._kept.items() if not kept.uses]
        others = sum(other.size for other in self._claims if other is not claim)
        taken = others + sum(kept.size for kept in self._kept.values())
        if size + taken - sum(self._kept[digest].size for digest in idle) > self._config.quota:
            raise BuildError(
                f"it needs {size} bytes, and of the {self._config.quota} for environments "
                f"{taken} are taken: serve fewer jobs, or allow more"
            )
        claim.size = size
        gone: list[Path] = []
        while idle and (size + taken > self._config.quota or len(self._kept) >= self._config.kept):
            digest = idle.pop(0)
            taken -= self._kept[digest].size
            gone.append(self._drop(digest))
        return gone

    def _drop(self, digest: str) -> Path:
        """Take an environment out; what is left of it has a name that says so."""
        path = self._folder / f"gone-{secrets.token_hex(8)}"
        try:
            (self._folder / digest).rename(path)
        except OSError as error:
            raise _refused(self._folder / digest, error) from None
        del self._kept[digest]
        return path

    def _touch(self, digest: str) -> None:
        self._kept.move_to_end(digest)
        with suppress(OSError):  # then it may go too early after a restart
            os.utime(self._folder / digest / _SIZE)


def _read_size(path: Path) -> int | None:
    """The size of a complete environment; None for anything else."""
    try:
        text = (path / _SIZE).read_bytes()[:20]
    except OSError:
        return None
    whole = _DIGEST.fullmatch(path.name) and text.isdigit() and (path / PACKAGES).is_dir()
    return int(text) if whole else None


def _refused(path: Path, error: OSError) -> BuildError:
    return BuildError(
        f"the disk refused to keep {path}: {error.strerror or error}; free some space, or allow access"
    )
