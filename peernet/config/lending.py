"""What a volunteer lends to one slice at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from peernet.config.box import MIB


@dataclass(frozen=True, slots=True)
class LendConfig:
    """See each field. Sizes are bytes, times are seconds. Jobs that need more are left alone; a slice whose job
    does not say what it needs gets the default of `BoxConfig`, or what is lent if that is less."""

    memory: int | None = None
    """Memory of a slice, of any job. None: for strangers a slot's share of the free memory (but not less than the
    default), for own keys whatever is free."""

    seconds: float | None = None
    """Wall-clock time of a slice, of any job. None: for strangers `WorkConfig.worker_longest_slice`."""

    scratch: int | None = None
    """Bytes in the scratch folder of a slice, of any job. None: for strangers `strangers_scratch`."""

    build: Literal["mine", "anyone", "none"] = "mine"
    """Whose jobs get packages built that this machine lacks: of own keys, of anyone, of nobody. A build takes disk
    and network, and unpacks archives that the submitter chose, so strangers have to be let in by choice."""

    strangers_scratch: int = 1024 * MIB
    """Scratch of a stranger's slice where the volunteer has not said: in tier A it is memory."""
