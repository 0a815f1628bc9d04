"""Adapters: each key reaches PEFT and bitsandbytes, QLoRA and DoRA keep the lineage, packing changes nothing but speed."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eval.artefact import shipped
from eval.backends.local import LocalEngine
from train import dpo, lora, sft
from wellgate import quantization
from wellgate.base import Base
from wellgate.cli import main
from wellgate.errors import InputError
from wellgate.model import load_model, load_tokenizer
from wellgate.recipe import Lora, Model, Quantization, Recipe, load
from wellgate.stages import resolve_base, subjects

NF4 = "model.quantization={}"
LORA: dict[str, Any] = {
    "r": 3, "lora_alpha": 5, "lora_dropout": 0.2, "target_modules": ["q_proj"], "exclude_modules": ["q_proj"], "use_rslora": True, "use_dora": True,
}  # fmt: skip
QUANTIZATION: dict[str, Any] = {
    "bnb_4bit_quant_type": "fp4", "bnb_4bit_use_double_quant": False, "bnb_4bit_compute_dtype": "float32", "bnb_4bit_quant_storage": "bfloat16",
}  # fmt: skip
MODEL: dict[str, tuple[Any, Callable[[Any], Any], Any]] = {
    "dtype": ("bfloat16", lambda model: str(model.dtype), "torch.bfloat16"),
    "attn_implementation": ("eager", lambda model: model.config._attn_implementation, "eager"),
}
"""Key, another value, what of the loaded model shows it, and how."""


@pytest.fixture(scope="module")
def base(tiny_base: Path) -> Base:
    return Base("tiny-llama", None, tiny_base, "")


def how(base: Base, **keys: Any) -> Model:
    return Model.model_validate({"base": str(base.folder), "dtype": "float32"} | keys)


def words(*sets: str) -> list[str]:
    return [word for one in sets for word in ("--set", one)]


def counts(runs: Path, stage: str) -> dict[str, Any]:
    (manifest,) = (runs / "tiny").glob(f"{stage}-*/manifest.json")
    return dict(json.loads(manifest.read_text())["counts"])


@pytest.mark.parametrize("key", Lora.model_fields)
def test_every_lora_key_changes_the_configuration_that_peft_gets(key: str) -> None:
    before = lora.lora_config(Lora()).to_dict()
    after = lora.lora_config(Lora.model_validate({key: LORA[key]})).to_dict()
    assert {name for name in before if before[name] != after[name]} == {key}
    assert after[key] == (set(LORA[key]) if isinstance(LORA[key], list) else LORA[key])


@pytest.mark.parametrize("key", sorted(set(Quantization.model_fields) - {"load_in_4bit"}))
def test_every_quantization_key_changes_the_configuration_that_bitsandbytes_gets(base: Base, key: str) -> None:
    pytest.importorskip("bitsandbytes")
    resolved = [
        quantization.options(base.folder, how(base, quantization=keys))["quantization_config"].to_dict()
        for keys in ({}, {key: QUANTIZATION[key]})
    ]
    before, after = resolved
    assert before["load_in_4bit"]
    assert {name for name in before if before[name] != after[name]} == {key}
    assert after[key] == QUANTIZATION[key]


@pytest.mark.parametrize("key", sorted(set(Model.model_fields) - {"base", "revision", "system_prompt", "quantization"}))
def test_every_model_key_changes_the_model_that_is_loaded(base: Base, key: str) -> None:
    value, shown, expected = MODEL[key]
    assert shown(load_model(base, how(base))) != expected
    assert shown(load_model(base, how(base, **{key: value}))) == expected


def adapted(base: Base, **keys: Any) -> Any:
    from peft import get_peft_model

    return get_peft_model(load_model(base, how(base)), lora.lora_config(Lora.model_validate(keys)))


def test_the_table_counts_what_is_trained(base: Base) -> None:
    model = adapted(base, r=4, target_modules=["q_proj", "down_proj"])
    of_base = sum(one.numel() for name, one in model.named_parameters() if "lora" not in name)
    expected = 2 * 4 * (64 + 64) + 2 * 4 * (128 + 64)
    assert lora.parameter_counts(model) == {
        "trainable_parameters": expected,
        "total_parameters": of_base + expected,
    }
    head, _, *kinds = lora.adapter_table(model).splitlines()
    assert f"{expected:,} trainable of {of_base + expected:,} parameters" in head
    assert [line.split() for line in kinds] == [
        ["q_proj", "2", "64", "to", "64", "4", "1,024"],
        ["down_proj", "2", "128", "to", "64", "4", "1,536"],
    ]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"target_modules": ["q_proj", "v_porj"]}, "'v_porj' names no linear layer of this model; it has down_proj, "),
        ({"target_modules": "q_porj"}, "no linear layer is left of this model; it has down_proj, "),
        ({"exclude_modules": ".*proj"}, "no linear layer is left"),
        ({"target_modules": ["lm_head"]}, "'lm_head' names no linear layer"),
    ],
    ids=str,
)
def test_target_modules_that_fit_nothing_are_refused(base: Base, keys: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=f"sft.lora.target_modules: .*{expected}"):
        lora.require_targets(load_model(base, how(base)), Lora.model_validate(keys))
    lora.require_targets(load_model(base, how(base)), Lora(target_modules=["q_proj"], exclude_modules="layers.0.*"))


@pytest.fixture(params=[NF4, "sft.lora.use_dora=true"], scope="module")
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: Any, write_tiny: Any, alone: Callable[[Path], AbstractContextManager[None]]
) -> Iterator[tuple[Recipe, Path]]:  # fmt: skip
    """SFT and DPO in bfloat16 with one of these, and where."""
    if "quantization" in request.param:
        pytest.importorskip("bitsandbytes")
    folder = tmp_path_factory.mktemp("adapters")
    with alone(folder / "cache"):
        sets = (request.param, "model.dtype=bfloat16")
        line = [str(write_tiny(folder)), *words(*sets)]
        assert [main(["prepare", *line]), sft.main(line), dpo.main(line)] == [0, 0, 0]
        yield load(folder / "recipe.yaml", list(sets)), folder


def test_qlora_and_dora_learn_and_keep_the_lineage(trained: tuple[Recipe, Path]) -> None:
    """The stages themselves require equal logits of reference, start and reloaded result, to the last bit."""
    _, folder = trained
    supervised, preferred = counts(folder / "runs", "sft"), counts(folder / "runs", "dpo")
    assert supervised["last_loss"] < supervised["first_loss"]
    assert preferred["first_loss"] == pytest.approx(math.log(2), abs=1e-3)
    assert preferred["last_loss"] < 0.6


def test_the_adapter_stays_float32_and_its_parameters_are_counted(trained: tuple[Recipe, Path], tiny_run: Path) -> None:
    from safetensors.torch import load_file

    _, folder = trained
    for stage in ("sft", "dpo"):
        (file,) = (folder / "runs" / "tiny").glob(f"{stage}-*/adapter/adapter_model.safetensors")
        tensors = load_file(file)
        assert {str(one.dtype) for one in tensors.values()} == {"torch.float32"}
        found, plain = counts(folder / "runs", stage), counts(tiny_run.parent / "runs", stage)
        assert found["trainable_parameters"] == sum(one.numel() for one in tensors.values())
        before = plain["total_parameters"] - plain["trainable_parameters"]
        assert found["total_parameters"] - found["trainable_parameters"] == before  # 4 bits stand for one number each


def test_what_is_gated_is_what_ships(trained: tuple[Recipe, Path]) -> None:
    """On a quantised base the gate asks the adapter unmerged, and the file that says how to quantise ships with it."""
    from peft import PeftModel

    recipe, folder = trained
    base = resolve_base(recipe)
    _, tuned = subjects(recipe, base)
    model, _ = LocalEngine(recipe, tuned).loaded()
    assert isinstance(model, PeftModel) == bool(recipe.model.quantization)
    assert tuned.adapter
    files = shipped(base, tuned.adapter, folder)
    assert (quantization.FILE in files) == bool(recipe.model.quantization)
    if recipe.model.quantization:
        from transformers import BitsAndBytesConfig

        shipped_config = BitsAndBytesConfig.from_dict(json.loads(files[quantization.FILE].read_text()))
        assert shipped_config.to_dict() == model.config.quantization_config.to_dict()


def test_an_adapter_is_refused_on_a_base_that_is_quantised_otherwise(trained: tuple[Recipe, Path]) -> None:
    pytest.importorskip("bitsandbytes")
    recipe, _ = trained
    base = resolve_base(recipe)
    _, tuned = subjects(recipe, base)
    other = recipe.model.model_copy(
        update={"quantization": None if recipe.model.quantization else Quantization()},
    )
    with pytest.raises(InputError, match=r"trained on tiny-llama with another model\.quantization; train again"):
        load_model(base, other, tuned.adapter)


def test_gradients_through_four_bits_are_right_after_an_evaluation_pass(base: Base) -> None:
    """They equal those through the unpacked weights. bitsandbytes' own repacking for AVX512-BF16 would spoil them."""
    pytest.importorskip("bitsandbytes")
    import torch
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn import Linear4bit
    from peft import get_peft_model

    packed = load_model(base, how(base, quantization={"bnb_4bit_compute_dtype": "float32"}))
    unpacked = load_model(base, how(base))
    with torch.no_grad():
        for name, module in packed.named_modules():
            if isinstance(module, Linear4bit):
                weight = dequantize_4bit(module.weight.data, module.weight.quant_state)
                unpacked.get_submodule(name).weight.copy_(weight)
    ids = torch.arange(3, 200).reshape(1, -1)
    found = []
    for model in (packed, unpacked):
        torch.manual_seed(0)
        model = get_peft_model(model, lora.lora_config(Lora()))
        for name, one in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(one, std=0.05)
        with torch.no_grad():
            model.eval()(input_ids=ids)
        model.train()(input_ids=ids, labels=ids).loss.backward()
        found.append({name: one.grad for name, one in model.named_parameters() if one.requires_grad})
    for name, gradient in found[0].items():
        assert torch.cosine_similarity(gradient.flatten(), found[1][name].flatten(), dim=0) > 0.999, name


@pytest.mark.parametrize("key", ["model.quantization={}", "sft.optim=paged_adamw_8bit"])
def test_a_missing_bitsandbytes_is_one_line(
    tiny_prepared: Path, fresh: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], key: str
) -> None:  # fmt: skip
    real = importlib.util.find_spec
    monkeypatch.setattr(quantization, "importlib", SimpleNamespace(util=SimpleNamespace(
        find_spec=lambda name: None if name == "bitsandbytes" else real(name))))  # fmt: skip
    assert sft.main([*fresh(), *words(key)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert 'bitsandbytes is not installed; run `pip install -e ".[qlora]"`' in line


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("model.attn_implementation=flash_attention_2", "model.attn_implementation: flash_attention_2 needs a GPU; set sdpa"),
        ("model.attn_implementation=flex_attention", "flex_attention needs a GPU"),
        ("model.attn_implementation=sdap", "model.attn_implementation: String should match pattern"),
        ("sft.lora.target_modules=[nope]", "'nope' names no linear layer of this model"),
    ],
)  # fmt: skip
def test_what_cannot_be_loaded_here_is_one_line(
    fresh: Callable[[], list[str]], capsys: pytest.CaptureFixture[str], key: str, expected: str
) -> None:
    assert sft.main([*fresh(), *words(key)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert expected in line


def test_a_base_that_is_quantised_already_is_refused(base: Base, tmp_path: Path) -> None:
    config = json.loads((base.folder / "config.json").read_text()) | {"quantization_config": {"load_in_4bit": True}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="are quantised already; name the full-precision model"):
        quantization.options(tmp_path, how(base))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_packed_rows_do_not_see_one_another(
    tiny_prepared: Path, fresh: Callable[[], list[str]], tmp_path: Path, attention: str
) -> None:
    """Loss and gradients over packed sequences equal those over the same rows one by one; no row is cut or lost."""
    import torch
    from datasets import Dataset
    from trl import SFTConfig

    from train.arguments import sft_arguments
    from train.trainers import SupervisedTrainer

    recipe = load(tiny_prepared, [word for word in fresh()[1:] if word != "--set"])
    assert recipe.sft
    base, recipe = resolve_base(recipe), recipe.model_copy(
        update={"model": recipe.model.model_copy(update={"attn_implementation": attention})}
    )  # fmt: skip
    tokenizer = load_tokenizer(base)
    rows = sft.labelled_rows(recipe, recipe.sft, tokenizer).rows
    found = []
    for packing in (False, True):
        section = recipe.sft.model_copy(update={"packing": packing, "per_device_train_batch_size": 2})
        torch.manual_seed(0)
        trainer = SupervisedTrainer(
            model=load_model(base, recipe.model),
            args=SFTConfig(**sft_arguments(section, recipe, tmp_path)),
            train_dataset=Dataset.from_dict(
                {"input_ids": [row.input_ids for row in rows], "labels": [row.labels for row in rows]}
            ),
            processing_class=tokenizer,
            peft_config=lora.lora_config(section.lora),
        )
        batches = list(trainer.get_train_dataloader())
        supervised = sum(int((batch["labels"] != -100).sum()) for batch in batches)
        loss = sum(trainer.compute_loss(trainer.model, dict(one), num_items_in_batch=supervised) for one in batches)
        names, weights = zip(*((n, p) for n, p in trainer.model.named_parameters() if p.requires_grad), strict=True)
        gradients = dict(zip(names, torch.autograd.grad(loss, weights), strict=True))
        found.append((len(trainer.train_dataset), supervised, float(loss.detach()), gradients))
    apart, packed = found
    assert packed[0] < apart[0] == len(rows)
    assert packed[1] == apart[1] == sum(one != -100 for row in rows for one in row.labels)
    assert packed[2] == pytest.approx(apart[2], abs=1e-5)
    assert all(torch.allclose(packed[3][name], one, atol=1e-5) for name, one in apart[3].items())


@pytest.mark.slow
def test_qlora_through_the_command_line_to_the_gate(tmp_path: Path, write_tiny: Any, alone: Any) -> None:
    """SFT, DPO and gate through `wellgate`; the card's preview says on what the adapter was judged."""
    pytest.importorskip("bitsandbytes")
    with alone(tmp_path / "cache"):
        line = [str(write_tiny(tmp_path)), *words(NF4, "model.dtype=bfloat16", "sft.optim=paged_adamw_8bit", "sft.packing=true", "sft.max_steps=20")]  # fmt: skip
        assert [main([command, *line]) for command in ("prepare", "train", "gate", "export")] == [0, 0, 3, 3]
    assert counts(tmp_path / "runs", "sft")["last_loss"] < 0.9 * counts(tmp_path / "runs", "sft")["first_loss"]
    (card,) = (tmp_path / "runs" / "tiny").glob("gate-*/CARD.preview.md")
    assert "gated unmerged, on that base held in 4 bits" in card.read_text()


@pytest.mark.slow
def test_a_compiled_model_has_the_same_losses(tmp_path: Path, write_tiny: Any, alone: Any) -> None:
    with alone(tmp_path / "cache"):
        line = [str(write_tiny(tmp_path)), *words("sft.max_steps=2", "dpo=null", "sft.gradient_accumulation_steps=1")]
        assert main(["prepare", *line]) == 0
        losses = []
        for place, compiled in (("runs", "false"), ("compiled", "true")):
            sets = words(f"sft.torch_compile={compiled}", f"sft.max_rows={4}")
            assert sft.main([*line, *sets]) == 0, place
        for manifest in (tmp_path / "runs" / "tiny").glob("sft-*/manifest.json"):
            losses.append(json.loads(manifest.read_text())["counts"]["last_loss"])
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    assert len(losses) == 2
