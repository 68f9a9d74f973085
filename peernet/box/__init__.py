"""What runs inside a box: the zygote, the children that it forks, the job host, and their frames."""

from __future__ import annotations

IN_BOX = "PEERNET_IN_BOX"
"""Set in the environment of every box, so that a project that submits itself when it is imported is told so."""
