"""MentalChat16K: counselling questions and answers, invented by GPT-3.5 or paraphrased (Xu et al. 2025).

A row of the published CSV (`Synthetic_Data_10K.csv`, `Interview_Data_6K.csv`, or both as parquet)::

    instruction,input,output
    "You are a helpful mental health counselling assistant, ...","I have not slept well since ...","That sounds ..."

The input is the user's turn and the output the assistant's; rows with the same input are one group. The instruction
is the same in every row and is left out. The interview part comes from 378 transcripts, and its rows do not say
which: no split of it keeps one caregiver on one side. Read the two files as two sources where their consent differs
for you.

Licence: MIT on the Hub card. Consent: the interview part is caregivers of hospice patients in a clinical trial,
paraphrased by a model; the card does not say that they agreed to this use, so the default consent does not cover a
release. Answers of GPT-3.5 are also under its maker's terms.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_prep.sources import OneFile, instructions
from wellgate.records import Conversation, Rejected


class MentalChat16K(OneFile):
    path: str
    """CSV, parquet, JSON or JSON Lines, relative to the folder that wellgate is started in."""
    licence: str = "MIT"
    """SPDX expression of the file as you got it."""
    consent: str = "published (train, evaluate), partly paraphrased from a trial"
    """Consent basis."""

    def rows(self) -> Iterator[Conversation | Rejected]:
        terms = {"licence": self.licence, "consent": self.consent}
        return instructions("mentalchat16k", Path(self.path), terms)
