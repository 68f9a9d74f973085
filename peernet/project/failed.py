"""What stands in the results for a call that raised, in a project that goes on after one (`on_error="skip"`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FailedCall:
    """A call that raised, in place of its result. Peers agree on it as on any other result, so it holds only
    what is the same on all of them, and neither the message nor the traceback, which have addresses and paths.

    error: the type of the exception, as "module.Name" (builtins without a module). call: its number within its
    slice, from 0.
    """

    error: str
    call: int
