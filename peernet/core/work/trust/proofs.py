"""What a peer has proven in one function of the submitter: the checks that it passed, and by whom.

Checks are kept for each function, as a peer may be right in one and wrong in another: on purpose, or because a
part of its machine or a library is broken where only that one goes. Measured with one trust for all functions
(`simulations/verification`), 3 to 15 % of what was accepted in a short job of a second function was wrong where 5
to 20 % of the peers were of that kind: it was over before an audit had met them. With checks for each function
nothing was, but each began anew, at 2.1 executions a slice. So who has proven itself in another function needs
fewer checks (`TrustConfig.proven_liars`): that is 1.42 to 1.65 executions in a short first job, 1.13 to 1.16 in a
long one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from peernet.identity.digest import digest
from peernet.types import PeerId

VOUCHERS = 3
"""Distinct peers that have to find a newcomer's results right before that counts: where a fifth lie, it and its
first three vouchers all belong to them in one case of six hundred."""

ID_BYTES = 8
"""Of a digest: a submitter has too few functions for two of them to share as many."""

NAME_LENGTH = 64
"""Characters of a function's name that are kept for people: a line of a terminal has room for them."""


class Function(NamedTuple):
    """A function as its submitter calls it. id: of its whole name; name: the beginning of it, for people."""

    id: bytes
    name: str


def function_named(name: str) -> Function:
    """Return the function of the jobs of this name. The same after edits of its source, with other inputs and
    arguments: what is broken or false in a peer is so in the next version as well."""
    return Function(digest(name.encode())[:ID_BYTES], name[:NAME_LENGTH])


@dataclass(slots=True)
class Proof:
    """What a peer has proven in one function.

    checks: how many it passed, fading. vouchers: the first of those who repeated its results and found them right.
    Until there are enough of them, it may be that a few colluders vouch for each other, and its checks count for
    nothing. sure: one of its checks was made by a trusted peer, which is enough.
    """

    checks: float = 0.0
    sure: bool = False
    vouchers: tuple[PeerId, ...] = ()

    @property
    def vouched(self) -> bool:
        """Its checks were made by enough others to count."""
        return self.sure or len(self.vouchers) >= VOUCHERS

    @property
    def counting(self) -> float:
        """The checks that count."""
        return self.checks if self.vouched else 0.0

    def passes(self, weight: float, voucher: PeerId | None) -> None:
        """A result was repeated, with the same outcome. See `Standing.passes`."""
        self.checks += weight
        if voucher is None:
            self.sure = True
        elif len(self.vouchers) < VOUCHERS and voucher not in self.vouchers:
            self.vouchers = (*self.vouchers, voucher)
