"""Whether labels can be proven with this tokenizer and system prompt, asked before anything is trained.

Fixed invented conversations go through the same code as training rows. `wellgate check` asks it in a process of its own,
without torch; every training stage asks it again and refuses to train when it fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.labels import IGNORED, Labelled, label
from train.turns import Unprovable, asked
from wellgate.base import Base, on_this_machine
from wellgate.errors import INPUT_WRONG, Crashed, InputError, guarded
from wellgate.golden import TALKS, messages
from wellgate.model import conversation, encode, load_tokenizer, stop_ids
from wellgate.recipe import Recipe
from wellgate.records import Conversation, Message

WAY_OUT = "use another base model, or repair its chat template"


@dataclass(frozen=True)
class Audit:
    """What was proven."""

    conversations: int
    end: str
    """The end token of replies, trained and among those at which generation stops."""
    bos: str | None
    """What every row begins with once, where the tokenizer has such a token."""
    shared: bool
    """One row holds all replies of a conversation. If not, the template renders earlier turns otherwise later on."""
    system: bool
    """The template takes system turns."""

    def __str__(self) -> str:
        rows = "one row a conversation" if self.shared else "one row a reply, as earlier turns are rendered otherwise"
        return "; ".join(
            [
                f"proven on {self.conversations} invented conversations",
                f"replies end with {self.end}, where generation stops",
                f"one {self.bos} at the start" if self.bos else "no BOS",
                rows,
                *([] if self.system else ["no system turns"]),
            ]
        )


def audit(tokenizer: Any, stops: Set[int], system_prompt: str) -> Audit:
    """Prove the labels of the invented conversations.

    Args:
        tokenizer: with its chat template.
        stops: token ids at which the model's generation stops.
        system_prompt: the recipe's.

    Raises:
        InputError: what cannot be proven, on which conversation.
    """
    try:
        system = _takes_system(tokenizer)
        if system_prompt and not system:
            raise InputError(
                f"model.system_prompt: the chat template takes no system turn; leave it empty, or {WAY_OUT}"
            )
        talks = {name: messages(texts) for name, texts in TALKS.items()}
        if system:
            talks["a system turn of its own"] = (Message(role="system", content="Be kind."), *talks["many turns"])
        rows = [row for name, talk in talks.items() for row in _proven(tokenizer, system_prompt, _record(name, talk))]
    except Unprovable as error:
        raise InputError(f"model.base: labels cannot be proven: {error.why} (on {error.id!r}); {WAY_OUT}") from None
    end = _end(tokenizer, rows, stops)
    return Audit(len(talks), end, _bos(tokenizer, rows), len(rows) == len(talks), system)


def _record(name: str, talk: tuple[Message, ...]) -> Conversation:
    own = {"source": "audit", "licence": "Apache-2.0", "consent": "synthetic", "group": "audit"}
    return Conversation(id=name, messages=talk, **own)


def _takes_system(tokenizer: Any) -> bool:
    turns = [{"role": role, "content": role.title()} for role in ("system", "user", "assistant")]
    try:
        asked(tokenizer, turns, "a system turn")
    except Unprovable:
        asked(tokenizer, turns[1:], "one turn")  # raises where it is not the system turn's fault
        return False
    return True


def _proven(tokenizer: Any, system_prompt: str, record: Conversation) -> list[Labelled]:
    """The record's rows. Each begins with exactly the tokens that the model is given when asked for its first reply."""
    rows = label(tokenizer, system_prompt, record)
    whole = conversation(system_prompt, record.messages)
    turns = [turn for turn, message in enumerate(whole) if message["role"] == "assistant"]
    for row, done in zip(rows, [0, *(row.replies for row in rows)], strict=False):
        prompt, _ = asked(tokenizer, whole[: turns[done] + 1], record.id)
        start = next(place for place, one in enumerate(row.labels) if one != IGNORED)
        if row.input_ids[:start] != list(encode(tokenizer, prompt)["input_ids"]):
            raise Unprovable(record.id, "a prompt has other tokens in training than in generation")
    return rows


def _end(tokenizer: Any, rows: list[Labelled], stops: Set[int]) -> str:
    """The one token that ends replies; generation stops at it."""
    ends = {row.labels[-1] for row in rows}
    words = ", ".join(tokenizer.convert_ids_to_tokens(sorted(ends)))
    if len(ends) > 1:
        raise InputError(f"model.base: replies end with different tokens ({words}); {WAY_OUT}")
    if not ends <= stops:
        raise InputError(
            f"model.base: replies are trained to end with {words}, where generation does not stop: it would never end;"
            " add it to eos_token_id in generation_config.json"
        )
    return str(words)


def _bos(tokenizer: Any, rows: list[Labelled]) -> str | None:
    """The token that begins every row, once, where the tokenizer begins texts with one."""
    bos = tokenizer.bos_token_id
    if bos is None or tokenizer("a")["input_ids"][0] != bos:
        return None
    if wrong := {row.input_ids.count(bos) for row in rows} - {1}:
        raise InputError(
            f"model.base: the template writes {tokenizer.bos_token} {wrong.pop()} times instead of once; {WAY_OUT}"
        )
    return str(tokenizer.bos_token)


def require(recipe: Recipe, base: Base) -> Audit:
    """The audit of the recipe's own tokenizer. Every training stage calls this first."""
    return audit(load_tokenizer(base), stop_ids(base), recipe.model.system_prompt)


def checked(recipe: Recipe) -> str:
    """One line for `wellgate check`. Nothing is downloaded; transformers is imported in another process, torch in none.

    Raises:
        InputError: the audit failed.
    """
    folder = on_this_machine(recipe.model.base, recipe.model.revision)
    if folder is None:
        return "  labels   the tokenizer is not on this machine yet; they are proven before training"
    done = subprocess.run(
        [sys.executable, "-m", "train.audit", str(folder)],
        input=recipe.model.system_prompt,
        capture_output=True,
        text=True,
        env=os.environ | {"TRANSFORMERS_VERBOSITY": "error"},
    )
    said = done.stderr.rpartition("wellgate: ")[2].strip()
    if done.returncode == INPUT_WRONG:
        raise InputError(said)
    if done.returncode:
        raise Crashed(f"the audit of {folder} crashed: {said.splitlines()[-1] if said else 'no message'}")
    return f"  labels   {done.stdout.strip()}"


def main(folder: str, system_prompt: str) -> int:
    """Audit the tokenizer in a folder and print one line."""
    base = Base(Path(folder).name, None, Path(folder), "")

    def run() -> int:
        print(audit(load_tokenizer(base), stop_ids(base), system_prompt))
        return 0

    return guarded(run)


if __name__ == "__main__":
    sys.modules["torch"] = None  # type: ignore[assignment]  # a second of importing that tokenizers do without
    sys.exit(main(sys.argv[1], sys.stdin.read()))
