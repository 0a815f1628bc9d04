"""IMHI: questions about posts on social media, with a label and its reasons (Yang et al. 2023, MentalLLaMA).

A row of the published instruction files (`train_data/instruction_data/*/*.csv`, `test_data/test_instruction/*.csv`,
`human_evaluation/test_instruction_expert/*.csv`)::

    query,gpt-3.5-turbo
    "Consider this post: ""it is due at noon"" Question: What is the stress cause of this post?","This post ..."

The query is the user's turn, the other column the assistant's (ChatGPT's text, or an expert's in the expert files),
tagged `assessment` and with the file. The group is the post, whichever file and question it stands in, because the
same posts recur: three quarters of the IRF test posts stand in IMHI's own training files. The files of rated
explanations (`text`, `label`, ...) are no conversations and are refused.

Licence: MIT on the repository, which does not own the posts; most of the sets they come from are for research only.
Stated here as `LicenseRef-unknown`, which blocks a release. Consent: people who posted in distress and were not
asked. These answers assess a person from one post: for evaluation and for finding leaks, hardly for a model that
talks with people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from data_prep.read import Reader, Row, read_csv
from data_prep.sources import file_id, hashed
from wellgate.errors import InputError
from wellgate.plugins import Source
from wellgate.records import Conversation, Rejected

POST = re.compile(r'\s*Consider this post: "(?P<post>.*)"\s*Question: [^"]*', re.DOTALL)


class IMHI(Source):
    path: str
    """A CSV, or a folder of them, relative to the folder that wellgate is started in."""
    pattern: str = "*.csv"
    """Which files of a folder are read; `**/*.csv` with all folders below."""
    answer: str = "gpt-3.5-turbo"
    """The column of the answers."""
    licence: str = "LicenseRef-unknown"
    """SPDX expression of the files as you got them; the posts' own is research only or not stated."""
    consent: str = "published (train, evaluate), posters were not asked"
    """Consent basis."""

    def files(self) -> dict[str, Path]:
        path = Path(self.path)
        if not path.is_dir():
            return {path.name: path}
        found = {one.relative_to(path).as_posix(): one for one in sorted(path.glob(self.pattern)) if one.is_file()}
        if not found:
            raise InputError(f"{path}: no file fits the pattern {self.pattern}; change `pattern` or `path`")
        return found

    def rows(self) -> Iterator[Conversation | Rejected]:
        for name, path in self.files().items():
            reader, file = Reader("imhi", path, file=name), file_id(Path(name).with_suffix(""))
            for number, row in enumerate(read_csv(path, ("query", self.answer))):
                yield self._record(reader, row, file, number)

    def _record(self, reader: Reader, row: Row, file: str, number: int) -> Conversation | Rejected:
        post = POST.fullmatch(row.fields.get("query", ""))
        if row.problem or not post:
            return reader.rejected(row, row.problem or "no post and question in the query")
        said = {"user": row.fields["query"], "assistant": row.fields[self.answer]}
        messages = [{"role": role, "content": text.strip()} for role, text in said.items()]
        fields = {"group": f"imhi/{hashed(post['post'])}", "licence": self.licence, "consent": self.consent}
        return reader.conversation(row, f"{file}:{number}", messages, tags=("assessment", f"file:{file}"), **fields)
