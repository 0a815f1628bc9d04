"""Psych8k: questions and answers that GPT-4 made of about 260 counselling recordings (Liu et al. 2023, ChatCounselor).

The published JSON (8,187 rows) is one list; one of its objects::

    {"instruction": "If you are a counsellor, please answer the questions based on the description of the patient.",
     "input": "I keep putting off the call ...", "output": "It sounds as if ..."}

The input is the user's turn and the output the assistant's; rows with the same input are one group. The instruction
is left out. The rows do not say which recording they come from: no split of them keeps one client on one side, and
the figures of a held-out part are too good.

Licence: CC-BY-NC-SA-4.0, behind a request form on the Hub; it blocks a release. Consent: the clients on the
recordings were not asked about training; the set's makers say that personal data was removed. GPT-4's text is also
under its maker's terms.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_prep.sources import OneFile, instructions
from wellgate.records import Conversation, Rejected


class Psych8k(OneFile):
    path: str
    """JSON, CSV, parquet or JSON Lines, relative to the folder that wellgate is started in."""
    licence: str = "CC-BY-NC-SA-4.0"
    """SPDX expression of the file as you got it."""
    consent: str = "published (train, evaluate), clients were not asked"
    """Consent basis."""

    def rows(self) -> Iterator[Conversation | Rejected]:
        return instructions("psych8k", Path(self.path), {"licence": self.licence, "consent": self.consent})
