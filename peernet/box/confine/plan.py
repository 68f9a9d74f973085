"""What a box's first process is told when it is started: one argument, JSON. It comes from the peer, so it is
true."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Plan:
    """How a zygote confines itself and its children.

    channel: the inherited socket to the peer. parent: the pid that it must not outlive; 0 where a pid namespace of
    its own hides it (then the socket and the namespace see to that).
    confined: whether it confines itself at all; the rest matters only then, up to `folder`.
    needs_landlock: it refuses to run without (else Landlock is one wall of several).
    uid: the user and group to become; None: stay. keep: a mask of capabilities to keep.
    read: the files and folders that slices may read. own_proc: whether /proc shows only the box's processes.
    processes: the most processes and threads of the box's user, others' included; None: not limited.
    folder: where the box keeps the project's files. scratch: one folder for each slice at once and one more.
    mounted: whether each is a file system of its own, of the size of its limit. writable: whether slices may write
    there at all.
    environment: a folder of packages for slices, or empty.
    """

    channel: int
    parent: int
    folder: str
    scratch: tuple[str, ...]
    writable: bool
    mounted: bool = False
    environment: str = ""
    confined: bool = False
    needs_landlock: bool = False
    uid: int | None = None
    keep: int = 0
    read: tuple[str, ...] = ()
    own_proc: bool = False
    processes: int | None = None

    def encode(self) -> str:
        """The plan as an argument."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read what `encode` wrote."""
        values = json.loads(text)
        return cls(**values | {name: tuple(values[name]) for name in ("scratch", "read")})
