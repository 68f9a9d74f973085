"""Signs what this peer says, each time as the latest of its kind."""

from __future__ import annotations

from peernet.core.context import Context
from peernet.identity.envelope import MAX_ENVELOPE, seal
from peernet.wire.base import Message
from peernet.wire.codec import encode_body


class Sealer:
    """Seals bodies with rising sequence numbers, of which the highest wins where several are known.

    They follow the wall clock in milliseconds, and so go on rising over restarts without a record in the journal.
    One for each concern: one that seals more than a thousand a second runs ahead of the clock, and must not take
    the numbers of another along, which would be behind itself after a restart.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._sequence = 0

    def seal(self, domain: str, body: Message, lifetime: float, max_size: int = MAX_ENVELOPE) -> bytes:
        """Return the envelope of a body. lifetime: seconds. max_size: bytes of the largest envelope.

        Raises:
            ValueError: it would be larger.
        """
        ctx, wall = self._ctx, self._ctx.now.wall
        self._sequence = max(self._sequence + 1, int(wall * 1000))
        return seal(
            ctx.sign,
            ctx.me,
            domain,
            encode_body(body),
            sequence=self._sequence,
            issued=wall,
            lifetime=lifetime,
            max_size=max_size,
        )
