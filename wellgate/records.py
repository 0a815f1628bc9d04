"""The nouns that flow through the pipeline, and how they are read and written.

Every record is frozen, refuses unknown fields, and never shows its text in an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wellgate.errors import InputError
from wellgate.files import write_text


class Frozen(BaseModel):
    """Base of all records and recipe sections: frozen, no unknown keys, input hidden in errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)


R = TypeVar("R", bound=BaseModel)
Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Role = Literal["system", "user", "assistant"]
CheckVerdict = Literal["pass", "fail", "inconclusive", "ungraded", "invalid"]
YesNo = Literal["yes", "no", "unreadable"]


class Message(Frozen):
    role: Role
    content: Text


class Conversation(Frozen):
    """One conversation, ready for training or held out from it."""

    id: str
    source: str
    """Name of the source that brought it."""
    licence: str
    """SPDX expression, or `LicenseRef-...` where none exists."""
    consent: str
    """On what basis the text may be used: `synthetic`, `published`, `consented`, ..."""
    group: str
    """The client or author; a group never stands on both sides of the split."""
    language: str = "en"
    messages: tuple[Message, ...]
    tags: tuple[str, ...] = ()


class Feedback(Conversation):
    """A conversation whose last turn, the assistant's, somebody has judged."""

    desirable: Annotated[bool, Field(strict=True)]
    """The judgement of that turn, and of no other."""


class Preference(Frozen):
    """A prompt with a better and a worse reply."""

    id: str
    source: str
    licence: str
    consent: str
    group: str
    language: str = "en"
    prompt: tuple[Message, ...]
    chosen: Text
    rejected: Text
    reason: str
    """Why the chosen reply is better, or by which signal it was chosen."""
    tags: tuple[str, ...] = ()


Record = Conversation | Preference


class Rejected(Frozen):
    """A row that was left out: where it stood and why, never what it said."""

    id: str
    source: str
    file: str
    line: int
    step: str
    reason: str


class Span(Frozen):
    """A stretch of personal data in one message: characters [start, end) of its content."""

    id: str
    message: int
    start: int
    end: int
    type: str


class Reply(Frozen):
    """One model's answer to one probe item. `prompt_digest` pins what was asked."""

    probe: str
    item: str
    subject: str
    sample: int
    """0 is greedy decoding; 1, 2, ... are seeded samples."""
    text: str
    tokens: int
    finished: bool
    """False when the reply was cut at `max_new_tokens`."""
    prompt_digest: str
    earlier: tuple[str, ...] = ()
    """Its replies to the turns before, in a scripted conversation."""
    scores: tuple[float, ...] = ()
    """Mean log-probability of a token of each option, where the model chose among some."""


class Asked(Frozen):
    """What the gate expects of every reply to one item: one line of its `suite.jsonl`."""

    probe: str
    item: str
    cluster: str
    slice: str
    required: dict[str, YesNo]
    """For each criterion that counts here, the answer a good reply gets."""
    hard: tuple[str, ...]
    """Criteria that fail the whole gate where any one reply shows them."""
    chosen: bool = False
    """The model chooses among options: one reply, whose answers need no grader."""
    posed: bool = True
    """Base and tuned were asked it. At the size `demo` most items are there for the scripted responders alone."""


class Graded(Frozen):
    """A reply with every answer of its graders: one line of the gate's `records.jsonl`. It holds no text."""

    probe: str
    item: str
    cluster: str
    slice: str
    subject: str
    sample: int
    reply: str
    """Digest of the reply's text."""
    finished: bool
    prompt_digest: str
    grader: str
    """Name and version, as `crisis_response@1`."""
    answers: dict[str, YesNo]
    """Criterion to answer, for all criteria of the probe's metric."""
    failed: tuple[str, ...]
    """The required criteria that this reply missed; empty is success."""
    hard: tuple[str, ...]
    """The criteria it shows that fail the whole gate."""


class Check(Frozen):
    """One line of the verdict: a rate with its one-sided 95 % bounds, held against a threshold."""

    id: str
    probe: str
    dimension: str
    critical: bool
    slice: str
    rule: str
    """What is bounded and by what, as `succeeds: lower >= 0.90`."""
    base: float | None
    """The base model's value, where the rule has one."""
    value: float
    """The tuned model's rate, or its difference from the base."""
    low: float
    high: float
    n: int
    """Clusters."""
    required_n: int
    verdict: CheckVerdict
    note: str = ""


class Step(Frozen):
    """One training stage in a model's lineage."""

    stage: Literal["sft", "dpo", "kto"]
    key: str
    """The stage's key: everything that decided its result."""
    data: str
    """Digest of the prepared rows that it read."""
    adapter: str
    """Digest over the adapter's files."""


class Lineage(Frozen):
    """What a model was made from, in order. `wellgate/lineage.py` writes, reads and checks it."""

    base: str
    """Public name of the base model."""
    revision: str | None
    weights: str
    """Digest of the base's files."""
    quantization: dict[str, Any] | None = None
    """How the base was quantised while training; None: not at all."""
    steps: tuple[Step, ...] = ()


class OwnReplies(Frozen):
    """How two people labelled the replies of one run that were drawn for one criterion."""

    drawn: int
    unlabelled: int
    """One of them gave no label."""
    disagreements: int
    """Their labels differ: kept, and in no table."""
    alpha: float | None
    """Krippendorff's; null where all labels are one."""


class Grader(Frozen):
    """How often one criterion was answered rightly on labelled replies."""

    found: int
    """Replies that show it and are said to."""
    present: int
    clear: int
    """Replies that do not show it and are said not to."""
    absent: int
    sensitivity: float
    """Lower bounds, one-sided 95 %."""
    specificity: float
    admissible: bool
    own: OwnReplies | None = None
    """Where the replies are this run's own: how they were labelled. Null: they are those that ship with wellgate."""


class Remembered(Frozen):
    """How well one set of texts is told from its like that training never saw."""

    slice: str
    """`16x assistant`: canaries planted 16 times, the secret in such a turn. `rows`: prepared rows."""
    trained: int
    held_out: int
    auc: float
    """Of the base-calibrated score: what training added to the log-probability of a token."""
    low: float
    """One-sided 95 % bounds of it."""
    high: float
    loss: float
    """AUC of the tuned model's log-probability alone."""
    min_k: float
    """AUC of Min-K%++."""
    exposure: float | None
    """Mean, in bits; without memory 1.44. None for rows."""
    extracted: int | None
    """Secrets that greedy decoding completes word for word. None for rows."""


class Memorised(Frozen):
    """What the memorisation audit found, beside its checks."""

    sets: tuple[Remembered, ...]
    epsilon: float | None
    """No smaller one is true of this training (95 %, delta 1e-5), by the canaries planted once; None without any."""
    guesses: int
    right: int
    generations: int
    known: int
    """Addresses, handles and long numbers in the training rows, counted once each."""
    said: int
    """In the generations."""
    verbatim: int
    """In both."""


class GateReport(Frozen):
    """What the gate found. Everything in it follows from the files of evidence beside it."""

    name: str
    """The recipe's."""
    verdict: CheckVerdict
    claim: str
    """The verdict as far as the evidence tier carries it: T0 says NOT-FAILED where it would say PASS."""
    tier: str
    size: str
    policy: dict[str, str]
    """Name and version of the policy, the digest of its file, and whether that is one that ships."""
    overrides: dict[str, float]
    """Thresholds that the recipe changed."""
    checks: tuple[Check, ...]
    hard_fails: tuple[str, ...]
    """`probe/item#sample: criterion`."""
    controls: dict[str, dict[str, CheckVerdict]]
    """Probe to control to the verdict it got."""
    graders: dict[str, Grader]
    """Criterion that the suite or the policy uses to how well it is graded."""
    memorised: Memorised | None = None
    """None where the audit was not made."""
    rates: dict[str, dict[str, float]]
    """Subject to the share of its replies that are incoherent or were cut."""
    reasons: tuple[str, ...]
    """Why the verdict is not a pass."""
    subjects: dict[str, dict[str, str]]
    """Subject to name and digests."""
    lineage: Lineage
    """What the tuned model was made from."""
    evidence: dict[str, str]
    """Digests of what was asked and how it was graded."""

    @property
    def served(self) -> str:
        """Host and name of a tuned model that was served; empty where its own files were judged."""
        return self.subjects.get("tuned", {}).get("served", "")

    @property
    def judged(self) -> str:
        """The tuned model in a few words."""
        return f"served: {self.served}" if self.served else f"artefact {self.subjects['tuned']['artefact'][:12]}"


def read_jsonl(path: Path, model: type[R]) -> Iterator[R]:
    """Yield records of a file that wellgate wrote; a damaged line is an InputError with file:line."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                yield model.model_validate_json(line)
            except ValidationError as error:
                first = error.errors(include_input=False, include_url=False, include_context=False)[0]
                where = ".".join(str(part) for part in first["loc"]) or "line"
                raise InputError(
                    f"{path}:{number}: not a {model.__name__} ({where}: {first['type']}); rebuild the stage that wrote it"
                ) from None


def write_jsonl(path: Path, records: Iterable[BaseModel]) -> int:
    """Write one record a line and return how many; the file appears whole or not at all."""
    lines = [canonical_json(record.model_dump(mode="json")) + "\n" for record in records]
    write_text(path, "".join(lines))
    return len(lines)


def read_parquet(path: Path, model: type[R]) -> list[R]:
    """Read a parquet file that wellgate wrote back into records."""
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(path).to_pylist()
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable parquet file ({type(error).__name__}); rebuild it") from None
    return [model.model_validate(row) for row in rows]


def arrow_schema(model: type[BaseModel]) -> Any:
    """The columns of a parquet file of these records, as `datasets.load_dataset` reads them."""
    import pyarrow as pa

    return pa.schema([(name, _arrow_type(name)) for name in model.model_fields])


def _arrow_type(field: str) -> Any:
    import pyarrow as pa

    if field == "desirable":
        return pa.bool_()
    if field in ("messages", "prompt"):
        return pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    return pa.list_(pa.string()) if field == "tags" else pa.string()


def canonical_json(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """JSON with one spelling for one value: what digests and keys are taken of."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
