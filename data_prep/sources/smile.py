"""SMILE: Chinese support talks that ChatGPT made of questions and answers on a forum (Qiu et al. 2024, SmileChat).

The published set is a folder of JSON files (`data/0.json` to `data/56031.json`), one talk a file::

    [{"role": "client", "content": "...", "annotation": [...]},
     {"role": "counselor", "content": "...", "annotation": [...]}]

Each file is one conversation, client as user and counselor as assistant (`user` and `assistant` may stand there too);
neighbours of one role are one turn, and a counselor's opening is left out (tag `opening:left out`). The file name is
id and group.

Licence: none is stated with the files; the forum posts (PsyQA, from xinli001.com) are given out under a user
agreement only. Stated here as `LicenseRef-unknown`, which blocks a release. Consent: those who asked and answered on
the forum were not asked about training. De-identification that ships with wellgate does not read Chinese: such
records are left out unless the Hub tier does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_prep.read import Reader, Row, read_json
from data_prep.sources import dialogue, file_id
from wellgate.errors import InputError
from wellgate.plugins import Source
from wellgate.records import Conversation, Rejected

ROLES = {"client": "user", "counselor": "assistant"}


class Smile(Source):
    path: str
    """The folder of JSON files, or one of them, relative to the folder that wellgate is started in."""
    licence: str = "LicenseRef-unknown"
    """SPDX expression of the files as you got them; none is stated upstream."""
    consent: str = "published (train, evaluate), forum users were not asked"
    """Consent basis."""
    language: str = "zh"
    """ISO 639-1."""

    def files(self) -> dict[str, Path]:
        path = Path(self.path)
        if not path.is_dir():
            return {path.name: path}
        found = {one.relative_to(path).as_posix(): one for one in sorted(path.rglob("*.json"))}
        if not found:
            raise InputError(f"{path}: no .json file below this folder; name the folder of the talks")
        return found

    def rows(self) -> Iterator[Conversation | Rejected]:
        ids: dict[str, int] = {}
        for name, path in self.files().items():
            yield self._record(Reader("smile", path, ids, name), file_id(Path(name).with_suffix("")))

    def _record(self, reader: Reader, id: str) -> Conversation | Rejected:
        try:
            rows = list(read_json(reader.path))
        except InputError:
            return reader.rejected(Row(1, {}), "not a JSON list")
        if bad := next((row for row in rows if row.problem), None):
            return reader.rejected(bad, bad.problem)
        said = [
            (ROLES.get(str(row.fields.get("role")), row.fields.get("role")), row.fields.get("content")) for row in rows
        ]
        messages, opening = dialogue(said)
        fields = {"group": f"smile/{id}", "licence": self.licence, "consent": self.consent, "language": self.language}
        return reader.conversation(Row(1, {}), id, messages, tags=opening, **fields)
