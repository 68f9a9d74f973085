"""Fidelity mode: the product's real runtime, many peers in one process, on trio with a virtual clock.

Everything of `peernet.runtime` runs as it does on a machine of its own: the driver, the journal on a disk, the
connection pool, the codec, Noise. What is simulated is what lies outside of a peer: the network (`network`), the
clock (`clock`), boxes (`executor`) and the people who start and stop peers (`stage`).
"""

from __future__ import annotations

from peernet_sim.fidelity.run import run_fidelity

__all__ = ["run_fidelity"]
