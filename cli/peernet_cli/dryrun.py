"""`peernet submit --dry-run`: what would travel, and what the job would need. Nothing is sent, no code runs."""

from __future__ import annotations

from dataclasses import replace

from peernet.project import Bundle
from peernet.project.declared import Declared, read_declared
from peernet.project.numeric import SAME, pin_numpy, uses_numpy
from peernet.project.options import override
from peernet.project.sizes import format_size
from peernet.wire.control import Submit
from peernet_cli.stats import counted
from peernet_cli.terminal import Terminal


def show(terminal: Terminal, request: Submit) -> None:
    """Write the files with their sizes, the needs, the limits and the total.

    Raises:
        ProjectError: what the project file declares is wrong. BoxError: this machine can't be measured.
    """
    bundle = Bundle.decode(request.worker_bundle)
    read = read_declared(bundle)
    chosen = {name: getattr(request, name) for name in ("slice_size", "replicas", "quorum", "timeout")}
    chosen |= {"memory": request.memory, "scratch": request.scratch, "name": request.name or None}
    chosen |= {"confidence": request.confidence, "numeric": request.numeric}
    declared = replace(read, options=override(read.options, **chosen))
    numeric = _numeric(bundle, declared)
    if terminal.json:
        terminal.emit(_record(bundle, declared, request, numeric))
        return
    for line in _lines(bundle, declared, request, numeric):
        terminal.line(line)


def _record(bundle: Bundle, declared: Declared, request: Submit, numeric: str) -> dict[str, object]:
    options = declared.options
    return {
        "event": "dry-run",
        "project": declared.options.name or declared.name,
        "files": [{"path": path, "bytes": len(content)} for path, content in bundle.files],
        "arguments": list(bundle.argv),
        "bytes": len(request.worker_bundle),
        "imports": list(bundle.imports),
        "needs": {
            "python": declared.wanted.python,
            "requirements": list(pin_numpy(declared.wanted.packages, numeric)),
            "sandbox": request.tier or None,
            "numeric": numeric or None,
        },
        "limits": {"memory": options.memory, "time": options.timeout, "scratch": options.scratch},
        "results": options.results,
        "computed": list(declared.computed),
    }


def _lines(bundle: Bundle, declared: Declared, request: Submit, numeric: str) -> list[str]:
    options, wanted = declared.options, declared.wanted
    width = max(len(str(len(content))) for _, content in bundle.files)
    lines = [f"{len(content):>{width}}  {path}" for path, content in bundle.files]
    total = counted(len(bundle.files), "file")
    lines.append(
        f"total: {total}, {len(request.worker_bundle)} bytes as they travel; every peer that works reads them"
    )
    if bundle.argv:
        lines.append(f"arguments: {' '.join(map(repr, bundle.argv))}")
    lines.append(f"imports of installed packages: {', '.join(bundle.imports) or 'none'}")
    needs = [*(["Python " + wanted.python] if wanted.python else []), *pin_numpy(wanted.packages, numeric)]
    needs += [f"sandbox tier {request.tier}"] if request.tier else []
    needs += [f"numeric class {numeric}"] if numeric else []
    lines.append(f"needs: {', '.join(needs) or 'nothing'}")
    limits = {
        "memory": None if options.memory is None else format_size(options.memory),
        "time": None if options.timeout is None else f"{options.timeout:g} s",
        "scratch": None if options.scratch is None else format_size(options.scratch),
    }
    told = ", ".join(f"{name} {value or 'as each peer lends'}" for name, value in limits.items())
    lines.append(f"limits of a slice: {told}")
    if declared.computed:
        lines.append(f"known only when the project runs: {', '.join(declared.computed)}")
    lines.append("nothing was sent")
    return lines


def _numeric(bundle: Bundle, declared: Declared) -> str:
    """The numeric class that the job would need, as far as its source tells; nothing for any. What its packages
    import in turn is known when it runs: they may use numpy too."""
    from peernet.runtime.numeric import measure_own

    asked = declared.options.numeric
    if asked != SAME:
        return asked or ""
    return measure_own(numpy=uses_numpy(bundle.imports, declared.wanted.packages))
