"""A datasheet for the prepared data: what is in it, where it came from, what was done, what is not known."""

from __future__ import annotations

from typing import Any

from wellgate.recipe import Prepare


def datasheet(section: Prepare, counts: dict[str, Any]) -> str:
    """Markdown, from counts alone (after Gebru et al. 2021, "Datasheets for Datasets")."""
    lines = [
        "# Datasheet of the prepared data",
        "",
        "## Composition",
        "",
        f"- Rows read: {counts['rows']}; groups (clients or authors): {counts['groups']}",
        f"- Conversations: {counts['train']} to train on, {counts['held_out']} held out",
        f"- Preference pairs: {counts['preferences']} to train on, {counts['preferences_held_out']} held out",
        f"- Sources: {', '.join(source.use for source in section.sources)}",
        f"- Languages: {_listed(counts['languages'])}",
        f"- Licences: {_listed(counts['licences'])}",
        f"- Consent: {_listed(counts['consent'])}",
        "",
        "## What was left out",
        "",
        *_table("reason", counts["rejected"]),
        "",
        "## De-identification",
        "",
        f"- Filters: {', '.join(step.use for step in section.filters) or 'none: the text is as the sources had it'}",
        f"- Pieces of personal data replaced by surrogates: {_listed(counts['personal_data_replaced']) or 'none'}",
        *_recall(counts["deidentification_recall"]),
        "",
        "## Split",
        "",
        f"- By hashed group, share {section.held_out} held out, seed {section.seed}: no client or author is on both sides.",
        f"- Held-out conversations whose first turn stands word for word in training data: {counts['held_out_prompts_in_train']}"
        " (several authors may have answered one question).",
        "",
        "## Tags",
        "",
        *_table("tag", counts["tags"]),
        "",
    ]
    return "\n".join(lines)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} ({number})" for name, number in sorted(counts.items()))


def _table(head: str, counts: dict[str, int]) -> list[str]:
    if not counts:
        return ["Nothing."]
    rows = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [f"| {head} | records |", "|---|---|", *(f"| {name} | {number} |" for name, number in rows)]


def _recall(measured: dict[str, Any] | None) -> list[str]:
    if measured is None:
        return ["- Recall: not measured, the sources carry no hand-marked spans."]
    types = ", ".join(f"{kind} {found}/{marked}" for kind, (found, marked) in measured["by_type"].items())
    return [
        f"- Recall on hand-marked spans: {measured['found']} of {measured['marked']} ({measured['recall']:.3f}); {types}.",
        "- The hand-marked texts are synthetic and were seen while the patterns were written: expect less on real text.",
    ]
