"""What `peernet doctor` measures a machine by."""

from __future__ import annotations

MIN_FREE_BYTES = 256 * 1024 * 1024
"""Free space below which the home is too full to work in: the input and the results of two large slices, and the
journal of a job."""

UNREACHED_SECONDS = 600.0
"""How long a peer has to run before it means something that nobody has connected to it: in ten minutes others
refresh their tables several times."""

ASK_SECONDS = 10.0
"""How long another program, such as bubblewrap, may take to tell its version."""
