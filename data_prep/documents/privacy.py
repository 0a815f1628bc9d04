"""What the documents say about the people in the data: what was replaced, what may stand still, who could be recognised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_prep.documents.markdown import bullets, number, plain, share, table
from wellgate.recipe import Prepare

Counts = Mapping[str, Any]


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
