"""`python -m peernet_cli` is `peernet`."""

from __future__ import annotations

from peernet_cli.main import main

main()
