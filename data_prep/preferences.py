"""Preference pairs as a whole: none may leak what is held out, and neither length nor warm words may tell the winner.

`leaking` looks at the raw texts, before de-identification: surrogates differ from record to record, so that afterwards
one question no longer looks like itself in another record. `Balance` counts pair by pair, in constant memory.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from itertools import takewhile
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_prep import table
from data_prep.deidentify.score import rate
from data_prep.ledger import PARENT
from data_prep.ngrams import normalised, words
from wellgate.records import Preference

STEP = "preferences"
COLUMNS = ("id", "group", "pair", "turns")
"""What `leaking` reads of a table."""
LONG_TURN = 8
"""Words. Shorter turns ("thank you") are everybody's: alone they tell nothing."""
HELD_OUT_PROMPT = "its prompt stands in held-out data"
HELD_OUT_REPLY = "its chosen or rejected reply stands in held-out data"
REPEATED = "the same prompt and replies stand in an earlier pair"
CONTRADICTED = "an earlier pair has the same prompt and replies the other way round"

Tables = Callable[[], Iterable[pa.Table]]
"""All records from the start, a table at a time; called twice."""


def leaking(tables: Tables, held_out: Callable[[str], bool]) -> dict[str, str]:
    """Ids of pairs that must be left out, with the reason.

    Feedback is treated as a pair of one reply, by both of them. A pair to train on goes when a turn of its prompt, or one of its replies, of `LONG_TURN` words or more, stands in
    a conversation or pair whose group is held out, up to case and white space; a prompt of shorter turns only, when
    held-out data begins with all of it. Then of pairs with one prompt and the same two replies the first stays, on
    either side, whatever reason they give. Takes about 0.1 kB of memory for each held-out turn and each pair.

    Args:
        tables: raw records in `data_prep/table.py`'s shape, at least its `COLUMNS`.
        held_out: whether this group is held out.
    """
    theirs: set[int] = set()
    for rows in tables():
        mask = pa.array([held_out(group) for group in rows["group"].to_pylist()], pa.bool_())
        for said in _said(rows.filter(mask)):
            theirs.update((*said.turns, *said.openings, *said.replies))
    reasons: dict[str, str] = {}
    known: dict[int, int] = {}
    for rows in tables():
        pairs = rows.filter(pc.or_(rows["pair"], pa.array(table.judged(rows), pa.bool_())))
        groups = pairs.select(["id", "group"]).to_pylist()
        for row, said in zip(groups, _said(pairs), strict=True):
            reason = None if held_out(row["group"]) else _leak(said, theirs)
            if reason := reason or _repeated(said, known):
                reasons[row["id"]] = reason
    return reasons


def leave_out(rows: pa.Table, reasons: Mapping[str, str]) -> pa.Table:
    """The table without the pairs and feedback that leak: a step, like a filter's."""
    return table.drop(rows, STEP, [reasons.get(id) for id in rows["id"].to_pylist()]) if reasons else rows


@dataclass(frozen=True)
class _Said:
    """What a record says, as keys."""

    turns: tuple[int, ...]
    """Long turns of the conversation or prompt."""
    openings: tuple[int, ...]
    """Its beginning up to each turn, as long as all turns are short."""
    whole: bool
    """No turn is long: the last opening is all of it."""
    replies: tuple[int, ...] = ()
    """Of a pair, those that are long."""
    pair: int = 0
    """What makes it this pair, whichever reply is chosen."""
    chosen: int = 0


def _said(rows: pa.Table) -> Iterator[_Said]:
    for pair, turns in zip(rows["pair"].to_pylist(), rows["turns"].to_pylist(), strict=True):
        said = [normalised([turn["content"]]) for turn in turns if turn["role"] in ("user", "assistant")]
        judged = pair or turns[-1]["role"] in table.JUDGED
        long = [_key(text) for text in said if _is_long(text)]
        short = list(takewhile(lambda text: not _is_long(text), said))
        openings = tuple(_key("\n".join(short[: number + 1])) for number in range(len(short)))
        shared = _Said(tuple(long), openings, len(short) == len(said))
        yield replace(shared, **_pair(said, turns)) if judged else shared


def _pair(prompt: Sequence[str], turns: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    sides = {turn["role"]: normalised([turn["content"]]) for turn in turns if turn["role"] in ("chosen", "rejected")}
    return {
        "replies": tuple(_key(text) for text in sides.values() if _is_long(text)),
        "pair": _key("\n".join([*prompt, *sorted(sides.values())])),
        "chosen": _key(sides.get("chosen", "")),
    }


def _is_long(text: str) -> bool:
    return len(text.split(maxsplit=LONG_TURN)) >= LONG_TURN


def _key(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _leak(said: _Said, theirs: set[int]) -> str | None:
    prompt = (*said.turns, *said.openings[-1:]) if said.whole else said.turns
    if not theirs.isdisjoint(prompt):
        return HELD_OUT_PROMPT
    return None if theirs.isdisjoint(said.replies) else HELD_OUT_REPLY


def _repeated(said: _Said, known: dict[int, int]) -> str | None:
    """Notes the pair, if it is new."""
    if said.pair not in known:
        known[said.pair] = said.chosen
        return None
    return REPEATED if known[said.pair] == said.chosen else CONTRADICTED


WARM = {
    "emotional reactions": (
        "(my|with) (heart|thoughts) (goes|are|is|out) ",
        "(thank you|thanks) for (sharing|telling|trusting|reaching|asking|writing|opening)",
        "i'?m (so |really |very )?(sorry|glad|moved|touched)",
        "sorry (to hear|you|that|this|it)",
        "(i'?m|we'?re) (right |always )?here( for| with|,|\\.|$)",
        "(sending|big|warm) (you )?(a )?(hugs?|love|warmth)",
        "(you'?re|you are) not alone",
        "i (feel|care|hope|appreciate|admire) (for |about |that )?you",
        "(lo )?siento (mucho|que)",
        "gracias por (compartir|contar|confiar|escribir)",
        "no est[áa]s sol[oa]",
        "estoy (aqu[íi] )?contigo",
    ),
    "interpretations": (
        "(that|it|this) (must|sounds|seems|feels) (be |have been |like |so |very |really )*(a lot|hard|heavy|painful|difficult"
        "|exhausting|frightening|scary|lonely|overwhelming|tough|confusing|frustrating)",
        "(that'?s|that is|that was|it'?s|this is) (a |so |very |really |such a )*(a lot|hard|heavy|painful|tough|exhausting|scary"
        "|lonely|horrible|awful|frightening|big (step|thing|deal))",
        "(makes|make|made) (perfect |total |a lot of |complete )?sense",
        "no wonder|of course (you|it|that)",
        "(it'?s|it is|that'?s|that is|is) (so |very |completely |perfectly |totally )?(understandable|natural|okay|ok|valid) ",
        "i (can )?(hear|understand|see|imagine) (how|that|you|what)",
        "(suena|debe (ser|de ser)|parece) (muy )?(duro|dif[íi]cil|doloroso|agotador|pesado)",
        "(tiene|tienen) (mucho )?sentido que",
        "es (muy )?(comprensible|normal|natural) (que|sentir)",
    ),
    "explorations": (
        "(what|how) (is|was|has|does|do|did|would|are) (it|that|this|you) (like|been|feel|mean|feeling|need)[^.!?]{0,200}\\?",
        "(would|could|can) you (like to )?(tell|say|share) [^.!?]{0,200}\\?",
        "tell me (more|about|what)",
        "what (comes|goes|would help|helps|matters|worries|feels)[^.!?]{0,200}\\?",
        "(cu[ée]ntame|dime) (m[áa]s|qu[ée])",
        "(c[óo]mo|qu[ée]) (te|le|es|fue) (sientes|siente|sent[íi]a|ayudar[íi]a|pasa|gustar[íi]a)[^.!?]{0,200}\\?",
    ),
    "encouragement": (
        "(well done|good (on|for) you|proud of you|you'?ve got this|you can do (this|it)|that was brave)",
        "you deserve|you matter|you'?re (doing|being|so|very) (\\w+ )?(well|great|strong|brave|kind|courageous)",
        "(take your time|at your own pace|be (kind|gentle|patient) (to|with) yourself)",
        "(takes?|took|taken) (a lot of |real |great |some )?(courage|strength|guts|bravery)",
        "(mereces|merece la pena|eres (muy )?(fuerte|valiente)|a tu (propio )?ritmo|s[ée] amable contigo)",
    ),
}
"""Warm wording, by regular expressions in English and Spanish. The first three heads are the communication mechanisms of
empathy in text-based support of Sharma et al. 2020 (EMNLP, "EPITOME"), the fourth is praise and permission. A marker
of style, written for this check and not validated against raters: a reply can be warm without any of them."""
_WARM = re.compile("|".join(f"\\b(?:{one})" for some in WARM.values() for one in some))


def warmth(text: str) -> int:
    """How many warm phrases a text has."""
    plain = " ".join(text.casefold().replace("\u2019", "'").split())
    return sum(1 for _ in _WARM.finditer(plain))


NOT_A_KIND = (PARENT, "upvotes:")
"""Beginnings of tags that name single records, or counts, and no kind of pair."""
LEAST = 20
"""Pairs of a tag that is listed."""
OFF = 0.1
"""Distance of a share from one half at which it is called unbalanced, if it is no accident."""
SIGNIFICANT = 0.05


@dataclass
class _Sides:
    """How often the chosen side has more."""

    pairs: int = 0
    more: Counter[str] = field(default_factory=Counter)
    less: Counter[str] = field(default_factory=Counter)
    chosen_words: int = 0
    rejected_words: int = 0
    log_ratio: float = 0.0

    def add(self, lengths: tuple[int, int], warm: tuple[int, int]) -> None:
        self.pairs += 1
        self.chosen_words += lengths[0]
        self.rejected_words += lengths[1]
        self.log_ratio += math.log(lengths[0] / lengths[1])
        self._compare("length", lengths[0] - lengths[1])
        self._compare("warmth", _warmer(lengths, warm))

    def _compare(self, name: str, difference: int) -> None:
        self.more[name] += difference > 0
        self.less[name] += difference < 0

    def share(self, name: str) -> dict[str, Any]:
        return asdict(rate(self.more[name], self.more[name] + self.less[name]))

    def p_value(self, name: str) -> float:
        """Of the sign test: how likely a share this far from one half is, if neither side is preferred."""
        from scipy.stats import binomtest

        n = self.more[name] + self.less[name]
        return float(binomtest(self.more[name], n).pvalue) if n else 1.0


def _warmer(lengths: tuple[int, int], warm: tuple[int, int]) -> int:
    """Above 0 where the first has more warm phrases, in all and for its length; 0 where these disagree."""
    in_all = warm[0] - warm[1]
    for_length = warm[0] * lengths[1] - warm[1] * lengths[0]
    return in_all if in_all * for_length > 0 else 0


class Balance:
    """Whether something as cheap as length or warm wording tells the chosen reply, overall and for each tag."""

    def __init__(self) -> None:
        self.all = _Sides()
        self.tags: dict[str, _Sides] = {}

    def add(self, pair: Preference) -> None:
        """Count one pair. Keeps counts only."""
        sides = (pair.chosen, pair.rejected)
        lengths = (max(1, len(words(sides[0]))), max(1, len(words(sides[1]))))
        warm = (warmth(sides[0]), warmth(sides[1]))
        self.all.add(lengths, warm)
        for tag in {tag for tag in pair.tags if not tag.startswith(NOT_A_KIND)}:
            self.tags.setdefault(tag, _Sides()).add(lengths, warm)

    def as_counts(self) -> dict[str, Any]:
        """For manifest and datasheet.

        Shares are of the pairs in which one side has more, with two-sided 95 % Clopper-Pearson intervals, as if pairs
        were independent; `equal` are the others. `mean_ratio` is the geometric mean of words chosen over words
        rejected: 1 where neither side is longer. Tags with fewer than `LEAST` pairs are left out.
        """
        one = self.all
        tags = {tag: sides for tag, sides in sorted(self.tags.items()) if sides.pairs >= LEAST}
        return {
            "pairs": one.pairs,
            "length": {
                "chosen_longer": one.share("length"),
                "equal": one.pairs - one.more["length"] - one.less["length"],
                "mean_words_chosen": round(one.chosen_words / one.pairs, 1) if one.pairs else None,
                "mean_words_rejected": round(one.rejected_words / one.pairs, 1) if one.pairs else None,
                "mean_ratio": _ratio(one),
            },
            "warmth": {
                "chosen_warmer": one.share("warmth"),
                "equal": one.pairs - one.more["warmth"] - one.less["warmth"],
            },
            "by_tag": {
                tag: {
                    "pairs": sides.pairs,
                    "chosen_longer": sides.share("length"),
                    "mean_ratio": _ratio(sides),
                    "chosen_warmer": sides.share("warmth"),
                }
                for tag, sides in tags.items()
            },
            "warnings": [*_warnings("", one, 1), *(w for tag in tags for w in _warnings(tag, tags[tag], len(tags)))],
        }


def _ratio(sides: _Sides) -> float | None:
    return round(math.exp(sides.log_ratio / sides.pairs), 3) if sides.pairs else None


def _warnings(tag: str, sides: _Sides, tests: int) -> Iterator[str]:
    """Of several tags one is off by accident soon: the level is divided by their number (Bonferroni)."""
    for name, word in (("length", "longer"), ("warmth", "warmer in wording")):
        found = sides.share(name)
        if found["share"] is None or abs(found["share"] - 0.5) <= OFF or sides.p_value(name) * tests >= SIGNIFICANT:
            continue
        where = f" tagged {tag}" if tag else ""
        yield (
            f"the chosen reply is {word} in {found['share']:.0%} of {found['n']} pairs{where}"
            f" ({found['low']:.0%} to {found['high']:.0%}): a model can learn that instead of what is better"
        )


def balance(pairs: Iterable[Preference]) -> dict[str, Any]:
    """The balance of a stream of pairs, as `Balance.as_counts` has it."""
    found = Balance()
    for pair in pairs:
        found.add(pair)
    return found.as_counts()


def markdown(counts: Mapping[str, Any]) -> list[str]:
    """Lines of the datasheet, from `balance`'s counts."""
    if not counts["pairs"]:
        return ["No pairs."]
    length, warm = counts["length"], counts["warmth"]
    ratio = f"words chosen over words rejected {length['mean_ratio']:.2f} (geometric mean)"
    lines = [
        f"- Chosen reply longer: {_shown(length['chosen_longer'])}, equal in {length['equal']}; {ratio}.",
        f"- Chosen reply warmer in wording: {_shown(warm['chosen_warmer'])}, no difference in {warm['equal']}.",
        *(f"- **Warning**: {text}." for text in counts["warnings"]),
    ]
    if counts["by_tag"]:
        lines += ["", "| tag | pairs | chosen longer | chosen warmer |", "|---|---|---|---|"]
    for tag, one in counts["by_tag"].items():
        cells: Sequence[str] = [
            tag,
            str(one["pairs"]),
            *(_shown(one[f"chosen_{name}"]) for name in ("longer", "warmer")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _shown(found: Mapping[str, Any]) -> str:
    if found["share"] is None:
        return "in none of 0"
    return f"{found['share']:.1%} of {found['n']} ({found['low']:.1%} to {found['high']:.1%})"
