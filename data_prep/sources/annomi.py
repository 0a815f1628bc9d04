"""AnnoMI: motivational-interviewing sessions, transcribed and annotated by experts (Wu et al. 2022, 2023).

A row of the published `AnnoMI-simple.csv` (9,699 rows, 133 sessions) or `AnnoMI-full.csv` (13,551 rows: several
annotators on seven sessions) is one utterance::

    transcript_id,mi_quality,video_title,video_url,topic,utterance_id,interlocutor,timestamp,utterance_text,...
    4,high,"A session","https://...",smoking cessation,0,therapist,00:00:03,"What brings you in today?",...

The utterances of one transcript become one conversation, client as user and therapist as assistant; what one speaker
says over several rows is one turn. In 116 of the 133 sessions the therapist begins: that opening turn is left out,
and the tag `opening:left out` counts it. Where the client has the last word, that stays. Quality and topics are kept
as tags (`quality:high|low`): the 23 sessions of low quality show how not to do it. The group is the transcript.
Titles and addresses of the videos are not read.

Licence: none is stated with the files; the papers call the set freely available. The texts are transcripts of
videos on YouTube. Stated here as `LicenseRef-unknown`, which blocks a release, until you say what you were given.
Consent: demonstrations, mostly role-played; those on the videos were not asked about training.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_prep.read import Reader, Row, read_csv
from data_prep.sources import OneFile, dialogue, joined
from wellgate.records import Conversation, Rejected

COLUMNS = ("transcript_id", "mi_quality", "topic", "utterance_id", "interlocutor", "utterance_text")
ROLES = {"client": "user", "therapist": "assistant"}


class AnnoMI(OneFile):
    path: str
    """`AnnoMI-simple.csv` or `AnnoMI-full.csv`, relative to the folder that wellgate is started in."""
    licence: str = "LicenseRef-unknown"
    """SPDX expression of the file as you got it; none is stated upstream."""
    consent: str = "published, those on the videos were not asked"
    """Consent basis."""

    def rows(self) -> Iterator[Conversation | Rejected]:
        path = Path(self.path)
        reader = Reader("annomi", path)
        for row in joined(read_csv(path, COLUMNS), "transcript_id", "utterance_id", first=0):
            yield reader.rejected(row, row.problem) if row.problem else self._record(reader, row)

    def _record(self, reader: Reader, row: Row) -> Conversation | Rejected:
        said = row.fields["rows"]
        id, topics = said[0]["transcript_id"], said[0]["topic"].split(";")
        spoken = [(ROLES.get(one["interlocutor"], one["interlocutor"]), one["utterance_text"]) for one in said]
        messages, opening = dialogue(spoken, joint=" ")
        tags = (f"quality:{said[0]['mi_quality']}", *(f"topic:{topic.strip()}" for topic in topics), *opening)
        group = f"annomi/{id}"
        return reader.conversation(
            row, id, messages, group=group, licence=self.licence, consent=self.consent, tags=tags
        )
