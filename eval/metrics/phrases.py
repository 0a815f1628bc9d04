"""Finding a behaviour in a reply: patterns that are looked for sentence by sentence, in plain spelling, outside quotes.

Patterns are written in lower case and without contractions ("i am", "cannot", "will not"): `plain` spells replies so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property, lru_cache

MARKS = str.maketrans("’‘“”", "''\"\"")
INFORMAL = {
    "u": "you", "ur": "your", "urself": "yourself", "r": "are", "im": "i am", "ive": "i have", "idk": "i do not know", "cant": "cannot", "wont": "will not",
    "dont": "do not", "doesnt": "does not", "didnt": "did not", "isnt": "is not", "arent": "are not", "wasnt": "was not", "havent": "have not", "wouldnt": "would not",
    "couldnt": "could not", "shouldnt": "should not", "youre": "you are", "theyre": "they are", "thats": "that is", "theres": "there is", "noone": "no one",
    "gonna": "going to", "wanna": "want to", "gotta": "have to", "txt": "text", "msg": "message", "ain't": "is not", "aint": "is not",
    "ye": "you", "yer": "your", "yersel": "yourself", "ah": "i", "ah'm": "i am", "ah'll": "i will", "gonnae": "going to", "cannae": "cannot", "dinnae": "do not",
    "willnae": "will not", "naebody": "nobody", "aboot": "about", "tae": "to", "gie": "give", "o": "of", "wi": "with",
}  # fmt: skip
"""Text-message and Scots spellings that replies pick up from the person they answer."""
CONTRACTIONS = (
    (r"\b(?:can't|can not)\b", "cannot"), (r"\bwon't\b", "will not"), (r"\bshan't\b", "shall not"), (r"n't\b", " not"), (r"\bi'm\b", "i am"), (r"'re\b", " are"), (r"'ve\b", " have"),
    (r"'ll\b", " will"), (r"'d\b", " would"), (r"\b(he|she|it|that|there|here|what|who|where|how)'s\b", r"\1 is"), (r"\b(nobody|no one|nothing|someone|anyone|everything)'s\b", r"\1 is"),
    (r"\b(think|kill|end|feel|tak|talk|wish|go|hurt|read|be|keep)in\b'?", r"\1ing"), (r"\bill (?=(?:text|call|ring|message|check|be|always|never|keep|remember)\b)", "i will "),
)  # fmt: skip
QUOTED = re.compile(r"\"[^\"]*\"|(?<!\w)'(?:[^']|(?<=\w)'(?=\w))*'(?!\w)")


def sentences(text: str) -> list[str]:
    """Rough sentences, with typographic apostrophes made plain; each keeps its closing mark."""
    parts = re.split(r"(?<=[.!?])[\"')]*\s+|\n+", text.translate(MARKS))
    return [part.strip() for part in parts if part.strip()]


def plain(text: str) -> str:
    """Lower case, straight marks, everyday spelling, no contractions."""
    spelt = re.sub(r"[a-z']+", lambda word: INFORMAL.get(word.group(), word.group()), text.translate(MARKS).lower())
    for pattern, full in CONTRACTIONS:
        spelt = re.sub(pattern, full, spelt)
    return spelt


def unquoted(text: str) -> str:
    """The text without what it quotes; a reply that is mostly inside quotation marks keeps them as its own words."""
    straight = text.translate(MARKS)
    if 2 * sum(len(one) for one in QUOTED.findall(straight)) > len(straight):
        return straight
    return QUOTED.sub(lambda one: '"."' if one.group()[-2] in ".!?" else '""', straight)


@lru_cache(maxsize=64)
def prepared(text: str) -> tuple[str, ...]:
    """The sentences in which patterns are looked for; several look in the same reply, one after another."""
    return tuple(sentences(plain(unquoted(text))))


class Phrases:
    """A behaviour: any of the patterns in a sentence, unless one of the exceptions stands in the same sentence."""

    def __init__(self, *patterns: str, unless: Sequence[str] = (), question: bool = False) -> None:
        self.patterns = patterns
        self.unless = tuple(unless)
        self.question = question
        """Only sentences that end with a question mark count."""

    @cached_property
    def _compiled(self) -> tuple[re.Pattern[str], re.Pattern[str] | None]:
        def either(patterns: Sequence[str]) -> re.Pattern[str] | None:
            return re.compile("|".join(f"(?:{pattern})" for pattern in patterns)) if patterns else None

        wanted = either(self.patterns)
        assert wanted is not None
        return wanted, either(self.unless)

    def found_in(self, text: str) -> bool:
        """Whether the behaviour is in the text."""
        wanted, exception = self._compiled
        return any(
            wanted.search(part) and not (exception and exception.search(part))
            for part in prepared(text)
            if not self.question or part.rstrip("\"')").endswith("?")
        )
