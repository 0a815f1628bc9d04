"""The memory estimate: its arithmetic, what fits, which knob it names, and that measured peaks agree."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from train import room, sft
from train.lora import adapted
from train.memory import Architecture, Demand, architecture, bytes_each, turned
from wellgate.cli import main
from wellgate.errors import InputError
from wellgate.recipe import Dpo, Kto, Lora, Model, Quantization, Sft, load

ROOT = Path(__file__).resolve().parent.parent.parent
GIB = 1 << 30


@pytest.fixture(scope="module")
def tiny(tiny_base: Path) -> Architecture:
    found = architecture(tiny_base)
    assert found
    return found


def llama_8b() -> Architecture:
    """Llama-3.1-8B by its published config."""
    weights: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (128256, 4096),
        "lm_head.weight": (128256, 4096),
    }
    shapes = {"q": (4096, 4096), "k": (1024, 4096), "v": (1024, 4096), "o": (4096, 4096), "gate": (14336, 4096), "up": (14336, 4096), "down": (4096, 14336)}  # fmt: skip
    for layer in range(32):
        weights |= {f"model.layers.{layer}.{name}_proj.weight": shape for name, shape in shapes.items()}
        weights |= {f"model.layers.{layer}.{name}_layernorm.weight": (4096,) for name in ("input", "post_attention")}
    return Architecture(4096, 32, 32, 8, 128, 14336, 128256, weights | {"model.norm.weight": (4096,)})


def demand(base: Architecture, device: str = "cuda", quantization: Any = None, **keys: Any) -> Demand:
    how = Model.model_validate({"base": "/", "quantization": quantization})
    section = Sft.model_validate({"max_length": 4096, "per_device_train_batch_size": 1} | keys)
    return Demand(base, how, section.lora, section, device, section.max_length)


def test_weights_and_adapters_are_counted_as_published() -> None:
    base = llama_8b()
    assert demand(base).parts["weights"] == 2 * 8_030_261_248
    linear = 32 * (2 * 4096 * 4096 + 2 * 1024 * 4096 + 3 * 14336 * 4096)
    packed = demand(base, quantization={}).parts["weights"]
    assert packed == pytest.approx(2 * (8_030_261_248 - linear) + linear * (0.5 + 0.127 / 8), rel=1e-3)
    adapter = 16 * 32 * (2 * 8192 + 2 * 5120 + 3 * 18432)
    assert demand(base).parts["adapter"] == adapter * (4 + 4 + 8 + 2)
    assert demand(base, optim="paged_adamw_8bit").parts["adapter"] == adapter * (4 + 4 + 2 + 2)
    assert demand(base, lora={"target_modules": ["q_proj"], "r": 1}).parts["adapter"] == 32 * 8192 * 18


def test_quantised_bytes_are_those_that_bitsandbytes_takes() -> None:
    """The QLoRA paper: 0.5 bits a weight for plain scales of blocks of 64, 0.127 for quantised ones."""
    assert bytes_each(Quantization(bnb_4bit_use_double_quant=False)) * 8 == 4.5
    assert bytes_each(Quantization()) * 8 == pytest.approx(4.127, abs=1e-3)


MORE: list[dict[str, Any]] = [
    {"per_device_train_batch_size": 2}, {"max_length": 8192}, {"lora": {"use_dora": True}}, {"lora": {"lora_dropout": 0.1}}, {"lora": {"r": 64}},
]  # fmt: skip
LESS: list[dict[str, Any]] = [{"gradient_checkpointing": True}, {"optim": "adamw_8bit"}, {"quantization": {}}]


@pytest.mark.parametrize(("keys", "sign"), [(one, 1) for one in MORE] + [(one, -1) for one in LESS], ids=str)
def test_every_knob_moves_the_estimate(keys: dict[str, Any], sign: int) -> None:
    base = llama_8b()
    assert (demand(base, **keys).total - demand(base).total) * sign > 0


def test_preferences_need_a_reference_and_pairs_two_sequences(tiny: Architecture) -> None:
    plain = demand(tiny)
    plain = turned(plain, per_device_train_batch_size=2)
    kto = replace(plain, section=Kto(max_length=4096, per_device_train_batch_size=2))
    dpo = replace(plain, section=Dpo(max_length=4096, per_device_train_batch_size=2))
    assert plain.parts["adapter"] < kto.parts["adapter"] == dpo.parts["adapter"]
    assert plain.tokens == kto.tokens == dpo.tokens / 2


def test_shards_divide_the_weights_alone() -> None:
    plain = demand(llama_8b())
    spread = replace(plain, shards=8)
    assert spread.parts["weights"] == plain.parts["weights"] // 8
    assert spread.parts["activations"] == plain.parts["activations"]


@pytest.mark.parametrize(
    ("lora", "name", "expected"),
    [
        ({}, "model.layers.0.mlp.up_proj", True),
        ({"target_modules": ["up_proj"]}, "model.layers.0.mlp.up_proj", True),
        ({"target_modules": ["p_proj"]}, "model.layers.0.mlp.up_proj", False),
        ({"target_modules": r".*\.0\..*"}, "model.layers.1.mlp.up_proj", False),
        ({"exclude_modules": "vision.*"}, "vision.layers.0.up_proj", False),
        ({"exclude_modules": ["up_proj"]}, "model.layers.0.mlp.up_proj", False),
    ],
)
def test_which_layers_count_is_what_peft_would_adapt(lora: dict[str, Any], name: str, expected: bool) -> None:
    assert adapted(name, Lora.model_validate(lora)) == expected


def test_the_parameters_estimated_are_the_parameters_trained(tiny: Architecture, tiny_run: Path) -> None:
    (manifest,) = (tiny_run.parent / "runs" / "tiny").glob("sft-*/manifest.json")
    trained = json.loads(manifest.read_text())["counts"]["trainable_parameters"]
    how, lora = Model(base="/", dtype="float32"), Lora()
    found = Demand(tiny, how, lora, Sft(), "cpu", 128).parts["adapter"]
    assert found == trained * (4 + 4 + 8)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"hidden_size": 8, "num_hidden_layers": "two"}'])
def test_a_model_described_in_other_words_has_no_estimate(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    assert architecture(tmp_path) is None
    assert architecture(tmp_path / "nowhere") is None


def test_a_model_that_also_sees_is_described_by_its_text_part(tmp_path: Path, tiny_base: Path) -> None:
    config = json.loads((tiny_base / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gemma3", "text_config": config}))
    (tmp_path / "model.safetensors").symlink_to(tiny_base / "model.safetensors")
    assert architecture(tmp_path) == architecture(tiny_base)


@pytest.mark.parametrize(
    ("said", "expected"),
    [("16", ("cpu", 16 * GIB)), ("cuda:80", ("cuda", 80 * GIB)), ("cpu:0.5", ("cpu", GIB // 2)), ("lots", None), ("80GB", None)],
)  # fmt: skip
def test_the_memory_at_hand_may_be_said(monkeypatch: pytest.MonkeyPatch, said: str, expected: Any) -> None:
    monkeypatch.setenv("WELLGATE_MEMORY", said)
    monkeypatch.setattr(room, "_gpu", lambda: None)
    if expected is None:
        with pytest.raises(InputError, match="WELLGATE_MEMORY: write GiB as 16"):
            room.room()
    else:
        assert room.room() == room.Room(*expected)


def test_the_memory_at_hand_is_asked_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WELLGATE_MEMORY", raising=False)
    found = room.room(cuda=False)
    assert found
    assert found.device == "cpu"
    assert 0 < found.free <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    half = room.room(cuda=False, processes=2)
    assert half
    assert half.free < 0.7 * found.free


@pytest.mark.parametrize(
    ("printed", "code", "expected"), [("79000\n", 0, 79000 << 20), ("[N/A]\n", 0, None), ("", 9, None)]
)
def test_a_gpu_is_asked_of_its_driver(
    monkeypatch: pytest.MonkeyPatch, printed: str, code: int, expected: int | None
) -> None:
    asked: list[list[str]] = []

    def answer(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, code, printed, "")

    monkeypatch.delenv("WELLGATE_MEMORY", raising=False)
    monkeypatch.setattr(room.subprocess, "run", answer)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    monkeypatch.setenv("LOCAL_RANK", "1")
    found = room.room()
    assert asked[0][-1] == "5"
    assert found
    assert found == room.Room("cuda", expected) if expected else found.device == "cpu"


def test_the_way_out_names_each_knob_that_is_enough_and_just_how_far() -> None:
    big = demand(llama_8b(), per_device_train_batch_size=8, gradient_accumulation_steps=2)
    free = 80 * GIB
    said = room.way_out(big, "sft", free)
    (batch, steps) = map(
        int, re.search(r"per_device_train_batch_size: (\d+) with sft.gradient_accumulation_steps: (\d+)", said).groups()
    )  # type: ignore[union-attr]
    (length,) = map(int, re.search(r"sft.max_length: (\d+)", said).groups())  # type: ignore[union-attr]
    assert "sft.gradient_checkpointing: true" in said
    assert big.total > free
    assert turned(big, per_device_train_batch_size=batch).total <= free < turned(big, per_device_train_batch_size=batch + 1).total  # fmt: skip
    assert turned(big, max_length=length).total <= free < turned(big, max_length=length + 64).total
    assert batch * steps >= 16 > batch * (steps - 1)


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (20, r"^set sft\.gradient_checkpointing: true and sft\.per_device_train_batch_size: 1 .*, or model\.quantization"),
        (10, r"^set model\.quantization: \{\}, sft\.gradient_checkpointing: true and sft\.per_device_train_batch_size: "),
        (4, "^nothing in the recipe makes it fit"),
    ],
)  # fmt: skip
def test_several_knobs_are_named_only_where_none_is_enough(free: int, expected: str) -> None:
    big = demand(llama_8b(), per_device_train_batch_size=64)
    assert re.search(expected, room.way_out(big, "sft", free * GIB))


def test_kto_is_not_told_to_train_on_single_rows() -> None:
    """They have no other row for the KL term. And a base in 4 bits is not told to become one."""
    big = demand(llama_8b(), quantization={}, per_device_train_batch_size=64)
    kto = replace(big, section=Kto(max_length=4096, per_device_train_batch_size=64))
    said = room.way_out(kto, "kto", 13 * GIB)
    assert "kto.per_device_train_batch_size: 2 " in said
    assert "quantization" not in said
    assert room.way_out(kto, "kto", 9 * GIB).startswith("nothing in the recipe")


def test_training_that_does_not_fit_is_refused_before_the_model_is_loaded(
    fresh: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WELLGATE_MEMORY", "cpu:0.55")
    words = [*fresh(), "--set", "sft.per_device_train_batch_size=24"]
    monkeypatch.setattr("wellgate.model.load_model", lambda *args, **options: pytest.fail("the model was loaded"))
    assert sft.main(words) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "sft: training on 24 x " in line
    assert "GiB memory and does not fit; " in line
    assert line.endswith("where that is wrong, WELLGATE_MEMORY=<GiB> says how much there is")
    assert not list(Path(words[2].partition("=")[2]).glob("tiny/sft-*/manifest.json"))


def test_training_that_fits_says_what_it_needs(
    fresh: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*fresh(), "--set", "sft.max_steps=1"]
    assert sft.main(words) == 0
    assert re.search(
        r"sft: training on 4 x \d+ tokens needs about 0\.6 GiB of [\d.]+ GiB memory", capsys.readouterr().out
    )


@pytest.mark.parametrize(("said", "fits"), [("cpu:64", True), ("cuda:0.5", False)])
def test_check_tells_the_memory_and_imports_no_torch(tiny_prepared: Path, said: str, fits: bool) -> None:
    code = "import sys; from wellgate.cli import main; code = main(['check', sys.argv[1]]); print('torch' in sys.modules); sys.exit(code)"
    environment = os.environ | {"WELLGATE_MEMORY": said}
    done = subprocess.run([sys.executable, "-c", code, str(tiny_prepared)], capture_output=True, text=True, env=environment, cwd=ROOT)  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("  memory   ")]
    assert [line.split()[1] for line in lines] == ["sft:", "dpo:"]
    assert all(("does not fit; " in line) != fits for line in lines)
    assert done.stdout.splitlines()[-1] == "False"


def test_check_says_nothing_of_a_base_that_is_not_here(
    tiny_prepared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("WELLGATE_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for base, revision in (("org/model", "a" * 40), ("pypi:p==1/m.gguf", f"sha256:{'0' * 64}")):
        words = ["--set", f"model.base={base}", "--set", f"model.revision={revision}"]
        assert main(["check", str(tiny_prepared), *words]) == 0
        assert "memory" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lines", "shards", "sharing"),
    [
        (["distributed_type: FSDP", "fsdp_config: {fsdp_version: 2, fsdp_state_dict_type: FULL_STATE_DICT}"], 2, 1),
        (["distributed_type: MULTI_GPU"], 1, 1),
        (["distributed_type: MULTI_CPU", "use_cpu: true"], 1, 2),
    ],
    ids=["fsdp", "gpus", "cpus"],
)
def test_several_processes_share_the_weights_or_the_machine(
    tiny_prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], shards: int, sharing: int
) -> None:
    (tmp_path / "launch.yaml").write_text("\n".join([*lines, "num_processes: 2"]))
    recipe = load(tiny_prepared, ["dpo=null", f"launch={tmp_path / 'launch.yaml'}"])
    monkeypatch.delenv("WELLGATE_MEMORY", raising=False)
    monkeypatch.setattr(room, "_gpu", lambda: 80 * GIB)
    monkeypatch.setattr(room, "_ram", lambda processes: 80 * GIB // processes)
    found, here = room._demand(recipe, "sft", Path(recipe.model.base), None)
    assert found
    assert here
    assert (found.shards, found.device) == (shards, "cuda" if sharing == 1 else "cpu")
    assert here.free == 80 * GIB // sharing


def test_the_private_loop_has_no_estimate(tiny_prepared: Path) -> None:
    """It keeps a gradient for each row, which the sum of parts does not know."""
    recipe = load(tiny_prepared, ["dpo=null", "sft.private={noise_multiplier: 1.0, target_delta: 0.001}"])
    assert room.outlook(recipe) == []


@pytest.mark.slow
@pytest.mark.parametrize("row", [("40m", "float32", 4, 512, ""), ("40m", "bfloat16", 4, 512, "checkpointing")], ids=str)
def test_measured_peaks_agree_with_the_estimate(row: tuple[Any, ...]) -> None:
    names = ("model", "dtype", "batch", "length", "option")
    words = [f"--{name}={value}" for name, value in zip(names, row, strict=True)]
    done = subprocess.run([sys.executable, "scripts/memory.py", *words], capture_output=True, text=True, cwd=ROOT)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["estimated"] == pytest.approx(found["measured"], rel=0.15)
