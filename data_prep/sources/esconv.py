"""ESConv: emotional-support chats between crowd workers, with support strategies (Liu et al. 2021).

The published `ESConv.json` (1,300 chats) is one list; one of its objects::

    {"experience_type": "Previous Experience", "emotion_type": "anxiety", "problem_type": "job crisis",
     "situation": "...", "survey_score": {"seeker": {...}, "supporter": {...}}, "seeker_question1": "...",
     "dialog": [{"speaker": "seeker", "annotation": {}, "content": "Hello\\n"},
                {"speaker": "supporter", "annotation": {"strategy": "Question"}, "content": "What is it?"}]}

Each chat is one conversation, seeker as user and supporter as assistant. Messages that one of them sends in a row are
one turn of several lines. Where the supporter writes first, that opening is left out (tag `opening:left out`).
Emotion, problem and the strategies that occur are tags. `situation` and the surveys are not read: nobody says them in
the chat. Each chat is its own group; the file does not say which worker wrote which chats.

Licence: CC-BY-NC-4.0 on the authors' Hub card; their repository says "for academic research use only". Either blocks
a release. Consent: crowd workers who were paid to chat, about problems of their own; supporters had a short training
and are no counsellors.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_prep.read import Reader, Row, read_json
from data_prep.sources import OneFile, dialogue
from wellgate.records import Conversation, Rejected

ROLES = {"seeker": "user", "supporter": "assistant"}


class ESConv(OneFile):
    path: str
    """`ESConv.json`, relative to the folder that wellgate is started in."""
    licence: str = "CC-BY-NC-4.0"
    """SPDX expression of the file as you got it."""
    consent: str = "published (train, evaluate), for research by crowd workers"
    """Consent basis."""

    def rows(self) -> Iterator[Conversation | Rejected]:
        path = Path(self.path)
        reader = Reader("esconv", path)
        for number, row in enumerate(read_json(path)):
            yield reader.rejected(row, row.problem) if row.problem else self._record(reader, row, str(number))

    def _record(self, reader: Reader, row: Row, id: str) -> Conversation | Rejected:
        try:
            said = [(ROLES.get(one["speaker"], one["speaker"]), one["content"]) for one in row.fields["dialog"]]
            used = {one["annotation"].get("strategy") for one in row.fields["dialog"]} - {None}
            tags = [f"{name}:{row.fields[f'{name}_type']}" for name in ("emotion", "problem")]
            tags += [f"strategy:{name}" for name in sorted(used)]
        except (KeyError, TypeError, AttributeError):
            return reader.rejected(row, "not in the published shape")
        messages, opening = dialogue(said)
        terms = {"licence": self.licence, "consent": self.consent}
        return reader.conversation(row, id, messages, group=f"esconv/{id}", tags=(*tags, *opening), **terms)
