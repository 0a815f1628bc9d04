"""The model card, filled from manifests and report alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from eval.dimensions import untested
from eval.report import table
from eval.reviews import Review
from eval.reviews import lines as lines_of
from eval.tier import said
from wellgate import lineage
from wellgate.base import Base
from wellgate.recipe import Recipe
from wellgate.records import GateReport
from wellgate.run import Manifest
from wellgate.stages import prepared, training_stages

STAMP = "> **NOT EXPORTED.** This is a preview. The gate has not let this model out, and it must not be published or used with people."

QUANTIZED = "It was trained and gated unmerged, on that base held in 4 bits as `quantization_config.json` says; merged, or on other weights, it is a model that nobody has judged."


def card(recipe: Recipe, base: Base, report: GateReport, exported: bool, reviews: Sequence[Review] = ()) -> str:
    """README.md of a release, or its stamped preview."""
    _, data = prepared(recipe)
    training = [stage.require("run `wellgate train`") for stage in training_stages(recipe, base)]
    lines = [
        "---",
        yaml.safe_dump(_metadata(recipe, base), sort_keys=False, allow_unicode=True).strip(),
        "---",
        "",
        f"# {recipe.name}",
        "",
        *([] if exported else [STAMP, ""]),
        f"A LoRA adapter on `{base.name}`{f' at `{base.revision}`' if base.revision else ''}, made and gated with wellgate.",
        *([QUANTIZED] if recipe.model.quantization else []),
        "",
        "## What it is for",
        "",
        "Psychoeducation, reflective support and signposting for adults, in English, in research settings.",
        "It is a program: it must not be presented as a person or a professional. It gives no diagnosis and no advice on medication,",
        "and it does not stand in for human care. It is not for minors, and not for use without people who can take over in a crisis.",
        "Replies carry `{{crisis_line}}` and `{{emergency_number}}`: whoever serves the model fills them from `crisis_registry.yaml` by country.",
        "",
        "## What the gate found",
        "",
        f"**{report.claim}**: policy `{report.policy['name']}` v{report.policy['version']}, size `{report.size}`, evidence tier {report.tier}, "
        f"{sum(check.verdict == 'pass' for check in report.checks)} of {len(report.checks)} checks {said(report.checks[0].model_copy(update={'verdict': 'pass'}), report.tier)}, {len(report.hard_fails)} hard fails.",
        *(["", f"The recipe changed thresholds of the policy: {report.overrides}."] if report.overrides else []),
        "",
        *table(report.checks, report.tier),
        "",
        "## Training data",
        "",
        *_data(data),
        "",
        "## Training",
        "",
        *(_training(manifest) for manifest in training),
        *privacy(training),
        "",
        "## Lineage",
        "",
        *lineage.lines(report.lineage),
        "",
        "## Reviews",
        "",
        *(lines_of(reviews) or ["Nobody has reviewed this artefact yet."]),
        "",
        "## Limits",
        "",
        "- Graders are linear models of words, for English; that they find nothing is no evidence that a reply is good.",
        "- No clinician and no person with lived experience has reviewed training data, items or labels yet.",
        f"- Not tested: {', '.join(untested({one.dimension for one in report.checks}).values())}.",
        "",
        "## Digests",
        "",
        *(
            f"- {subject} {name}: `{value}`"
            for subject, facts in report.subjects.items()
            for name, value in facts.items()
        ),
        *(f"- {name}: `{value}`" for name, value in sorted(report.evidence.items())),
        "",
    ]
    return "\n".join(lines)


def _metadata(recipe: Recipe, base: Base) -> dict[str, Any]:
    licence = recipe.export.licence if recipe.export else "LicenseRef-unset"
    hub = {} if base.name.startswith("pypi:") else {"base_model": base.name}
    return {
        "library_name": "peft",
        "license": licence.lower(),
        "language": ["en"],
        "tags": ["lora", "mental-health", "wellgate"],
    } | hub


def _data(data: Manifest) -> list[str]:
    counts = data.counts
    recall = counts["deidentification_recall"]
    return [
        f"- {counts['train']} conversations, {counts['preferences']} preference pairs and {counts['feedback']} judged replies; {counts['held_out']} conversations held out by group",
        f"- Licences: {', '.join(sorted(counts['licences']))}; consent: {', '.join(sorted(counts['consent']))}",
        duplicates(data),
        *(f"- Not for release: {reason}" for reason in counts["terms"]["blocks_release"]),
        f"- Personal data replaced: {sum(counts['personal_data_replaced'].values())} spans; recall on hand-marked spans: {recall['recall'] if recall else 'not measured'}",
    ]


def duplicates(data: Manifest) -> str:
    """How many copies were left out before training: what stands there often is memorised first."""
    left_out = data.counts["rejected"]
    looked = {"exact": True, "near": data.config["near_duplicates"], "semantic": data.config["same_meaning"]}
    found = {
        kind: sum(many for reason, many in left_out.items() if reason.startswith(f"dedup: {kind}")) for kind in looked
    }
    said = (f"{many} {kind}" if looked[kind] else f"{kind} ones not looked for" for kind, many in found.items())
    return f"- Duplicates left out before training: {', '.join(said)}"


def privacy(training: Sequence[Manifest]) -> list[str]:
    """What training planted or promised: canaries, differential privacy, and what it does not cover."""
    lines = []
    for counts in (manifest.counts for manifest in training):
        if found := counts.get("canaries"):
            lines.append(
                f"- {found['planted']} canaries planted ({found['rows']} of {counts['rows']} rows): invented conversations with a random secret,"
                " to measure what training memorises. The model may repeat them; they are nobody's words"
            )
        if promised := counts.get("privacy"):
            lines.append(_promise(promised))
            lines += [
                f"- {manifest.stage} after it is not private: its rows are not covered" for manifest in training[1:]
            ]
    return lines


def _promise(promised: dict[str, Any]) -> str:
    client, line = promised["client"], f"- SFT with differential privacy: epsilon {promised['epsilon']:.2f}"
    line += f" at delta {promised['delta']:g} for one row of the training data (noise {promised['noise_multiplier']:.3g}, {promised['accountant']} accountant, random numbers not cryptographic)."
    if client["rows"] == 1:
        line += " No client has more than one row."
    elif client["epsilon"]:
        line += (
            f" For a client with {client['rows']} rows: epsilon {client['epsilon']:.2f} at delta {client['delta']:.2g}."
        )
    else:
        line += f" For a client with {client['rows']} rows it promises nothing."
    line += " It covers the adapter, not the losses above, nor settings that were chosen by looking at results."
    return line + (
        " The noise came from a known seed: **the promise is void**." if promised["noise_seed_known"] else ""
    )


def _training(manifest: Manifest) -> str:
    counts = manifest.counts
    config = manifest.config
    return f"- {manifest.stage}: {counts['steps']} steps, learning rate {config['learning_rate']:g}, loss {counts['first_loss']:.3f} to {counts['last_loss']:.3f}, {counts['tokens']} tokens in the data"
