"""A test double: `python without.py PACKAGE join …` is `peernet join …` on a machine that lacks a package."""

from __future__ import annotations

import sys

from peernet.project import requirements
from peernet.runtime import machine
from peernet_cli.main import main

if __name__ == "__main__":
    missing = sys.argv[1]

    def told() -> tuple[str, ...]:
        return tuple(text for text in requirements.installed_packages() if text.split("==")[0] != missing)

    def versions() -> dict[str, str]:
        return {name: text for name, text in requirements.installed_versions().items() if name != missing}

    machine.installed_packages, machine.installed_versions = told, versions
    main(sys.argv[2:])
