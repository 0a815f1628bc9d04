"""What datasheet, dataset card and Croissant all say about prepared data. Figures come from the counts alone."""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from data_prep.documents.markdown import bullets, counted, listed, number, ordered, plain, share, table
from data_prep.documents.parts import PARTS
from wellgate.recipe import Prepare

Counts = Mapping[str, Any]

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
    said = f"{number(conversations)} conversations about mental health and {number(pairs)} preference pairs"
    removed = "de-identified" if deidentified(section, counts) else "NOT de-identified"
    return [
        f"{said}, prepared for fine-tuning by wellgate from {len(section.sources)} source{'s' * (len(section.sources) != 1)}.",
        f"The texts are {removed}, duplicates are left out, and {number(counts['held_out'] + counts['preferences_held_out'])}"
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


def deidentified(section: Prepare, counts: Counts) -> bool:
    """Whether a step replaced personal data."""
    return bool(counts["personal_data_replaced"]) or any(step.use == "deidentify" for step in section.filters)


def deidentification(section: Prepare, counts: Counts) -> list[str]:
    """What was replaced, what is expected to stand still, and how well that is known."""
    if not deidentified(section, counts):
        return [
            "**Not de-identified.** The text is as the sources had it: whatever names and numbers they hold are here."
        ]
    return [
        f"Filters: {', '.join(step.use for step in section.filters)}. Pieces of personal data replaced:"
        f" {number(sum(counts['personal_data_replaced'].values()))}, in user and assistant turns.",
        "",
        *_replaced(counts),
        "",
        *bullets(
            [*expected(counts), *_benchmark(counts), *_gold(counts["deidentification_recall"]), *_secret(section)]
        ),
    ]


def _replaced(counts: Counts) -> list[str]:
    """Replaced pieces by type, with what the benchmark makes of them."""
    by_type = counts.get("residual_leaks", {}).get("by_type", {})
    rows = []
    for kind, many in sorted(counts["personal_data_replaced"].items()):
        found = by_type.get(kind, {})
        rows.append((plain(kind), number(many), rate(found.get("recall")), interval(found)))
    return table(("type", "replaced", "recall on the benchmark", "expected still standing per 1,000 records"), rows)


def expected(counts: Counts) -> list[str]:
    """The estimate of what still stands, in words."""
    residual = counts.get("residual_leaks") or {"measured": False, "reason": "the estimate was not made"}
    if not residual["measured"]:
        return [f"Personal data still standing: not measured ({residual['reason']}). Take it that there is some."]
    return [
        f"Expected pieces of personal data still standing per 1,000 records: {interval(residual['per_1000'])}"
        " (95 % interval of the recall).",
        f"Assumed: {residual['assumption']}",
    ]


def interval(found: Mapping[str, Any]) -> str:
    """`3.2 [1.1, 7.9]`; not measured where there is no value."""
    if found.get("value") is None:
        return "not measured"
    high = "no bound" if found["high"] is None else number(found["high"])
    return f"{number(found['value'])} [{number(found['low'])}, {high}]"


def rate(found: Mapping[str, Any] | None) -> str:
    """`0.971 [0.958, 0.981] (970/999)`."""
    if not found or found["share"] is None:
        return "not measured"
    return f"{found['share']:.3f} [{found['low']:.3f}, {found['high']:.3f}] ({found['hits']}/{found['n']})"


def _benchmark(counts: Counts) -> list[str]:
    found = counts.get("residual_leaks", {}).get("benchmark")
    if not found:
        return []
    said = [
        f"On the locked benchmark ({number(found['passages'])} invented passages): recall {rate(found['recall'])}, precision"
        f" {rate(found['precision'])}, clean passages touched {rate(found['clean_touched'])}, other words touched per 1,000:"
        f" {number(found['over_redaction_per_1000_words'])}.",
    ]
    if gap := found["worst_origin_gap"]:
        said.append(
            f"Names by origin: {plain(gap['group'])} are found least, by {gap['gap']:+.3f} [{gap['low']:+.3f}, {gap['high']:+.3f}]"
            " against all others."
        )
    return said


def _gold(found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return ["Recall on this data itself: not measured, the sources carry no hand-marked spans."]
    types = ", ".join(f"{kind} {hits}/{marked}" for kind, (hits, marked) in found["by_type"].items())
    return [
        f"Recall on hand-marked spans: {found['found']} of {found['marked']} ({found['recall']:.3f}); {types}.",
        "The hand-marked texts are synthetic and were seen while the patterns were written: expect less on real text.",
    ]


def _secret(section: Prepare) -> list[str]:
    open_keys = [step.use for step in section.filters if getattr(step, "secret_from", "set") is None]
    said = (
        "Surrogates were made with a public key: nobody can compute an original from one, but who guesses an original"
    )
    return [f"{said} can test the guess. Set `secret_from` before passing the data on."] if open_keys else []


def risk(counts: Counts) -> list[str]:
    """Who could be recognised by what they tell."""
    found = counts["risk"]
    read = found["conversations"] - found["unread"]
    condition = found["with_condition"]
    return bullets(
        [
            f"Records that tell something of their user (age band, occupation, country, ...): {number(found['telling'])} of"
            f" {number(read)} that were read; {number(found['unread'])} in other languages were not read and are not known to be safe.",
            f"Smallest class of people who tell the same (k): {number(found['k'])}. Unique: {number(found['unique'])}"
            f" ({share(found['unique'], read)}); with the condition known too: {number(condition['unique'])}"
            f" ({share(condition['unique'], read)}).",
            "Counted by rules over what people say of themselves. A story may identify somebody by details that no rule sees.",
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


def personal(section: Prepare, counts: Counts) -> list[str]:
    """Sensitive information in the data, in plain sentences."""
    sensitive = "The texts are about mental health, and tell of age, gender, family, faith, work and crises."
    if not deidentified(section, counts):
        return [sensitive, "They were not de-identified."]
    many = sum(counts["personal_data_replaced"].values())
    return [
        sensitive,
        f"{number(many)} pieces of personal data were replaced in user and assistant turns.",
        *expected(counts),
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
    return [
        f"Supervised fine-tuning of supportive-conversation models on {number(counts['train'])} conversations; every tuned"
        " model has to pass a safety and fairness gate before release.",
        *pairs,
        "Held-out parts are for measuring, not for training.",
    ]


def publish() -> str:
    """Which files stay at home."""
    names: Iterable[str] = (f"`{name}`" for name in PRIVATE)
    return (
        f"{', '.join(names)} stay with whoever prepared the data: they say where surrogates stand, which places may identify"
        " somebody, and which records were left out. Publish the parts and these documents only."
    )
