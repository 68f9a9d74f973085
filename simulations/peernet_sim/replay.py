"""What a run was made of, kept beside what it found, so that it can be made again: one recipe, one trace.

`Recipe` is the whole input of a run. `compile_recipe` and `perform` are the only way from it to a report, for the
command, for `peernet sim replay`, and for benchmarks alike.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import tomllib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from peernet import __version__
from peernet.errors import PeernetError, UsageError
from peernet_sim.model import Plan, Report, RunOptions

SCENARIO_FILE = "scenario.toml"
BUNDLE_FILE = "project.bundle"
RECIPE_FILE = "run.json"
METRICS_FILE = "metrics.json"
TRACE_FILE = "trace.jsonl"

ALL_JOIN = "but in fidelity mode every peer has to join: leave it out, or run with --mode scale"

LiarKind = Literal["independent", "colluding", "sleeper", "rejoining"]


class OtherTraceError(PeernetError):
    """A run that was made again went another way."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that a run depends on.

    source: the scenario's file, or that of the job's project with its name. bundle: the project of a job, else
    None; arguments: those that it was given. peers, seed: None leaves them to the scenario. liars: share of the
    peers, besides those of a scenario; churn: per cent of the peers a minute. policy: of all jobs, in place of
    their own; empty leaves them. trace_sample: share of the events in the trace file; it has no part in the run
    itself.
    """

    source: str
    bundle: bytes | None = None
    arguments: tuple[str, ...] = ()
    peers: int | None = None
    seed: int | None = None
    mode: Literal["scale", "fidelity"] = "scale"
    wire: bool = False
    crypto: bool = False
    trace_sample: float = 1.0
    liars: float = 0.0
    liar_kind: LiarKind = "independent"
    churn: float = 0.0
    formed: bool = False
    policy: str = ""

    @property
    def kind(self) -> Literal["run", "job"]:
        """Whether it is a scenario or the job of a project."""
        return "run" if self.bundle is None else "job"

    @property
    def options(self) -> RunOptions:
        """How to run it, without anybody who watches."""
        return RunOptions(mode=self.mode, wire=self.wire, crypto=self.crypto, trace_sample=self.trace_sample)


def compile_recipe(recipe: Recipe) -> Plan:
    """Turn a recipe into the plan of a run.

    Raises:
        UsageError: the scenario's file is wrong, a number is out of range, or the mode can't do what is wanted.
    """
    fidelity = recipe.mode == "fidelity"
    if recipe.bundle is None:
        from peernet_sim.lying import checked, lying
        from peernet_sim.scenario import compile_plan, load

        scenario = load(Path(recipe.source))
        if scenario.formed and fidelity:
            scenario.source.wrong("formed", f"is true, {ALL_JOIN}")
        return compile_plan(
            scenario,
            recipe.peers,
            recipe.seed,
            more=lying(recipe.liars, recipe.liar_kind),
            policy=checked(recipe.policy),
        )
    from peernet_sim.project_plan import job_plan

    if recipe.formed and fidelity:
        raise UsageError(f"--formed is given, {ALL_JOIN}")
    return job_plan(
        recipe.bundle,
        peers=recipe.peers,
        liars=recipe.liars,
        liar_kind=recipe.liar_kind,
        churn=recipe.churn,
        seed=recipe.seed,
        policy=recipe.policy,
        formed=recipe.formed,
    )


def perform(plan: Plan, options: RunOptions) -> Report:
    """Run a plan to its end in the mode that the options name."""
    if options.mode == "scale":
        from peernet_sim.scale import run_scale

        return run_scale(plan, options)
    from peernet_sim.fidelity import run_fidelity

    return run_fidelity(plan, options)


def command_of(recipe: Recipe, plan: Plan) -> str:
    """Return the command line that makes this run again."""
    words = ["peernet", "sim", recipe.kind, recipe.source, "--peers", f"{len(plan.topology.peers)}"]
    words += ["--seed", f"{plan.seed}", "--mode", recipe.mode]
    if recipe.liars or recipe.kind == "job":
        words += ["--liars", f"{recipe.liars:g}", "--liar-kind", recipe.liar_kind]
    if recipe.kind == "job":
        words += ["--churn", f"{recipe.churn:g}", *(("--formed",) if recipe.formed else ())]
    if recipe.policy:
        words += ["--policy", recipe.policy]
    words += [f"--{name}" for name in ("wire", "crypto") if getattr(recipe, name)]
    if recipe.arguments:
        words += ["--", *recipe.arguments]
    return shlex.join(words)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run that was kept. version: of the peernet that made it; digest: of its trace."""

    recipe: Recipe
    version: str
    digest: str


def write_recipe(recipe: Recipe, plan: Plan, digest: str, folder: Path) -> None:
    """Write what `read_recipe` needs into the folder of a run: the scenario or the bundle as well."""
    if recipe.bundle is None:
        copy_scenario(Path(recipe.source), folder)
    else:
        (folder / BUNDLE_FILE).write_bytes(recipe.bundle)
    told = asdict(replace(recipe, bundle=None, peers=len(plan.topology.peers), seed=plan.seed))
    del told["bundle"]
    sealed = {"source_digest": _source_digest(folder, recipe.kind), "trace_digest": digest}
    record = {"peernet": __version__, "kind": recipe.kind} | told | sealed
    (folder / RECIPE_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="ascii")


def _source_digest(folder: Path, kind: str) -> str:
    """The SHA-256 of the kept scenario or bundle, by which a replay finds that it was edited."""
    file = folder / (BUNDLE_FILE if kind == "job" else SCENARIO_FILE)
    return hashlib.sha256(file.read_bytes()).hexdigest()


def copy_scenario(source: Path, folder: Path) -> None:
    """Copy a scenario into a folder, with the graph that it names, where that lies below it.

    A graph elsewhere stays where it is, and has to be there when the run is made again.
    """
    text = source.read_text(encoding="utf-8")
    (folder / SCENARIO_FILE).write_text(text, encoding="utf-8")
    graph = tomllib.loads(text).get("topology", {}).get("file")
    if graph is not None and not Path(graph).is_absolute() and ".." not in Path(graph).parts:
        (folder / graph).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.parent / graph, folder / graph)


def read_recipe(folder: Path) -> Recorded:
    """Return the run that is kept in a folder.

    Raises:
        UsageError: there is none, its file is damaged, or what was run was changed since.
    """
    path = folder / RECIPE_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        kind, version, digest = record.pop("kind"), record.pop("peernet"), record.pop("trace_digest")
        unchanged = record.pop("source_digest") == _source_digest(folder, kind)
        bundle = (folder / BUNDLE_FILE).read_bytes() if kind == "job" else None
        record["arguments"] = tuple(record["arguments"])
        recipe = Recipe(**record, bundle=bundle)
    except OSError as error:
        raise UsageError(
            f"{folder} holds no simulation: {error.strerror} ({error.filename}); "
            "name a folder that `peernet sim run --out` made"
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{path} is damaged: {error}; run the scenario again") from error
    if not unchanged:
        changed = folder / (BUNDLE_FILE if kind == "job" else SCENARIO_FILE)
        raise UsageError(
            f"{changed} was changed since the run: put it back, or run it anew with `peernet sim {kind}`"
        )
    if recipe.bundle is None:
        recipe = replace(recipe, source=str(folder / SCENARIO_FILE))
    return Recorded(recipe, version, digest)


def check_same(recorded: Recorded, digest: str) -> None:
    """Compare the digest of a run with that of the run it repeats.

    Raises:
        OtherTraceError: they differ.
    """
    if digest == recorded.digest:
        return
    cause = (
        f"it was made by peernet {recorded.version}, this is {__version__}"
        if recorded.version != __version__
        else "peernet's code, Python or a package has changed since, or something is not deterministic"
    )
    raise OtherTraceError(f"another trace: {digest} instead of {recorded.digest}; {cause}")
