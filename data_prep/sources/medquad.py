"""MedQuAD: health questions and answers from pages of the US government (Ben Abacha and Demner-Fushman 2019).

The published set is one XML file a page, in a folder a website::

    <Document id="0000021" source="MPlusHealthTopics" url="https://...">
      <Focus>Sleep Disorders</Focus> ...
      <QAPairs><QAPair pid="1">
        <Question qid="0000021-1" qtype="information">What is (are) Sleep Disorders ?</Question>
        <Answer>Sleep disorders are ...</Answer>
      </QAPair></QAPairs></Document>

A selection of it may be JSON Lines, which is read too::

    {"id": "4_MPlus_Health_Topics_QA/0000021#1", "source": "MPlusHealthTopics", "url": "https://...",
     "focus": "Sleep Disorders", "qtype": "information", "question": "What is (are) Sleep Disorders ?", "answer": "..."}

Each pair is one conversation, tagged `education` with its kind of question. The group is the focus: several
institutes write about the same condition in much the same words. Three of the twelve folders have no answers (their
owner asked for it): do not name those. Hotlines and figures in the answers are of 2016/17 and out of date.

Licence: CC-BY-4.0; keep the attribution. Consent: written by public institutes for the public; no person speaks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from data_prep.read import Reader, Row, checked_row, open_text, read_jsonl, text_problem
from data_prep.sources import hashed
from wellgate.plugins import Source
from wellgate.records import Conversation, Rejected

FIELDS = ("id", "focus", "qtype", "question", "answer")
PAIR = re.compile(r"<QAPair\b")


class MedQuAD(Source):
    path: str
    """A folder of the XML files, one of them, or JSON Lines; relative to the folder that wellgate is started in."""
    licence: str = "CC-BY-4.0"
    """SPDX expression of the files as you got them."""
    consent: str = "published, by public institutes"
    """Consent basis."""

    def files(self) -> dict[str, Path]:
        path = Path(self.path)
        found = sorted(path.rglob("*.xml")) if path.is_dir() else []
        return {one.relative_to(path.parent).as_posix(): one for one in found} or {path.name: path}

    def rows(self) -> Iterator[Conversation | Rejected]:
        ids: dict[str, int] = {}
        for name, path in self.files().items():
            reader = Reader("medquad", path, ids, name)
            for row in _read_xml(path) if path.suffix == ".xml" else read_jsonl(path):
                yield self._record(reader, row)

    def _record(self, reader: Reader, row: Row) -> Conversation | Rejected:
        missing = [name for name in FIELDS if not isinstance(row.fields.get(name), str)]
        if row.problem or missing:
            return reader.rejected(row, row.problem or f"missing field {missing[0]}")
        id, focus, kind, question, answer = (row.fields[name].strip() for name in FIELDS)
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        fields = {"group": f"medquad/{hashed(focus)}", "licence": self.licence, "consent": self.consent}
        return reader.conversation(row, id, messages, tags=("education", f"qtype:{kind}"), **fields)


def _read_xml(path: Path) -> Iterator[Row]:
    """The pairs of one page, with the fields of the JSON Lines; a row's line is where its pair begins."""
    with open_text(path, newline="\n") as stream:
        text = stream.read()
    problem = text_problem(text)
    try:
        page = ElementTree.fromstring("" if problem else text)
    except (ElementTree.ParseError, ValueError):
        yield Row(1, {}, problem or "not XML")
        return
    name = f"{path.parent.name}/{path.stem}"
    lines = [1 + text.count("\n", 0, found.start()) for found in PAIR.finditer(text)]
    for line, pair in zip(lines, page.iter("QAPair"), strict=False):
        question = pair.find("Question")
        kind = question.get("qtype") if question is not None else None
        texts = {"question": pair.findtext("Question"), "answer": pair.findtext("Answer")}
        yield checked_row(
            line, {"id": f"{name}#{pair.get('pid')}", "focus": page.findtext("Focus"), "qtype": kind} | texts
        )
