"""The network: TCP, Noise, connections, and the pool that the runtime uses.

`Pool` is the whole of it for other packages; it is given a `Transport`: `TcpTransport`, or in tests and in
the simulator a `MemoryTransport`.
"""

from __future__ import annotations

from peernet.net.blobs import BlobSource
from peernet.net.memory import MemoryNetwork, MemoryTransport
from peernet.net.pool import Pool
from peernet.net.transport import TcpTransport, Transport

__all__ = ["BlobSource", "MemoryNetwork", "MemoryTransport", "Pool", "TcpTransport", "Transport"]
