"""Before anything is trained, and in `wellgate check`: labels are proven with the recipe's own tokenizer, or nothing runs."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from train import sft
from train.audit import Audit, audit
from wellgate.base import Base
from wellgate.cli import main
from wellgate.errors import InputError
from wellgate.golden import TALKS, golden
from wellgate.model import load_tokenizer, stop_ids


@pytest.mark.parametrize("system", ["", "You are calm.\nAlways."], ids=["no system prompt", "system prompt"])
def test_every_family_is_proven_as_it_is_on_disk(family: Any, tmp_path: Path, system: str) -> None:
    base = Base(family.name, None, family.save(tmp_path), "")
    shape = family.shape
    found = audit(load_tokenizer(base), stop_ids(base), system)
    assert found == Audit(
        conversations=len(TALKS) + 1,
        end=shape.marked.removesuffix("]").rpartition("Hello.")[2],
        bos=shape.bos if shape.writes_bos else None,
        shared=shape.rows == 1,  # with a system prompt or, in one of the conversations, a system turn
        system=True,
    )
    assert f"replies end with {found.end}, where generation stops" in str(found)


Change = Callable[[Any], None]


def template(old: str, new: str) -> Change:
    def change(tokenizer: Any) -> None:
        assert old in tokenizer.chat_template
        tokenizer.chat_template = tokenizer.chat_template.replace(old, new)

    return change


def strip_texts(tokenizer: Any) -> None:
    """A prompt on its own loses its last newline, which it keeps where a reply follows."""
    from tokenizers import normalizers

    tokenizer.backend_tokenizer.normalizer = normalizers.Strip()


FAILS: dict[str, tuple[str, Change, set[int] | None, str, str]] = {
    "two BOS": ("gemma-3", template("{{ bos_token }}", "{{ bos_token + bos_token }}"), None, "", "begins with <bos> twice"),
    "no BOS": ("gemma-3", template("{{ bos_token }}", ""), None, "", "the template writes <bos> 0 times instead of once"),
    "a BOS each turn": ("llama-3.1", template("| trim + '<|eot_id|>'", "| trim + '<|eot_id|>' + bos_token"), None, "", "instead of once"),
    "never stops": ("gemma-3", lambda _: None, {1}, "", "replies are trained to end with <end_of_turn>, where generation does not stop"),
    "stops nowhere": ("smollm2", lambda _: None, set(), "", "where generation does not stop"),
    "no end token": ("smollm2", template("<|im_end|>", ""), None, "", "ends a reply without an end token"),
    "another prompt": ("smollm2", strip_texts, None, "", "a prompt has other tokens in training than in generation"),
    "system refused": ("gemma-3", template("{{ bos_token }}", "{{ bos_token }}{{ raise_exception('no') if messages[0].role == 'system' }}"), None, "Be kind.", "model.system_prompt: the chat template takes no system turn"),
    "system left out": ("phi-3.5", template("'<|system|>\\n' + message['content']", "'<|system|>\\n'"), None, "Be kind.", "model.system_prompt: the chat template takes no system turn"),
    "asks for thinking": ("qwen3", template("'<think>\\n\\n</think>\\n\\n' }}\n    {%- endif", "'<think>\\n' }}\n    {%- endif"), None, "", "begins a reply otherwise than it asks for one (on "),
    "refuses everything": ("smollm2", template("{% for", "{{ raise_exception(messages[0].content) }}{% for"), None, "Be kind.", "model.base: labels cannot be proven: the template refuses these turns (on 'one turn')"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "change", "stops", "system", "expected"), FAILS.values(), ids=FAILS)
def test_what_cannot_be_proven_is_one_line(
    families: Any, tmp_path: Path, name: str, change: Change, stops: set[int] | None, system: str, expected: str
) -> None:
    family = families(name)
    tokenizer = load_tokenizer(Base(name, None, family.save(tmp_path), ""))
    change(tokenizer)
    with pytest.raises(InputError) as refused:
        audit(tokenizer, family.stops if stops is None else stops, system)
    assert expected in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_template_without_system_turns_is_fine_where_there_is_no_system_prompt(families: Any, tmp_path: Path) -> None:
    family = families("phi-3.5")
    tokenizer = load_tokenizer(Base("x", None, family.save(tmp_path), ""))
    template("message['role'] == 'system' and", "false and")(tokenizer)
    found = audit(tokenizer, family.stops, "")
    assert not found.system
    assert str(found).endswith("no system turns")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"generation_config.json": {"eos_token_id": 5}, "config.json": {"eos_token_id": 7}}, {5}),
        ({"generation_config.json": {"eos_token_id": [1, 106]}}, {1, 106}),
        ({"generation_config.json": {}, "config.json": {"eos_token_id": 7}}, {7}),
        ({"config.json": {"text_config": {"eos_token_id": [7, 8]}}}, {7, 8}),
        ({}, set()),
    ],
    ids=str,
)
def test_where_generation_stops_is_read_from_the_files_that_generate_reads(
    tmp_path: Path, files: dict[str, Any], expected: set[int]
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    assert stop_ids(Base("x", None, tmp_path, "")) == expected


@pytest.fixture
def broken(tiny_base: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model whose generation does not stop at the end of a reply."""
    folder = tmp_path / "models" / "tiny-llama"
    shutil.copytree(tiny_base, folder)
    (folder / "generation_config.json").write_text('{"eos_token_id": 0}')
    return folder


def test_check_proves_the_labels_of_the_recipes_own_tokenizer(
    tiny_recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    assert main(["check", str(tiny_recipe)]) == 0
    assert time.monotonic() - started < 10  # about 1.5 s; a machine under load takes longer
    said = capsys.readouterr().out
    assert (
        "  labels   proven on 7 invented conversations; replies end with <|im_end|>, where generation stops; no BOS; one row a conversation"
        in said
    )


def test_check_fails_where_labels_cannot_be_proven_and_training_refuses(
    tiny_recipe: Path, broken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = ["--set", f"model.base={broken}"]
    assert main(["check", str(tiny_recipe), *sets]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert "replies are trained to end with <|im_end|>, where generation does not stop" in line
    assert main(["prepare", str(tiny_recipe), *sets]) == 0
    capsys.readouterr()
    assert sft.main([str(tiny_recipe), *sets]) == 2
    assert "where generation does not stop" in capsys.readouterr().err
    assert not list((tiny_recipe.parent / "runs" / "tiny").glob("sft-*/manifest.json"))


@pytest.mark.parametrize(
    "base",
    ["no-such-org/no-such-model", "pypi:no-such==1.0/model.gguf", "."],
    ids=["Hub", "wheel", "a folder without tokenizer"],
)
def test_check_says_that_the_tokenizer_is_not_here_yet(
    tiny_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    revision = {"n": "0" * 40, "p": "sha256:" + "0" * 64}.get(base[0], "null")
    sets = ["--set", f"model.base={base}", "--set", f"model.revision='{revision}'" if base != "." else "name=tiny"]
    assert main(["check", str(tiny_recipe), *sets]) == 0
    assert "the tokenizer is not on this machine yet" in capsys.readouterr().out


def test_the_golden_tokens_are_those_of_the_generation_prompt(tiny_base: Path) -> None:
    tokenizer = load_tokenizer(Base("tiny-llama", None, tiny_base, ""))
    whole = json.loads(golden(tokenizer, "You are calm."))
    assert whole["template_variables"] == {"enable_thinking": False, "date_string": "26 Jul 2024"}
    assert [one["name"] for one in whole["conversations"]] == list(TALKS)
    for one in whole["conversations"]:
        assert one["messages"][0] == {"role": "system", "content": "You are calm."}
        plain = tokenizer.apply_chat_template(one["messages"], add_generation_prompt=True)["input_ids"]
        assert one["input_ids"] == plain
    template("<|im_end|>", "<|im_end|> ")(tokenizer)
    assert json.loads(golden(tokenizer, "You are calm.")) != whole
