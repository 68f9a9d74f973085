"""How a peer is to run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from peernet.config import Config


@dataclass(frozen=True, slots=True)
class PeerOptions:
    """What a user chooses for a peer.

    home: the folder of all its state. host, port: where it listens; port 0 lets the system choose.
    join: multiaddrs of peers to join through. slots: slices run at once; 0 only submits.
    max_slices: slices taken in all, None for no limit. serves: whose code runs here.
    sandbox_tier: "A", "B" or "C" instead of the best that works. own_code: nobody else's code comes to this peer,
    as in a local swarm, so that tier C does where nothing better works.
    require_sandbox: execute nothing in a tier below this one. mine: ids of peers whose code runs here as if they
    were marked as mine. return_by_itself: whether contacts of an earlier run are tried at the start. config:
    bounds; `config.lend` holds what is lent to a slice. index_url: where packages come from, instead of what this
    machine's pip is configured for.
    """

    home: Path
    host: str = "0.0.0.0"
    port: int = 0
    join: tuple[str, ...] = ()
    slots: int = 1
    max_slices: int | None = None
    serves: Literal["anyone", "mine"] = "anyone"
    sandbox_tier: str | None = None
    own_code: bool = False
    require_sandbox: str | None = None
    return_by_itself: bool = True
    mine: tuple[str, ...] = ()
    config: Config = field(default_factory=Config)
    index_url: str = ""
