"""Packages that a job needs and a machine lacks: locked by the submitter, built by the volunteer who allows it."""

from __future__ import annotations

from peernet.sandbox.environments.environments import Builds, Environments
from peernet.sandbox.environments.installer import Installer, check_index
from peernet.sandbox.environments.locking import lock_requirements

__all__ = ["Builds", "Environments", "Installer", "check_index", "lock_requirements"]
