"""What datasheet, dataset card and Croissant all say about prepared data. Figures come from the counts alone."""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from data_prep.documents.markdown import bullets, counted, listed, number, ordered, plain, share, table
from data_prep.documents.parts import PARTS
from data_prep.documents.privacy import Counts, deidentified, expected
from wellgate.recipe import Prepare

DIMENSIONS = 25
"""Values of a dimension that a document shows; `coverage.json` has more."""
PRIVATE = ("spans.jsonl", "review.jsonl", "rejected.jsonl", "ledger.jsonl", "manifest.json")
MAINTENANCE = (
    "People who take their consent back are named in a withdrawal list; the preparation is run again without their records"
    " and without copies of them, under a new key. Copies that were passed on before must be recalled by whoever did so."
)
IMPACT = (
    "The texts are about mental distress, some about suicide. A model trained on them speaks to people in distress; it is"
    " not safe for that having been trained on them, and has to be judged on its own replies before anybody meets it."
)


def total(counts: Counts) -> int:
    """Records in all parts."""
    return sum(counts[part] for part in PARTS)


def what(section: Prepare, counts: Counts) -> list[str]:
    """What this is, in plain sentences."""
    conversations, pairs = counts["train"] + counts["held_out"], counts["preferences"] + counts["preferences_held_out"]
    judged = counts["feedback"] + counts["feedback_held_out"]
    said = f"{number(conversations)} conversations about mental health and {number(pairs)} preference pairs"
    said += f" and {number(judged)} judged replies" * bool(judged)
    removed = "de-identified" if deidentified(section, counts) else "NOT de-identified"
    return [
        f"{said}, prepared for fine-tuning by wellgate from {len(section.sources)} source{'s' * (len(section.sources) != 1)}.",
        f"The texts are {removed}, duplicates are left out, and {number(sum(counts[part] for part in PARTS if part.endswith('held_out')))}"
        " records are held out by client or author.",
    ]


def sources(section: Prepare) -> list[str]:
    """Each source's word in the recipe, and the first line of what its file says about it."""
    said = []
    for source in section.sources:
        module = sys.modules.get(type(source).__module__)
        first = (inspect.getdoc(module) or "").partition("\n")[0] if module else ""
        said.append(f"{source.use}: {first}" if first else source.use)
    return said


def composition(counts: Counts) -> list[str]:
    """The parts, by size."""
    rows = [(f"`{part}`", number(counts[part])) for part in PARTS]
    return [
        *table(("part", "records"), rows),
        "",
        *bullets(
            [
                f"Rows read: {number(counts['rows'])}; groups (clients or authors): {number(counts['groups'])}",
                f"Languages: {listed(counts['languages'])}",
                f"Licences: {listed(counts['licences'])}",
                f"Consent: {listed(counts['consent'])}",
                *([f"Judged replies: {listed(counts['feedback_balance'])}"] if counts["feedback_balance"] else []),
            ]
        ),
    ]


def terms(counts: Counts) -> list[str]:
    """What the licences and consents together ask for, and what they block."""
    found = counts["terms"]
    split = found["share_alike"]
    return bullets(
        [
            f"Strictest duty: {found['level']}",
            f"Whoever passes on this data owes: {', '.join(found['data']) or 'nothing'}",
            f"Whoever passes on a model trained on it owes (careful reading): {', '.join(found['model']) or 'nothing'}",
            f"Every consent allows to: {', '.join(found['scopes']) or 'do nothing'}",
            *(
                [f"Share-alike under several licences at once ({', '.join(split)}): no single licence fits"]
                * (len(split) > 1)
            ),
            *(map(plain, blocked(counts) or ["Nothing blocks a release."])),
        ]
    )


def hygiene(section: Prepare, counts: Counts) -> list[str]:
    """What the assistant said that it must not, by rule, and what was done about it."""
    if not counts["findings"]:
        checked = any(step.use == "hygiene" for step in section.filters)
        return ["The rules found nothing." if checked else "**Not checked.** No filter looked at what assistants say."]
    rows = [(*rule.partition(":")[::2], number(many)) for rule, many in sorted(counts["findings"].items())]
    return table(("rule", "action", "records"), rows)


def left_out(counts: Counts) -> str:
    """One sentence over all rows that are not in the data."""
    steps: Counter[str] = Counter()
    for reason, many in counts["rejected"].items():
        steps[reason.partition(":")[0]] += many
    said = f"{number(steps.total())} of {number(counts['rows'])} rows read are left out"
    names = ", ".join(f"{step} ({number(many)})" for step, many in ordered(steps))
    return f"{said}: {names}." if names else f"{said}."


def duplicates(counts: Counts) -> list[str]:
    """What was left out as copies, or because the gate asks it."""
    rejected = counts["rejected"]

    def many(step: str) -> int:
        return sum(number for reason, number in rejected.items() if reason.startswith(step))

    return bullets(
        [
            f"Exact duplicates left out: {number(many('dedup: exact'))}; near duplicates: {number(many('dedup: near'))}",
            f"Left out because they hold an evaluation item: {number(many('decontaminate'))}",
            "Held-out conversations whose first turn stands word for word in training data:"
            f" {number(counts['held_out_prompts_in_train'])} (several authors may have answered one question)",
        ]
    )


def split(section: Prepare) -> str:
    by = f", stratified by `{section.stratify}`" if section.stratify else ""
    return f"By hashed group, share {section.held_out} held out{by}, seed {section.seed}: no client or author is on both sides."


def coverage(counts: Counts) -> list[str]:
    """Lengths, and one table a dimension."""
    found = counts.get("coverage")
    if not found:
        return counted("tag", counts["tags"])
    lines = [*_lengths(found), ""]
    for name, dimension in found["dimensions"].items():
        lines += [f"### By {plain(name)}", "", *_dimension(name, dimension), ""]
    return lines[:-1]


def _lengths(found: Mapping[str, Any]) -> list[str]:
    names = ("mean", "min", "p10", "median", "p90", "max")
    rows = [
        (f"{measure}, `{part}`", *(number(summary[name]) for name in names))
        for measure in ("words", "turns")
        for part, summary in found[measure].items()
        if summary["n"]
    ]
    return table(("length", *names), rows)


def _dimension(name: str, dimension: Mapping[str, Any]) -> list[str]:
    values = dimension["values"]
    shown = dict(list(values.items())[:DIMENSIONS])
    rows = [(plain(value), *(number(parts[part]) for part in PARTS)) for value, parts in shown.items()]
    if len(values) > len(shown) or dimension["others"]["values"]:
        rows.append((f"{len(values) - len(shown) + dimension['others']['values']} more values", *["…"] * len(PARTS)))
    if any(dimension["not_stated"].values()):
        rows.append(("not stated", *(number(dimension["not_stated"][part]) for part in PARTS)))
    return table((name, *(part.replace("_", " ") for part in PARTS)), rows)


def steps(section: Prepare, counts: Counts) -> list[str]:
    """What was done to the rows, in order."""
    near = section.near_duplicates
    return [
        "Rows were read, checked, and those of people who withdrew left out.",
        f"Exact duplicates{f' and near duplicates (Jaccard of word 3-grams from {near})' if near else ''} were left out.",
        *(f"Filter: {step.use}." for step in section.filters),
        split(section),
        left_out(counts),
    ]


def biases(counts: Counts) -> list[str]:
    """What is over- and under-represented, as far as sources declare it."""
    found = counts.get("coverage")
    said = [f"Languages: {_shares(counts['languages'], total(counts))}."]
    if not found:
        return said
    groups, severity = found["dimensions"]["groups"], found["dimensions"]["severity"]
    silent = sum(groups["not_stated"].values())
    said.append(f"{share(silent, total(counts))} of the records declare no group of their user; none is inferred.")
    empty = [level for level, parts in severity["values"].items() if not sum(parts.values())]
    if len(empty) < len(severity["values"]):
        said += [f"No record of severity {', '.join(empty)}."] * bool(empty)
        return said
    return [*said, "No record declares its severity."]


def _shares(counts: Mapping[str, int], whole: int) -> str:
    return ", ".join(f"{name} {share(many, whole)}" for name, many in sorted(counts.items(), key=lambda pair: -pair[1]))


def limits(section: Prepare, counts: Counts) -> list[str]:
    """What this data cannot do, and what is not known about it."""
    return [
        "Not for diagnosis, risk prediction about individuals, identifying people, or any decision about a person.",
        "No clinician has reviewed the prepared texts. What counsellors or models wrote in them may be wrong or dated advice.",
        *expected(counts)[:1] * deidentified(section, counts),
        "Finding names does not make people unrecognisable: a story may be known by those who lived it.",
        "Coverage counts what sources declare. Who is missing without being declared does not show.",
    ]


def blocked(counts: Counts) -> list[str]:
    """Why it may not be released, in the words of the sources' terms."""
    return [f"A release is blocked: {reason}" for reason in counts["terms"]["blocks_release"]]


def uses(counts: Counts) -> list[str]:
    """What it is made for."""
    pairs = [f"Preference optimisation on {number(counts['preferences'])} pairs."] if counts["preferences"] else []
    judged = [f"Learning from feedback on {number(counts['feedback'])} replies."] if counts["feedback"] else []
    return [
        f"Supervised fine-tuning of supportive-conversation models on {number(counts['train'])} conversations; every tuned"
        " model has to pass a safety and fairness gate before release.",
        *pairs,
        *judged,
        "Held-out parts are for measuring, not for training.",
    ]


def publish() -> str:
    """Which files stay at home."""
    names: Iterable[str] = (f"`{name}`" for name in PRIVATE)
    return (
        f"{', '.join(names)} stay with whoever prepared the data: they say where surrogates stand, which places may identify"
        " somebody, and which records were left out. Publish the parts and these documents only."
    )
