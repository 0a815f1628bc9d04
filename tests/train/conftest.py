"""What the tests of training share: stages run in this process, and small tokenizers of every template family.

Weights and tokenizers of the families are not here. What the tests need of them is: which tokens they mark turns with,
what their templates (`templates/*.jinja`, tools and images left out) write, and how their tokenizers cut text.
"""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from wellgate.cli import main
from wellgate.files import sha256_file


@dataclass(frozen=True)
class Runs:
    """A recipe and the folder of its runs."""

    recipe: Path
    runs: Path

    def __call__(self, stage: str, *sets: str) -> int:
        """The stage's own main, and its exit code."""
        words = [word for one in (f"runs_dir={self.runs}", *sets) for word in ("--set", one)]
        return int(importlib.import_module(f"train.{stage}").main([str(self.recipe), *words]))

    def folder(self, stage: str) -> Path:
        (found,) = (self.runs / "tiny").glob(f"{stage}-*")
        return found

    def json(self, stage: str, name: str = "manifest.json") -> Any:
        return json.loads((self.folder(stage) / name).read_text(encoding="utf-8"))

    def sign_again(self, stage: str) -> None:
        """As someone would who knows that the manifest names digests, and that the lineage names the adapter's."""
        from wellgate.lineage import adapter_digest

        place = self.folder(stage)
        lineage = self.json(stage, "lineage.json")
        lineage["steps"][-1]["adapter"] = adapter_digest(place / "adapter")
        (place / "lineage.json").write_text(json.dumps(lineage))
        self.sign_manifest(stage)

    def sign_manifest(self, stage: str) -> None:
        place, manifest = self.folder(stage), self.json(stage)
        manifest["outputs"] = {name: sha256_file(place / name) for name in manifest["outputs"]}
        (place / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def copied(tmp_path: Path, alone: Callable[[Path], AbstractContextManager[None]]) -> Iterator[Callable[[Path], Runs]]:
    """A recipe with a copy of its runs, which may be changed."""

    def copy(recipe: Path) -> Runs:
        shutil.copytree(recipe.parent / "runs", tmp_path / "copy")
        return Runs(recipe, tmp_path / "copy")

    with alone(tmp_path / "cache"):
        yield copy


@pytest.fixture
def runs(tiny_run: Path, copied: Callable[[Path], Runs]) -> Runs:
    """The finished run of the tiny recipe."""
    return copied(tiny_run)


@pytest.fixture(scope="session")
def tiny_prepared(tmp_path_factory: pytest.TempPathFactory, write_tiny: Any, alone: Callable[[Path], Any]) -> Path:
    """The tiny recipe, prepared; nothing is trained in its own runs."""
    folder = tmp_path_factory.mktemp("prepared")
    with alone(folder / "cache"):
        recipe: Path = write_tiny(folder)
        assert main(["prepare", str(recipe)]) == 0
    return recipe


@pytest.fixture
def fresh(tiny_prepared: Path, tmp_path: Path, alone: Callable[[Path], Any]) -> Iterator[Callable[[str], list[str]]]:
    """A function: the arguments of a stage's main, over a copy of the prepared runs that is named."""

    def arguments(name: str = "runs") -> list[str]:
        if not (tmp_path / name).exists():
            shutil.copytree(tiny_prepared.parent / "runs", tmp_path / name)
        return [str(tiny_prepared), "--set", f"runs_dir={tmp_path / name}"]

    with alone(tmp_path / "cache"):
        yield arguments


TEMPLATES = Path(__file__).parent / "templates"
WORDS = (
    "You are calm. Always say what helps you most today.\n\n\nHello there! I am fine,\n\n- sleep\n- work\r\n\tand   rest. "
    "system user assistant model Cutting Knowledge Date: December 2023 Today Date: 26 Jul 2024 I keep thinking about the garden. "
)
"""What the tokenizers learn to merge, runs of newlines and spaces included."""
SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
"""Where byte-level tokenizers of this kind cut text before merging."""
CHATML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LLAMA = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>"]
DATED = "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\nBe kind.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n[Hello.<|eot_id|>]"


@dataclass(frozen=True)
class Shape:
    """How a family's tokenizer is made, and what its template gives."""

    cut: str
    """`bytes`, `spaces` (SentencePiece as Gemma's), `first` (as Mistral's), `each` (as Phi-3.5's, a space before each stretch)."""
    special: list[str]
    eos: str
    stops: list[str]
    """Tokens at which the model's generation_config stops."""
    marked: str
    """One turn under the system prompt `Be kind.`, the supervised stretch in brackets, as its tokens decode. (SentencePiece decoders drop a leading space, Phi-3.5's tokens newlines.)"""
    bos: str | None = None
    writes_bos: bool = False
    """The tokenizer begins every text with it, and so does the template."""
    plain_added: tuple[str, ...] = ()
    """Added tokens that are not special, as Qwen3's <think>."""
    nfc: bool = False
    strips_right: bool = False
    """Special tokens swallow the white space after them."""
    rows: int = 1
    """Rows of a conversation with three replies and a system prompt."""
    rows_without_system: int = 1


SHAPES = {
    "llama-3.1": Shape("bytes", LLAMA, "<|eot_id|>", ["<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"], DATED, LLAMA[0], True),
    "llama-3.2": Shape("bytes", LLAMA, "<|eot_id|>", ["<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"], DATED, LLAMA[0], True),
    "qwen2.5": Shape("bytes", CHATML, "<|im_end|>", ["<|im_end|>", "<|endoftext|>"], "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n[Hello.<|im_end|>]", nfc=True),
    "qwen3": Shape("bytes", CHATML, "<|im_end|>", ["<|im_end|>", "<|endoftext|>"], "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n[Hello.<|im_end|>]", nfc=True, plain_added=("<think>", "</think>"), rows=3, rows_without_system=3),
    "mistral-7b-v0.3": Shape("first", ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"], "</s>", ["</s>"], "<s>[INST] Be kind.\n\nHi[/INST][Hello.</s>]", "<s>", True, rows=3),
    "mistral-small-v7": Shape("bytes", ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"], "</s>", ["</s>"], "<s>[SYSTEM_PROMPT]Be kind.[/SYSTEM_PROMPT][INST]Hi[/INST][Hello.</s>]", "<s>", True),
    "gemma-3": Shape("spaces", ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"], "<eos>", ["<eos>", "<end_of_turn>"], "<bos><start_of_turn>user\nBe kind.\n\nHi<end_of_turn>\n<start_of_turn>model\n[Hello.<end_of_turn>]", "<bos>", True),
    "phi-3.5": Shape("each", ["<unk>", "<s>", "</s>", "<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"], "<|endoftext|>", ["<|end|>", "<|assistant|>", "<|endoftext|>"], "<|system|> Be kind.<|end|><|user|> Hi<|end|><|assistant|>[Hello.<|end|>]", "<s>", strips_right=True),
    "phi-4": Shape("bytes", [*CHATML, "<|im_sep|>"], "<|im_end|>", ["<|im_end|>"], "<|im_start|>system<|im_sep|>Be kind.<|im_end|><|im_start|>user<|im_sep|>Hi<|im_end|><|im_start|>assistant<|im_sep|>[Hello.<|im_end|>]", "<|endoftext|>"),
    "phi-4-mini": Shape("bytes", ["<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"], "<|endoftext|>", ["<|end|>", "<|endoftext|>"], "<|system|>Be kind.<|end|><|user|>Hi<|end|><|assistant|>[Hello.<|end|>]", "<|endoftext|>"),
    "smollm2": Shape("bytes", CHATML, "<|im_end|>", ["<|im_end|>"], "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n[Hello.<|im_end|>]", "<|im_start|>"),
}  # fmt: skip


@dataclass(frozen=True)
class Family:
    """A small tokenizer as the family's, and the facts that the tests hold it against."""

    name: str
    tokenizer: Any
    shape: Shape
    stops: frozenset[int]

    def save(self, folder: Path) -> Path:
        """Tokenizer, template and generation_config as a model's folder."""
        self.tokenizer.save_pretrained(folder)
        (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
        (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": sorted(self.stops)}))
        return folder


@cache
def learnt(cut: str) -> tuple[dict[str, int], list[list[str]]]:
    """Vocabulary and merges over the words above."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    pieces = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    whole = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])  # fmt: skip
    bpe.pre_tokenizer = whole if cut == "bytes" else pieces
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet()) if cut == "bytes" else []
    texts = [part for part in WORDS.split(". ") for _ in range(3)] + ["\n\n", "\n\n\n", "\n\n\n\n", "  ", " \n"] * 9
    bpe.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=700, initial_alphabet=alphabet, show_progress=False))
    model = json.loads(bpe.to_str())["model"]
    vocabulary = model["vocab"]
    for byte in range(256) if cut != "bytes" else ():
        vocabulary.setdefault(f"<0x{byte:02X}>", len(vocabulary))
    for mark in ("▁", "<unk>"):
        vocabulary.setdefault(mark, len(vocabulary))
    return vocabulary, model["merges"]


def backend(cut: str) -> Any:
    """A tokenizer that cuts text as the family's does, without special tokens."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    vocabulary, merges = learnt(cut)
    pairs = [tuple(one) for one in merges]
    if cut == "bytes":
        bpe = Tokenizer(models.BPE(vocabulary, pairs))
        bpe.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])  # fmt: skip
        bpe.decoder = decoders.ByteLevel()
        return bpe
    bpe = Tokenizer(models.BPE(vocabulary, pairs, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    spaces = normalizers.Replace(" ", "▁")
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if cut == "first":
        bpe.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    elif cut == "each":
        bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), spaces])
    else:
        bpe.normalizer = spaces
        bpe.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    bpe.decoder = decoders.Sequence(steps if cut == "spaces" else [*steps, decoders.Strip(" ", 1, 0)])
    return bpe


@cache
def build(name: str) -> Family:
    from tokenizers import AddedToken, normalizers
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    shape = SHAPES[name]
    bpe = backend(shape.cut)
    if shape.nfc:
        bpe.normalizer = normalizers.NFC()
    bpe.add_special_tokens([AddedToken(one, special=True, normalized=False, rstrip=shape.strips_right and one.startswith("<|")) for one in shape.special])  # fmt: skip
    bpe.add_tokens([AddedToken(one, special=False, normalized=False) for one in shape.plain_added])
    if shape.writes_bos:
        assert shape.bos
        bos = [(shape.bos, bpe.token_to_id(shape.bos))]
        bpe.post_processor = TemplateProcessing(single=f"{shape.bos} $A", special_tokens=bos)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token=shape.bos, eos_token=shape.eos, pad_token=shape.eos
    )
    tokenizer.chat_template = (TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8")
    return Family(name, tokenizer, shape, frozenset(tokenizer.convert_tokens_to_ids(shape.stops)))


@pytest.fixture(params=SHAPES)
def family(request: pytest.FixtureRequest) -> Family:
    """Each family in turn."""
    return build(request.param)


@pytest.fixture(scope="session")
def families() -> Callable[[str], Family]:
    """A family by its name."""
    return build
