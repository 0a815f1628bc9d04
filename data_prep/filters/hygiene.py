"""Check what the assistant says in training targets: fix it, reject the record, or only count it, rule by rule.

Turns of the roles `assistant` and `chosen` are checked; what a user says, a rejected reply, and one that feedback calls
undesirable (its role is `rejected` too), is left as it is.
The rules are the files of `data_prep/hygiene/rules/`; each has an action of its own that the recipe may change::

    filters: [deidentify, {use: hygiene, rules: {stigma_terms: warn}}]
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, field_validator

from data_prep.hygiene import rule, scan
from wellgate import registry
from wellgate.plugins import Filter

if TYPE_CHECKING:
    from pyarrow import Table

CHECKED = ("assistant", "chosen")


class Hygiene(Filter):
    rules: dict[str, rule.Action] = {}
    """`fix`, `reject` or `warn`, for rules whose own action is not wanted."""
    keep_at_least: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """A turn of which fixes leave less than this share is rejected: it is no answer any more. So is an empty one."""

    @field_validator("rules")
    @classmethod
    def _known(cls, rules: dict[str, rule.Action]) -> dict[str, rule.Action]:
        for name, action in rules.items():
            if name not in rule.names():
                close = get_close_matches(name, rule.names(), n=1)
                hint = f"; did you mean {close[0]!r}?" if close else f" (there are {', '.join(rule.names())})"
                raise ValueError(f"no hygiene rule {name!r}{hint}")
            if action == "fix" and not rule.load(name).fixable:
                raise ValueError(f"the hygiene rule {name!r} has no fix; write `reject` or `warn`")
        return rules

    def files(self) -> dict[str, Path]:
        """The rules, the fragments they share, and the registry of crisis lines."""
        found = {f"rules/{name}.yaml": rule.FOLDER / f"{name}.yaml" for name in rule.names()}
        return {**found, rule.WORDS.name: rule.WORDS, registry.PATH.name: registry.PATH}

    def actions(self) -> dict[str, rule.Action]:
        """What happens for each rule."""
        return {name: self.rules.get(name, rule.load(name).action) for name in rule.names()}

    def apply(self, table: Table) -> Table:
        """Findings are `rule:action`; a row that is left out has the names of the rules as its reason."""
        from data_prep.table import drop, with_column, with_texts

        actions = self.actions()
        rows = table.select(["language", "pair", "turns", "findings", "dropped"]).to_pylist()
        reasons = [None if row["dropped"] else self._check(row, actions) for row in rows]
        table = with_texts(table, [[turn["content"] for turn in row["turns"]] for row in rows])
        return drop(with_column(table, "findings", [row["findings"] for row in rows]), self.use, reasons)

    def _check(self, row: dict[str, Any], actions: dict[str, rule.Action]) -> str | None:
        """Mend the row's turns, note its findings, and say why it is left out."""
        language = str(row["language"]).partition("-")[0].lower()
        if language not in rule.languages(tuple(actions)):
            return "no rules in this language"
        rules = rule.all_languages(tuple(actions))
        found: set[str] = set()
        rejecting: set[str] = set()
        user = ""
        for turn in row["turns"]:
            if turn["role"] == "user":
                user += turn["content"] + "\n"
            elif turn["role"] in CHECKED:
                hits = scan.hits(turn["content"], rules, user)
                found |= {hit.rule for hit in hits}
                rejecting |= self._mend(turn, [hit for hit in hits if actions[hit.rule] == "fix"])
        row["findings"] += [f"{name}:{actions[name]}" for name in sorted(found)]
        rejecting |= {name for name in found if actions[name] == "reject"}
        if row["pair"] and _equal(row["turns"]):
            rejecting |= found
        return ", ".join(sorted(rejecting)) or None

    def _mend(self, turn: dict[str, str], hits: list[scan.Hit]) -> set[str]:
        """Fix the turn; the rules that leave too little of it."""
        before, after = turn["content"], scan.mend(turn["content"], hits)
        turn["content"] = after
        too_little = len(after) < self.keep_at_least * len(before) or not any(map(str.isalnum, after))
        return {hit.rule for hit in hits} if hits and too_little else set()


def _equal(turns: list[dict[str, str]]) -> bool:
    """Whether the two replies of a pair say the same, which a fix may bring about."""
    said = {turn["role"]: turn["content"].strip() for turn in turns}
    return said["chosen"] == said["rejected"]
