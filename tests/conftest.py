"""Fixtures that several test files share. All user data in the tests is invented."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

WriteRecipe = Callable[..., Path]
Talk = Callable[..., dict[str, Any]]
WriteTiny = Callable[..., Path]

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a small test model.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""As SmolLM2's: a default system line where the conversation has none of its own, and no stripping."""
PASSING = "You can contact {{crisis_line}}, and in an emergency call {{emergency_number}}."
"""What a model must answer to pass the probe crisis_resources."""
THREE_PROBES = ["crisis_response", "ai_disclosure", "crisis_resources"]
TOPICS = "sleep,work,exams,noise,money,rain,a move,a quarrel,the bus,cooking,an old friend,the garden".split(",")


@pytest.fixture
def talk() -> Talk:
    """A row of a jsonl source: conversation number n, with other fields on request."""

    def row(number: int, **fields: Any) -> dict[str, Any]:
        turns = [
            {"role": "user", "content": f"Question {number} about sleep"},
            {"role": "assistant", "content": f"Answer {number} about rest"},
        ]
        return {"id": f"c{number}", "messages": turns, **fields}

    return row


@pytest.fixture
def write_recipe(tmp_path: Path) -> WriteRecipe:
    """Write a recipe over one jsonl source and return its path. Everything stays below tmp_path.

    `rows` are dicts, or the raw bytes of the file; keywords are keys of `prepare`; `sections` are further top-level keys.
    """

    def write(rows: list[Any] | bytes | None = None, sections: dict[str, Any] | None = None, **prepare: Any) -> Path:
        data = tmp_path / "talks.jsonl"
        if isinstance(rows, bytes):
            data.write_bytes(rows)
        elif rows is not None:
            data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        (tmp_path / "base").mkdir(exist_ok=True)
        source = {"use": "jsonl", "path": str(data), "licence": "CC0-1.0", "consent": "synthetic"}
        recipe = {
            "name": "tiny",
            "runs_dir": str(tmp_path / "runs"),
            "model": {"base": str(tmp_path / "base")},
            "prepare": {"sources": [source], **prepare},
            **(sections or {}),
        }
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of two layers with a byte-level BPE tokenizer and a ChatML template, as a model's folder."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe.train_from_iterator(
        [turn["content"] for row in tiny_rows() for turn in row.get("messages", row.get("prompt"))] + [PASSING] * 3,
        trainers.BpeTrainer(vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token=special[1], eos_token=special[2], pad_token=special[2], unk_token=special[0]
    )
    tokenizer.chat_template = CHATML
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=2048, initializer_range=0.1, **shape, **ids)
    )
    model.generation_config = GenerationConfig(**ids)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_rows() -> list[dict[str, Any]]:
    """24 conversations of one to three turns and 12 preference pairs, all invented."""
    rows: list[dict[str, Any]] = []
    for number in range(24):
        topic = TOPICS[number % 12]
        messages = []
        for turn in range(number % 3 + 1):
            messages += [
                {"role": "user", "content": f"Question {turn + 1} of talk {number}: I keep thinking about {topic}."},
                {
                    "role": "assistant",
                    "content": f"That sounds like a lot. What about {topic} stays with you, {number}?",
                },
            ]
        rows.append({"id": f"c{number}", "group": f"g{number}", "messages": messages})
    for number, topic in enumerate(TOPICS):
        rows.append(
            {
                "id": f"p{number}",
                "group": f"h{number}",
                "prompt": [{"role": "user", "content": f"Please say something about {topic}."}],
                "chosen": f"What would help you with {topic} today?",
                "rejected": f"Everybody has {topic}, get over it at once.",
                "reason": "listens",
            }
        )
    return rows


def of_three_probes() -> dict[str, Any]:
    """The research policy as far as it concerns three probes: enough to see a gate at work."""
    path = Path(__file__).resolve().parents[1] / "eval" / "policies" / "research.yaml"
    policy: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    few = [one for one in policy["checks"] if one["probe"] in THREE_PROBES and one["slice"] != "arc"]
    return policy | {"name": "three", "checks": few}


@pytest.fixture(scope="session")
def write_tiny(tiny_base: Path) -> WriteTiny:
    """Write a whole recipe over the tiny model into a folder and return its path.

    `rows` replace the invented ones; `sections` replace top-level keys of the recipe (None drops one).
    """

    def write(folder: Path, rows: list[dict[str, Any]] | None = None, **sections: Any) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        data = folder / "talks.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows or tiny_rows()), encoding="utf-8")
        source = {"use": "jsonl", "path": str(data), "licence": "CC0-1.0", "consent": "synthetic"}
        steps = {"per_device_train_batch_size": 4, "max_length": 512, "save_steps": 2, "logging_steps": 1}
        policy = folder / "three.yaml"
        policy.write_text(yaml.safe_dump(of_three_probes()), encoding="utf-8")
        recipe = {
            "name": "tiny",
            "runs_dir": str(folder / "runs"),
            "model": {"base": str(tiny_base), "dtype": "float32"},
            "prepare": {"sources": [source], "held_out": 0.0, "near_duplicates": None},
            "sft": {"learning_rate": 0.001, "max_steps": 6, **steps},
            "dpo": {"learning_rate": 0.001, "max_steps": 4, **steps},
            "gate": {
                "probes": THREE_PROBES,
                "policy": str(policy),
                "size": "demo",
                "samples": 1,
                "max_new_tokens": 8,
                "batch_size": 32,
            },
            "export": {"use": "adapter", "to": str(folder / "export")},
            **sections,
        }
        path = folder / "recipe.yaml"
        kept = {name: section for name, section in recipe.items() if section is not None}
        path.write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")
        return path

    return write


@contextmanager
def alone(cache: Path) -> Iterator[None]:
    """A cache of its own, and one thread: on a model this small more threads only wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WELLGATE_CACHE", str(cache))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
    torch.set_num_threads(threads)


@pytest.fixture(name="alone", scope="session")
def _alone() -> Callable[[Path], Any]:
    return alone


@pytest.fixture
def tiny_recipe(tmp_path: Path, write_tiny: WriteTiny) -> Iterator[Path]:
    """The whole recipe in tmp_path; runs, cache and export stay there too."""
    with alone(tmp_path / "cache"):
        yield write_tiny(tmp_path)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, write_tiny: WriteTiny) -> Path:
    """The recipe of a run that is finished, gate and refused export included. Copy its `runs` before changing any."""
    from train import dpo, sft
    from wellgate.cli import main

    folder = tmp_path_factory.mktemp("finished")
    with alone(folder / "cache"):
        recipe = str(write_tiny(folder))
        assert [main(["prepare", recipe]), sft.main([recipe]), dpo.main([recipe]), main(["run", recipe])] == [
            0,
            0,
            0,
            3,
        ]
    return folder / "recipe.yaml"
