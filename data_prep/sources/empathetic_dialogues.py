"""EmpatheticDialogues: short chats about a situation that one of two crowd workers was in (Rashkin et al. 2019).

A row of the published `train.csv`, `valid.csv` or `test.csv` is one utterance, with `_comma_` for commas::

    conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags
    hit:7_conv:15,1,afraid,A noise_comma_ late at night.,31,I heard a noise_comma_ and froze.,5|5|5_5|5|5,

Quotation marks are characters like any other; rows of the test file have a ninth cell of candidate replies, which is
left out. (Read with CSV's own quoting, the training file has 76,673 rows instead of 84,169: whole stretches vanish in
one cell.)

The utterances of one `conv_id` become one conversation: who speaks first, and had the situation, as user; who listens
as assistant. The emotion is a tag. The group is the worker who had the situation, as in the published split. `prompt`
is not read: the listener did not see it.

Licence: CC-BY-NC-4.0, which blocks a release. Consent: crowd workers who were paid to write; the listeners are
no counsellors, and their replies often only ask back.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_prep.read import Reader, Row, read_csv
from data_prep.sources import OneFile, dialogue, joined
from wellgate.records import Conversation, Rejected

COLUMNS = ("conv_id", "utterance_idx", "context", "speaker_idx", "utterance")


class EmpatheticDialogues(OneFile):
    path: str
    """One of the published CSV files, relative to the folder that wellgate is started in."""
    licence: str = "CC-BY-NC-4.0"
    """SPDX expression of the file as you got it."""
    consent: str = "published (train, evaluate), for research by crowd workers"
    """Consent basis."""

    def rows(self) -> Iterator[Conversation | Rejected]:
        path = Path(self.path)
        reader = Reader("empathetic_dialogues", path)
        for row in joined(read_csv(path, COLUMNS, quotes=False, spare=True), "conv_id", "utterance_idx", first=1):
            yield reader.rejected(row, row.problem) if row.problem else self._record(reader, row)

    def _record(self, reader: Reader, row: Row) -> Conversation | Rejected:
        said = row.fields["rows"]
        worker = said[0]["speaker_idx"]
        turns = [
            ("user" if one["speaker_idx"] == worker else "assistant", one["utterance"].replace("_comma_", ","))
            for one in said
        ]
        messages, _ = dialogue(turns)
        return reader.conversation(
            row,
            said[0]["conv_id"],
            messages,
            group=f"{reader.source}/{worker}",
            licence=self.licence,
            consent=self.consent,
            tags=(f"emotion:{said[0]['context']}",),
        )
