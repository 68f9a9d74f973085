"""The campaigns: each user and tier runs all attacks of the session through one executor, once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # `siege` is also what the started processes import

from siege.campaign import SECRET
from siege.users import ROOT, can_not_be, command_of, environment, folder_of

PATIENCE = 300.0
"""Seconds after which a campaign is hung."""


class Campaigns:
    """Runs a campaign when its first attack is asked for, and remembers what it said.

    wanted: of each user and tier the names of the attacks that are to be tested in this session.
    """

    def __init__(self, wanted: dict[tuple[str, str], list[str]]) -> None:
        self._wanted = wanted
        self._said: dict[tuple[str, str], dict[str, Any]] = {}

    def line(self, user: str, tier: str, name: str) -> dict[str, Any]:
        """What the campaign said of an attack. Skips the test where the machine can't run it."""
        if reason := can_not_be(user):
            pytest.skip(reason)
        if (user, tier) not in self._said:
            self._said[user, tier] = run_campaign(user, tier, self._wanted[user, tier])
        line: dict[str, Any] = self._said[user, tier][name]
        if line.get("skipped"):
            pytest.skip(line["skipped"])
        return line


def run_campaign(user: str, tier: str, names: list[str]) -> dict[str, Any]:
    """Run attacks as a user in a tier. Attacks that the campaign did not come to have a line that says why."""
    with folder_of(user) as folder:
        secret = f"secret of {folder.name}"
        done = subprocess.run(
            command_of(user, "siege.campaign", tier, str(folder), *names),
            env=environment(**{SECRET: secret}),
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=PATIENCE,
            check=False,
        )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    missing = {"error": f"the campaign ended with {done.returncode} before it: {done.stderr[-4000:]}"}
    return dict.fromkeys(names, missing) | {line["name"]: line for line in lines}


@pytest.fixture(scope="session")
def campaigns(request: pytest.FixtureRequest) -> Campaigns:
    wanted: dict[tuple[str, str], list[str]] = {}
    for item in request.session.items:
        values = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if {"user", "tier", "name"} <= values.keys():
            wanted.setdefault((values["user"], values["tier"]), []).append(values["name"])
    return Campaigns(wanted)


@pytest.fixture
def attack(campaigns: Campaigns, user: str, tier: str, name: str) -> dict[str, Any]:
    """What came of one attack."""
    return campaigns.line(user, tier, name)


Start = Callable[..., subprocess.Popen[str]]
