"""What a recipe would do, and what its run has produced, for a person at a terminal."""

from __future__ import annotations

import json
from typing import Any

from wellgate.base import require_pinned
from wellgate.errors import InputError
from wellgate.recipe import Recipe
from wellgate.records import Check, GateReport
from wellgate.run import Manifest, Stage
from wellgate.stages import gate_stage, prepare_stage, resolve_base, root, training_stages
from wellgate.world import declared


def plan(recipe: Recipe) -> str:
    """One line a section: what `wellgate run` would do."""
    world = declared(recipe)
    require_pinned(recipe.model.base, recipe.model.revision)
    lines = [
        f"{recipe.name}: the recipe is sound",
        f"  model    {recipe.model.base}",
        f"  prepare  {', '.join(source.use for source in recipe.prepare.sources)}; filters: {', '.join(step.use for step in recipe.prepare.filters) or 'none'}",
    ]
    for name, section in (("sft", recipe.sft), ("dpo", recipe.dpo), ("kto", recipe.kto)):
        if section:
            length = f"{section.max_steps} steps" if section.max_steps > 0 else f"{section.num_train_epochs:g} epochs"
            lines.append(
                f"  {name:8} {length}, batch {section.per_device_train_batch_size} x {section.gradient_accumulation_steps}"
            )
    if recipe.launch:
        lines.append(f"  launch   {world.num_processes} process(es) of type {world.distributed_type} ({recipe.launch})")
    if recipe.gate:
        lines.append(
            f"  gate     {', '.join(probe.use for probe in recipe.gate.probes)}; policy {recipe.gate.policy}, size {recipe.gate.size}"
            + (f"; served: {where}" if (where := recipe.gate.backend.served("tuned")) else "")
        )
    if recipe.export:
        lines.append(f"  export   {recipe.export.use.use} to {recipe.export.to}")
    return "\n".join(lines)


def summary(recipe: Recipe, refusal: str) -> str:
    """What was prepared, trained, judged and exported, and where it lies."""
    lines = ["", f"== {recipe.name} =="]
    prepared = prepare_stage(recipe)
    manifest = prepared.manifest()
    if manifest is None:
        return "\n".join([*lines, f"nothing has been prepared yet in {root(recipe)}"])
    lines += _prepared(prepared, manifest)
    base = resolve_base(recipe) if recipe.sft else None
    if base:
        for stage in training_stages(recipe, base):
            if done := stage.manifest():
                lines.append(_trained(stage, done))
    if recipe.gate:
        try:
            lines += _judged(gate_stage(recipe, base))
        except InputError:
            lines.append("gate      not run yet")
    if recipe.export:
        said = refusal.splitlines()[0].removesuffix(":") if refusal else ""
        lines.append(f"export    refused: {said}" if refusal else f"export    {recipe.export.to}")
    return "\n".join(lines)


def _prepared(stage: Stage, manifest: Manifest) -> list[str]:
    counts = manifest.counts
    recall = counts["deidentification_recall"]
    found = f", {recall['found']} of {recall['marked']} hand-marked spans found" if recall else ""
    left = counts["residual_leaks"]
    if left["measured"]:
        per_1000 = left["per_1000"]
        found += f"; {per_1000['value']:.0f} [{per_1000['low']:.0f}, {per_1000['high']:.0f}] expected to be left in 1,000 records"
    judged = f" and {counts['feedback']} judged replies" * bool(counts["feedback"])
    return [
        f"prepared  {counts['train']} conversations and {counts['preferences']} pairs{judged} to train on, {counts['held_out']} held out; "
        f"{sum(counts['rejected'].values())} rows left out; {sum(counts['personal_data_replaced'].values())} pieces of personal data replaced{found}",
        f"          {stage.folder / 'DATASHEET.md'}",
    ]


def _trained(stage: Stage, manifest: Manifest) -> str:
    counts = manifest.counts
    return f"{stage.name:9} {counts['steps']} steps, loss {counts['first_loss']:.3f} to {counts['last_loss']:.3f}, {manifest.seconds:.0f} s  {stage.folder / 'adapter'}"


def _judged(stage: Stage) -> list[str]:
    path, card = stage.folder / "report.json", stage.folder / "CARD.preview.md"
    if not stage.manifest():
        return ["gate      not run yet"]
    statement: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    report = GateReport.model_validate(statement["predicate"]["wellgate"])
    lines = [f"gate      {report.claim}, size {report.size}, tier {report.tier}, {len(report.hard_fails)} hard fails"]
    lines += [_check(one, report.tier) for one in report.checks]
    return [
        *lines,
        *_controls(report),
        f"          {stage.folder / 'report.md'}",
        *([f"card      {card} (stamped NOT EXPORTED)"] if card.is_file() else []),
    ]


def _controls(report: GateReport) -> list[str]:
    """One line for the probes that the scripted responders left with the same verdicts."""
    probes: dict[str, list[str]] = {}
    for probe, got in report.controls.items():
        probes.setdefault(", ".join(f"{name} {verdict}" for name, verdict in got.items()), []).append(probe)
    return [f"controls  {verdicts} ({', '.join(where)})" for verdicts, where in probes.items()]


def _check(one: Check, tier: str) -> str:
    base = "          " if one.base is None else f"base {one.base:4.2f} "
    word = "not failed" if one.verdict == "pass" and tier < "T2" else one.verdict
    return f"  {one.id:20} {base} tuned {one.value:+.2f} [{one.low:+.2f}, {one.high:+.2f}]  {one.rule:36} {word}"
