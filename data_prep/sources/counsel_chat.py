"""counsel-chat: questions to counsellors on a public forum and their answers (Bertagnolli 2020).

A row of the published CSV (`20200325_counsel_chat.csv`, 2,129 rows) has the columns::

    questionID questionTitle questionText questionLink topic therapistInfo therapistURL answerText upvotes views split

Each answer becomes one conversation. The group is the answering author (hashed: therapists are named in the
file), so that no author stands on both sides of a split; the published `split` column is not used, because 38 of
its 117 test rows stand verbatim in its own train rows. Upvotes are kept as a tag, for preferences.

Licence: MIT on the repository that publishes it; the texts were scraped, and neither those who asked nor those
who answered were asked for consent to training. Check your own ground before you release a model made of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from data_prep.read import Reader, Row, read_csv
from data_prep.sources import OneFile
from wellgate.records import Conversation, Rejected

COLUMNS = ("questionID", "questionTitle", "questionText", "topic", "therapistURL", "answerText", "upvotes")


class CounselChat(OneFile):
    path: str
    """The published CSV, relative to the folder that wellgate is started in."""
    licence: str = "MIT"
    """SPDX expression of the file as you got it."""
    consent: str = "published (train, evaluate), authors not asked"
    """Consent basis."""

    def rows(self) -> Iterator[Conversation | Rejected]:
        path = Path(self.path)
        reader = Reader("counsel_chat", path)
        for number, row in enumerate(read_csv(path, COLUMNS)):
            yield self._record(reader, row, str(number))

    def _record(self, reader: Reader, row: Row, id: str) -> Conversation | Rejected:
        if row.problem:
            return reader.rejected(row, row.problem)
        cells = row.fields
        title, text = cells["questionTitle"].strip(), cells["questionText"].strip()
        question = text if text.startswith(title) else f"{title}\n\n{text}".strip()
        turns = [("user", question), ("assistant", cells["answerText"].strip())]
        author = hashlib.sha256(cells["therapistURL"].encode()).hexdigest()[:12]
        return reader.conversation(
            row,
            id,
            [{"role": role, "content": content} for role, content in turns],
            group=f"{reader.source}/{author}",
            licence=self.licence,
            consent=self.consent,
            tags=(f"topic:{cells['topic'].strip()}", f"upvotes:{cells['upvotes'].strip() or 0}"),
        )
