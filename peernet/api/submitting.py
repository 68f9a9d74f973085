"""`submit`: what hands a project to the peer that runs here, or to a local swarm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from peernet.api.client import ControlClient
from peernet.api.home import open_home, refuse_in_box
from peernet.api.jobs import Job
from peernet.api.swarm import LocalSwarm
from peernet.api.threads import in_thread
from peernet.errors import NoPeerRunningError, TooFewPeersError, UsageError
from peernet.project import Project, bundle_project, make_options
from peernet.project.options import OnError, read_on_error
from peernet.runtime.machine import usable_cores
from peernet.storage.home import Home
from peernet.wire.control import Submit, Submitted


def submit(
    project: Project[Any, Any],
    *,
    home: Path | str | None = None,
    local: int | None = None,
    start_local: bool = True,
    slice_size: int | None = None,
    replicas: int | None = None,
    quorum: int | None = None,
    timeout: float | None = None,
    name: str | None = None,
    patience: float = 10.0,
    memory: int | str | None = None,
    scratch: int | str | None = None,
    require_sandbox: Literal["A", "B"] | None = None,
    sandbox_tier: Literal["A", "B", "C"] | None = None,
    confidence: float | None = None,
    on_error: OnError | None = None,
    numeric: str | None = None,
) -> Job:
    """Submit a project to the network of the peer that runs here, and return its job at once.

    Args:
        project: a function decorated with `peernet.parallel`.
        home: of the peer to submit through; the user's own by default.
        local: start this many worker peers on this machine for the job, and trust them.
        start_local: when no peer runs here, start a local swarm with a worker for each core. False: refuse.
        slice_size, replicas, quorum, confidence, timeout, name, on_error, numeric: override what the decorator
            says; numeric="any" asks for no class.
        patience: seconds to wait for enough peers before the job fails.
        memory, scratch: override what the decorator says, as bytes or a text such as "512MiB".
        require_sandbox: the lowest sandbox tier that may execute the job; any by default.
        sandbox_tier: of a local swarm that is started for the job; the best that works by default.

    Raises:
        ProjectError, CannotTravelError: the project or one of its first arguments is wrong.
        NoPeerRunningError: no peer runs here and `start_local` is false.
    """
    needs = make_options(
        memory=memory,
        scratch=scratch,
        replicas=replicas,
        quorum=quorum,
        confidence=confidence,
        numeric=numeric,
    )
    if require_sandbox not in (None, "A", "B"):
        raise UsageError(f"require_sandbox={require_sandbox!r}: it must be 'A' or 'B', or None for any tier")
    errors = "" if on_error is None else read_on_error(on_error)
    host_bundle, worker_bundle = (replace(bundle, on_error=errors) for bundle in bundle_project(project))
    request = Submit(
        host_bundle=host_bundle.encode(),
        worker_bundle=worker_bundle.encode(),
        needs_python=worker_bundle.python,
        name=name or "",
        slice_size=slice_size,
        replicas=replicas,
        quorum=quorum,
        timeout=timeout,
        patience=patience,
        memory=needs.memory,
        scratch=needs.scratch,
        tier=require_sandbox or "",
        confidence=confidence,
        numeric=numeric,
    )
    return submit_request(
        request, open_home(home), local=local, start_local=start_local, sandbox_tier=sandbox_tier
    )


async def submit_async(project: Project[Any, Any], **options: Any) -> Job:
    """As `submit`, under trio or asyncio."""
    return await in_thread(lambda: submit(project, **options))


def submit_request(
    request: Submit, home: Home, *, local: int | None, start_local: bool, sandbox_tier: str | None = None
) -> Job:
    """Hand a request to the running peer, or to a local swarm started for it. See `submit`."""
    refuse_in_box()
    client = ControlClient(home.control_socket)
    running = client.running()
    if local is not None and not running:
        _check_enough(request, local)
    if not running and not start_local:
        raise NoPeerRunningError(
            f"no peer is running in {home.root}; start one with `peernet join`, or allow a local swarm"
        )
    if sandbox_tier is not None and running and local is None:
        raise UsageError(
            f"sandbox tier {sandbox_tier}: it is that of a local swarm, and a peer runs here already; "
            "start that one with `peernet join --sandbox-tier`, or add workers with --local N"
        )
    swarm = None
    if local is not None or not running:
        workers = local if local is not None else usable_cores()
        swarm = LocalSwarm(workers, home, client if running else None, sandbox_tier)
        swarm.start()
    try:
        if swarm is not None:
            request = _trusting(request, swarm.worker_ids)
        submitted = client.ask(request, Submitted)
    except BaseException:
        if swarm is not None:
            swarm.close()
        raise
    return Job(submitted.job, client, swarm, submitted)


def _check_enough(request: Submit, workers: int) -> None:
    """Refuse at once what a local swarm of so many workers can never fulfil."""
    if request.replicas is None and request.quorum is None:
        return
    quorum = request.quorum or min(2, request.replicas or 1)
    if quorum > workers:
        raise TooFewPeersError(
            f"a result needs {quorum} different peers that agree, and --local {workers} gives {workers}: "
            "ask for more workers or a smaller quorum"
        )


def _trusting(request: Submit, workers: tuple[str, ...]) -> Submit:
    fields = {name: getattr(request, name) for name in request.__struct_fields__}
    return Submit(**(fields | {"trusted": workers}))
