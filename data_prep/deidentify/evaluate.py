"""`wellgate deid-eval [FILE]`: our de-identification and Presidio as it comes, on passages with marked personal data."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from data_prep.deidentify import detect
from data_prep.deidentify.benchmark import FOLDER, Passage, read
from data_prep.deidentify.propagate import propagate_names
from data_prep.deidentify.score import score
from data_prep.deidentify.spans import Found, without_overlaps
from wellgate.files import write_text

LOCKED = FOLDER / "test.jsonl"
System = Callable[[Sequence[str], str], Iterator[list[Found]]]


@cache
def _presidio() -> Any:
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    from data_prep.deidentify.nlp import SMALL

    models = [{"lang_code": "en", "model_name": SMALL}]
    engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    return AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])


def presidio(texts: Sequence[str], language: str) -> Iterator[list[Found]]:
    """Presidio with its default recognisers over spaCy's small English model, all of its pipeline running."""
    for text in texts:
        hits = _presidio().analyze(text, language=language)
        yield without_overlaps([Found(hit.start, hit.end, hit.entity_type, hit.score) for hit in hits])


def wellgate(texts: Sequence[str], language: str) -> Iterator[list[Found]]:
    """Ours, as the filter runs it on a conversation of one turn."""
    for text, found in zip(texts, detect.detect(texts, language), strict=True):
        yield propagate_names([text], [found], language)[0]


SYSTEMS: dict[str, System] = {"wellgate": wellgate, "presidio": presidio}


def evaluate(path: Path, system: str) -> dict[str, Any]:
    """All figures of one system on one file, over the languages that the system reads."""
    passages = [one for one in read(path) if system == "wellgate" or one.language == "en"]
    return measure(passages, SYSTEMS[system])


def report(path: Path | None, systems: Sequence[str] | None, out: Path | None) -> str:
    """The table of some systems on one file, written as JSON too where `out` is given."""
    results = {system: evaluate(path or LOCKED, system) for system in systems or SYSTEMS}
    if out:
        write_text(out, json.dumps(results, indent=1) + "\n")
    return table(results)


def measure(passages: Sequence[Passage], system: System) -> dict[str, Any]:
    """Throughput is by processor time, with models loaded and patterns compiled before."""
    seconds = 0.0
    found: dict[str, list[Found]] = {}
    for language in sorted({one.language for one in passages}):
        some = [one for one in passages if one.language == language]
        list(system([some[0].text], language))
        started = time.process_time()
        found |= {one.id: spans for one, spans in zip(some, system([one.text for one in some], language), strict=True)}
        seconds += time.process_time() - started
    return score(passages, [found[one.id] for one in passages], seconds)


def table(results: dict[str, dict[str, Any]]) -> str:
    """Markdown: one column a system."""
    rows = [("passages", "passages"), ("recall (no character leaks)", "recall"), ("precision", "precision")]
    rows += [("clean passages touched", "clean_touched"), ("crisis resources touched", "resources_touched")]
    rows += [
        ("other words touched in 1,000", "over_redaction_per_1000_words"),
        ("1,000 characters/s, one core", "kchar_per_s"),
    ]
    lines = ["| | " + " | ".join(results) + " |", "|---|" + "---|" * len(results)]
    lines += [f"| {name} | " + " | ".join(_cell(one[key]) for one in results.values()) + " |" for name, key in rows]
    for part, label in (("by_type", ""), ("by_origin", "names, ")):
        for kind in sorted({kind for one in results.values() for kind in one[part]}):
            lines.append(
                f"| {label}{kind} | " + " | ".join(_cell(one[part].get(kind)) for one in results.values()) + " |"
            )
    lines.append("| names, worst origin against the rest | " + " | ".join(_gap(one) for one in results.values()) + " |")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    if value["share"] is None:
        return ""
    return f"{value['share']:.3f} [{value['low']:.3f}, {value['high']:.3f}] ({value['hits']}/{value['n']})"


def _gap(one: dict[str, Any]) -> str:
    gap = one["worst_origin_gap"]
    return f"{gap['group']} {gap['gap']:+.3f} [{gap['low']:+.3f}, {gap['high']:+.3f}]" if gap else ""
