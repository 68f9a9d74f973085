"""A test double: `python other_class.py CLASS join …` is `peernet join …` on a machine of that numeric class."""

from __future__ import annotations

import sys
from functools import partial

from peernet.runtime import node
from peernet.runtime.surroundings import Surroundings
from peernet_cli.main import main

if __name__ == "__main__":
    other = sys.argv[1]
    node.Surroundings = partial(Surroundings, numeric=lambda: other)  # type: ignore[assignment, misc]
    main(sys.argv[2:])
