"""The zygote's end of the socket to the peer."""

from __future__ import annotations

import selectors
import socket
from collections import deque
from collections.abc import Callable

from peernet.box.frames import FrameDecoder, Message
from peernet.box.messages import TO_ZYGOTE
from peernet.config.box import BoxConfig


class PeerChannel:
    """Reads what the peer asks for, and keeps what it is told until the socket takes it. It never waits for the
    peer.

    selector: the zygote's, which calls `on_events`. carry_out: gets each message of the peer.
    """

    def __init__(
        self,
        peer: socket.socket,
        selector: selectors.BaseSelector,
        config: BoxConfig,
        carry_out: Callable[[Message], None],
    ) -> None:
        self._peer = peer
        self._selector = selector
        self._chunk = config.chunk
        self._carry_out = carry_out
        self._decoder = FrameDecoder(header=config.header, body=max(config.bundle, config.input))
        self._outgoing: deque[memoryview] = deque()

    def open(self) -> None:
        """Listen from now on."""
        self._peer.setblocking(False)
        self._selector.register(self._peer, selectors.EVENT_READ, self.on_events)

    def on_events(self, events: int) -> bool:
        """Read and write what the socket is ready for. Returns False at its end.

        Raises:
            BoxError: the peer broke the protocol; and what `carry_out` raises.
        """
        if events & selectors.EVENT_WRITE:
            self._flush()
        if events & selectors.EVENT_READ:
            try:
                data = self._peer.recv(self._chunk)
            except BlockingIOError:
                return True
            except ConnectionError:
                return False
            self._decoder.feed(data)
            while (frame := self._decoder.next_frame()) is not None:
                self._carry_out(TO_ZYGOTE.read(frame))
            return bool(data)
        return True

    def send(self, message: Message) -> None:
        """Tell the peer something. One that is gone is told nothing; `on_events` notices soon."""
        self._outgoing += (memoryview(part) for part in message.encode() if part)
        self._flush()

    def _flush(self) -> None:
        while self._outgoing:
            try:
                sent = self._peer.send(self._outgoing[0][: self._chunk])
            except BlockingIOError:
                break
            except ConnectionError:
                self._outgoing.clear()
                break
            rest = self._outgoing.popleft()[sent:]
            if rest:
                self._outgoing.appendleft(rest)
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outgoing else 0)
        if self._selector.get_key(self._peer).events != wanted:
            self._selector.modify(self._peer, wanted, self.on_events)
