"""Your own table: CSV, JSON, JSON Lines or parquet, with the columns that the recipe names.

A row with one question and one answer::

    ref,client,asked,answered,theme
    17,client-4,"I wake at four every night.","What goes through your mind then?",sleep

is read by::

    - use: tabular
      path: data/questions.csv
      columns: {user: asked, assistant: answered, id: ref, group: client, tags: [theme]}
      licence: CC-BY-4.0
      consent: consented

and a row with whole conversations, as ShareGPT has them (`{"conversations": [{"from": "human", "value": "..."},
...]}`), by `columns: {messages: conversations, role: from, content: value, roles: {human: user, gpt: assistant}}`.

Further keys of `columns`: system, language, licence, consent. A JSON file is one list of objects; the lines of rejected
parquet rows are row numbers. Turns alternate, the user's first; nothing is joined or mended here.

Licence and consent are yours to state; they hold for every row whose own cell is empty. Without a `group` each row
is split alone: name the column of the client or author, or the same person stands on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_prep.read import Reader, read_rows
from data_prep.sources import Columns, OneFile, mapped
from wellgate.records import Conversation, Rejected


class Tabular(OneFile):
    path: str
    """The file, relative to the folder that wellgate is started in; its ending says what it is."""
    columns: Columns
    """`messages`, or `user` and `assistant`; system, id, group, language, licence, consent, tags."""
    licence: str
    """SPDX expression for rows that state none."""
    consent: str
    """Consent basis for rows that state none."""
    language: str = "en"
    """ISO 639-1, for rows that state none."""

    def rows(self) -> Iterator[Conversation | Rejected]:
        path = Path(self.path)
        reader = Reader(path.stem, path)
        terms = {"licence": self.licence, "consent": self.consent, "language": self.language}
        for row in read_rows(path, self.columns.names()):
            yield mapped(reader, row, self.columns, terms)
