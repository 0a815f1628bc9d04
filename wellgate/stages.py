"""Which folder each stage of a recipe writes. Every process computes the same answer from the recipe alone."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wellgate import canaries, registry
from wellgate.base import Base, resolve
from wellgate.errors import InputError
from wellgate.files import sha256_file, sha256_text
from wellgate.plugins import Probe
from wellgate.recipe import Gate, Recipe
from wellgate.records import canonical_json
from wellgate.run import ROOT, Manifest, Stage, code_digest, versions
from wellgate.world import declared


@dataclass(frozen=True)
class Subject:
    """A model that the gate judges: the base, alone or with an adapter."""

    name: str
    base: Base | None
    """None where it is served: then nothing of it lies here."""
    adapter: Path | None
    digest: str

    def files(self) -> Base:
        """The base's files, for whoever loads them."""
        assert self.base is not None
        return self.base


def root(recipe: Recipe) -> Path:
    return Path(recipe.runs_dir) / recipe.name


def prepare_stage(recipe: Recipe) -> Stage:
    inputs = {
        f"{number}/{name}": _source_digest(path)
        for number, source in enumerate(recipe.prepare.sources)
        for name, path in source.files().items()
    }
    for number, step in enumerate(recipe.prepare.filters):
        place = f"filter.{number}.{step.use}"
        inputs |= {f"{place}/{name}": _source_digest(path) for name, path in step.files().items()}
        inputs |= {f"{place}/{name}": digest for name, digest in step.digests().items()}
    if recipe.prepare.withdrawn:
        inputs["withdrawn"] = _source_digest(Path(recipe.prepare.withdrawn))
    for plugin in (*recipe.prepare.sources, *recipe.prepare.filters):
        inputs[f"plugin/{plugin.use}"] = sha256_file(plugin.file())
    packages = ("rensa", *(package for step in recipe.prepare.filters for package in step.packages))
    inputs |= {f"package/{name}": version for name, version in versions(packages).items()}
    code = code_digest("data_prep", "wellgate/records.py", "wellgate/plugins.py", "wellgate/registry.py")
    config = recipe.prepare.model_dump(mode="json", exclude={"engine", "processes"})
    return Stage("prepare", root(recipe), config, inputs, code)


def _source_digest(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name an existing file") from None


def prepared(recipe: Recipe) -> tuple[Stage, Manifest]:
    stage = prepare_stage(recipe)
    return stage, stage.require("run `wellgate prepare` first")


def resolve_base(recipe: Recipe) -> Base:
    return resolve(recipe.model.base, recipe.model.revision)


def sft_stage(recipe: Recipe, base: Base) -> Stage:
    assert recipe.sft is not None
    _, data = prepared(recipe)
    config = recipe.sft.model_dump(mode="json", exclude=recipe.sft.UNKEYED) | _training_context(recipe)
    inputs = {"base": base.digest, "train": data.outputs[f"train.{recipe.prepare.format}"]}
    return Stage("sft", root(recipe), config, inputs, code_digest("train", "wellgate/model.py"), code_in_key=False)


def dpo_stage(recipe: Recipe, base: Base) -> Stage:
    return _continued(recipe, base, "dpo", "preferences")


def kto_stage(recipe: Recipe, base: Base) -> Stage:
    return _continued(recipe, base, "kto", "feedback")


def _continued(recipe: Recipe, base: Base, name: str, rows: str) -> Stage:
    """A stage that trains the SFT adapter further, on one prepared file."""
    section = getattr(recipe, name)
    assert section is not None
    _, data = prepared(recipe)
    adapter = sft_stage(recipe, base).require("run `wellgate train` first").digest
    config = section.model_dump(mode="json", exclude=section.UNKEYED) | _training_context(recipe)
    inputs = {"base": base.digest, "sft": adapter, rows: data.outputs[f"{rows}.{recipe.prepare.format}"]}
    return Stage(name, root(recipe), config, inputs, code_digest("train", "wellgate/model.py"), code_in_key=False)


TRAINING: dict[str, Callable[[Recipe, Base], Stage]] = {"sft": sft_stage, "dpo": dpo_stage, "kto": kto_stage}
"""Section of the recipe to its stage, in the order in which they run."""


def planned(recipe: Recipe) -> list[Callable[[Recipe, Base], Stage]]:
    """The training stages that the recipe has."""
    return [stage_of for name, stage_of in TRAINING.items() if getattr(recipe, name)]


def _training_context(recipe: Recipe) -> dict[str, object]:
    return {"seed": recipe.seed, "launch": declared(recipe).context(), **_loading(recipe)}


def _loading(recipe: Recipe) -> dict[str, object]:
    """How the base is loaded and prompted: what decides training and replies alike."""
    return recipe.model.model_dump(mode="json", exclude={"base", "revision"})


def training_stages(recipe: Recipe, base: Base) -> list[Stage]:
    """The training stages whose inputs exist so far, in order."""
    stages: list[Stage] = []
    for stage_of in planned(recipe):
        if stages and not stages[-1].manifest():
            break
        stages.append(stage_of(recipe, base))
    return stages


def tuned_stage(recipe: Recipe, base: Base) -> Stage:
    """The stage whose adapter is the result of the run."""
    return planned(recipe)[-1](recipe, base)


def judged_base(recipe: Recipe) -> Base | None:
    """The base that the gate loads; None where the models are served."""
    return None if _gate(recipe).backend.served("base") else resolve_base(recipe)


def subjects(recipe: Recipe, base: Base | None) -> tuple[Subject, Subject]:
    """The base and the tuned model, as the gate compares them. Of a served one no more is known than its name."""
    if _gate(recipe).backend.served("base"):
        told = {name: _gate(recipe).backend.served(name) for name in ("base", "tuned")}
        first, second = (Subject(name, None, None, sha256_text(f"served: {where}")) for name, where in told.items())
        return first, second
    assert base is not None
    stage = tuned_stage(recipe, base)
    manifest = stage.require("run `wellgate train` first")
    return (
        Subject("base", base, None, base.digest),
        Subject("tuned", base, stage.folder / "adapter", sha256_text(base.digest + manifest.digest)),
    )


def probe_digest(probe: Probe) -> str:
    """Digest of all that a probe can ask."""
    return sha256_text(canonical_json([item.model_dump(mode="json") for item in probe.items()]))


def replies_stage(recipe: Recipe, probe: Probe, subject: Subject) -> Stage:
    gate = _gate(recipe)
    config = gate.model_dump(
        mode="json", include={"size", "samples", "temperature", "max_new_tokens", "batch_size", "seed"}
    )
    config |= _loading(recipe) | {"probe": probe.use, "backend": gate.backend.keyed()}
    inputs = {"items": probe_digest(probe), "subject": subject.digest, "backend": sha256_file(gate.backend.file())}
    code = code_digest("eval/replies.py", "wellgate/model.py")
    return Stage(f"replies-{probe.use}-{subject.name}", root(recipe), config, inputs, code)


def memorisation_stage(recipe: Recipe, subject: Subject) -> Stage:
    """What one subject knows of canaries, training rows and held-out rows."""
    assert recipe.sft is not None
    _, data = prepared(recipe)
    planted = sft_stage(recipe, subject.files()).require("run `wellgate train` first").outputs[canaries.FILE]
    rows = {name: data.outputs[f"{name}.{recipe.prepare.format}"] for name in ("train", "held_out")}
    config = _gate(recipe).model_dump(mode="json", include={"memorisation", "batch_size", "seed"})
    config |= _loading(recipe) | {"max_rows": recipe.sft.max_rows, "max_length": recipe.sft.max_length}
    measuring = (
        "replies",
        "backends/local",
        *(f"memorisation/{name}" for name in ("measure", "texts", "personal", "scores")),
    )
    inputs = {"canaries": planted, "subject": subject.digest, "registry": registry.digest(), **rows}
    code = code_digest(*(f"eval/{name}.py" for name in measuring), "wellgate/model.py")
    return Stage(f"memorisation-{subject.name}", root(recipe), config, inputs, code)


def policy_path(name: str) -> Path:
    return Path(name) if name.endswith(".yaml") else ROOT / "eval" / "policies" / f"{name}.yaml"


def gate_stage(recipe: Recipe, base: Base | None) -> Stage:
    gate = _gate(recipe)
    inputs = {"policy": sha256_file(policy_path(gate.policy)), "registry": registry.digest()}
    if gate.calibration:
        inputs["calibration"] = _source_digest(Path(gate.calibration))
    judged = subjects(recipe, base)
    inputs |= {f"subject/{subject.name}": subject.digest for subject in judged}
    for probe in gate.probes:
        inputs[f"plugin/{probe.use}"] = sha256_file(probe.file())
        for subject in judged:
            stage = replies_stage(recipe, probe, subject)
            inputs[stage.name] = stage.require("run `wellgate gate` first").digest
    for subject in judged if gate.memorisation else ():
        stage = memorisation_stage(recipe, subject)
        inputs[stage.name] = stage.require("run `wellgate gate` first").digest
    config = gate.model_dump(mode="json", exclude={"calibration"}) | {
        "backend": gate.backend.keyed(),
        "registry_is_fresh": registry.load().is_fresh(datetime.date.today()),
        "system_prompt": recipe.model.system_prompt,
    }
    shared = ("records", "plugins", "grading", "registry")
    graders = ("eval/metrics/weights.npz", "eval/metrics/quality.json", "eval/sentinels.jsonl")
    code = code_digest("eval", *graders, *(f"wellgate/{name}.py" for name in shared))
    return Stage("gate", root(recipe), config, inputs, code)


def _gate(recipe: Recipe) -> Gate:
    assert recipe.gate is not None
    return recipe.gate
