"""DPO: every loss of TRL and what it must start from, keys that do not go together, and reference log-probs in advance."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NoReturn, get_args

import pytest

from train import dpo
from train.start import AT_EQUALITY, LN2, dpo_first_loss, require_first_loss
from wellgate.errors import InputError
from wellgate.losses import DpoLoss
from wellgate.model import load_model, load_tokenizer
from wellgate.recipe import Dpo, Recipe, load
from wellgate.stages import dpo_stage, resolve_base, sft_stage

Start = Callable[[Dpo], tuple[Any, Any]]
SMOOTH: dict[str, Any] = {"label_smoothing": 0.1}


@pytest.fixture(scope="module")
def begin(
    tiny_run: Path, alone: Callable[[Path], AbstractContextManager[None]], tmp_path_factory: Any
) -> Iterator[Any]:
    """A DPO section to TRL's trainer before its first step, on the finished run's SFT adapter, and that SFT model."""
    with alone(tmp_path_factory.mktemp("cache")):
        recipe: Recipe = load(tiny_run)
        base = resolve_base(recipe)
        parent = sft_stage(recipe, base).folder / "adapter"
        assert recipe.dpo
        rows, _ = dpo.pairs(recipe, recipe.dpo, load_tokenizer(base))

        def start(section: Dpo) -> tuple[Any, Any]:
            model = load_model(base, recipe.model, parent, trainable=True)
            model.peft_config["default"].base_model_name_or_path = str(base.folder)
            stage = dpo_stage(recipe, base)
            trainer = dpo.build_trainer(recipe, section, base, stage, rows, model)
            return trainer, load_model(base, recipe.model, parent).eval()

        yield start


def first_loss(trainer: Any) -> float:
    """What the trainer's first step would log."""
    batch = next(iter(trainer.get_train_dataloader()))
    return trainer.compute_loss(trainer.model, dict(batch)).item()


LOSSES: list[dict[str, Any]] = [
    *({"loss_type": [loss]} for loss in get_args(DpoLoss) if loss not in ("sft", "exo_pair", "robust")),
    *({"loss_type": [loss], **SMOOTH} for loss in ("exo_pair", "robust", "aot", "aot_unpaired")),
    {"loss_type": ["ipo"], "beta": 0.3},
    {"loss_type": ["sppo_hard"], "beta": 0.7},
    {"loss_type": ["sigmoid", "sft"]},
    {"loss_type": ["hinge", "sft", "exo_pair"], "loss_weights": [0.5, 0.25, 2.0], "label_smoothing": 1e-3},
    {"ld_alpha": 0.3},
    {"loss_type": ["sigmoid"], "f_divergence_type": "js_divergence"},
    {"loss_type": ["hinge"], "f_divergence_type": "forward_kl"},
    {"loss_type": ["discopop"], "f_divergence_type": "alpha_divergence", "f_alpha_divergence_coef": 0.3},
]


@pytest.mark.parametrize("keys", LOSSES, ids=str)
def test_every_loss_starts_at_the_value_that_is_known_for_an_equal_reference(
    begin: Start, keys: dict[str, Any]
) -> None:
    """And at another one when the reference is another model."""
    section = Dpo.model_validate({"per_device_train_batch_size": 4, **keys})
    trainer, sft_model = begin(section)
    expected = dpo_first_loss(section, trainer, sft_model)
    assert first_loss(trainer) == pytest.approx(expected, abs=1e-5)
    for name, weight in trainer.model.named_parameters():
        if ".ref." in name:
            weight.data.mul_(3.0)
    with pytest.raises(InputError, match=r"dpo: the first loss is .*: the reference is not the SFT model"):
        require_first_loss("dpo", first_loss(trainer), expected)


def test_the_table_of_known_values_has_every_loss_but_the_measured_one() -> None:
    assert set(AT_EQUALITY) | {"sft"} == set(get_args(DpoLoss))
    for value, section in ((LN2, Dpo()), (1.0, Dpo(loss_type=["hinge"])), (25.0, Dpo(loss_type=["ipo"]))):
        assert dpo_first_loss(section, None, None) == pytest.approx(value)


def test_where_weights_hang_on_the_model_no_first_loss_is_claimed() -> None:
    assert dpo_first_loss(Dpo(use_weighting=True), None, None) is None
    require_first_loss("dpo", 0.1, None)


@pytest.mark.parametrize(("found", "passes"), [(LN2, True), (LN2 + 9e-4, True), (0.68, False), (math.nan, False)])
def test_the_first_loss_decides_whether_the_reference_is_the_sft_model(found: float, passes: bool) -> None:
    if passes:
        require_first_loss("dpo", found, LN2)
    else:
        with pytest.raises(InputError, match=r"not 0\.6931: the reference is not the SFT model"):
            require_first_loss("dpo", found, LN2)


# -- through the stage itself


def test_dpo_starts_as_the_sft_model_and_leaves_it(runs: Any) -> None:
    from safetensors.torch import load_file

    counts = runs.json("dpo")["counts"]
    assert counts["first_loss"] == pytest.approx(LN2, abs=1e-3)
    assert counts["expected_first_loss"] == pytest.approx(LN2)
    assert counts["last_loss"] < 0.69
    before, after = (load_file(runs.folder(one) / "adapter/adapter_model.safetensors") for one in ("sft", "dpo"))
    assert before.keys() == after.keys()
    assert any(bool((before[name] != after[name]).any()) for name in before)


@pytest.mark.parametrize(
    "sets",
    [
        ["dpo.loss_type=[sigmoid,sft]", "dpo.per_device_train_batch_size=2", "dpo.gradient_accumulation_steps=3"],
        ["dpo.precompute_ref_log_probs=true", "dpo.loss_type=[sigmoid_norm]"],
        ["dpo.use_weighting=true", "dpo.gradient_checkpointing=true"],
    ],
    ids=str,
)
def test_combinations_train_from_their_own_first_loss(runs: Any, sets: list[str]) -> None:
    shutil.rmtree(runs.folder("dpo"))
    assert runs("dpo", "dpo.max_steps=2", *sets) == 0
    counts = runs.json("dpo")["counts"]
    if counts["expected_first_loss"] is not None:
        assert counts["first_loss"] == pytest.approx(counts["expected_first_loss"], abs=1e-4)


def test_precomputed_reference_log_probs_train_to_the_same_adapter(runs: Any) -> None:
    from safetensors.torch import load_file

    usual = load_file(runs.folder("dpo") / "adapter/adapter_model.safetensors")
    shutil.rmtree(runs.folder("dpo"))
    assert runs("dpo", "dpo.precompute_ref_log_probs=true") == 0
    ahead = load_file(runs.folder("dpo") / "adapter/adapter_model.safetensors")
    assert max(float((usual[name] - ahead[name]).abs().max()) for name in usual) < 1e-5


def test_dpo_starts_as_the_sft_model_in_bfloat16_too(runs: Any) -> None:
    for stage in ("sft", "dpo"):
        shutil.rmtree(runs.folder(stage))
    sets = ("model.dtype=bfloat16", "dpo.max_steps=2", "sft.max_steps=2", "dpo.loss_type=[sigmoid,sft]")
    assert [runs("sft", *sets), runs("dpo", *sets)] == [0, 0]
    counts = runs.json("dpo")["counts"]
    assert counts["first_loss"] == pytest.approx(counts["expected_first_loss"], rel=1e-3)


@pytest.mark.parametrize("adapter", ["ref", "default"])
def test_a_start_from_another_model_stops_before_the_first_step(
    runs: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], adapter: str
) -> None:
    shutil.rmtree(runs.folder("dpo"))
    real = dpo.build_trainer

    def moved(*arguments: Any) -> Any:
        trainer = real(*arguments)
        next(one for name, one in trainer.model.named_parameters() if f".{adapter}." in name).data.add_(0.5)
        return trainer

    monkeypatch.setattr(dpo, "build_trainer", moved)
    assert runs("dpo") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"dpo: the {adapter} model differs from the SFT model before the first step" in line
    assert not list(runs.folder("dpo").glob("checkpoints/checkpoint-*"))


def test_a_wrong_first_loss_stops_after_one_step(
    runs: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(runs.folder("dpo"))
    monkeypatch.setitem(AT_EQUALITY, "sigmoid", lambda section: 0.7)
    assert runs("dpo", "dpo.save_steps=1") == 2
    assert (
        capsys.readouterr()
        .err.strip()
        .endswith("dpo: the first loss is 0.6931, not 0.7000: the reference is not the SFT model")
    )
    assert not list(runs.folder("dpo").glob("checkpoints/checkpoint-*"))
    assert not (runs.folder("dpo") / "manifest.json").exists()


# -- keys


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("{loss_type: []}", "dpo.loss_type: List should have at least 1 item"),
        ("{loss_type: [simpo]}", "dpo.loss_type.0: Input should be 'sigmoid'"),
        ("{loss_type: [sigmoid, sigmoid]}", "`loss_type` names a loss twice"),
        ("{loss_type: [sft]}", "`loss_type`: `sft` alone never looks at the rejected reply"),
        ("{loss_weights: [1.0, 2.0]}", "`loss_weights` has 2 values for 1 losses"),
        ("{loss_weights: [0.0]}", "dpo.loss_weights.0: Input should be greater than 0"),
        ("{label_smoothing: 0.1}", "`label_smoothing` is read by `aot`, `aot_unpaired`, `exo_pair`, `robust` only"),
        ("{label_smoothing: 0.5, loss_type: [robust]}", "dpo.label_smoothing: Input should be less than 0.5"),
        ("{loss_type: [exo_pair]}", "`exo_pair` needs `label_smoothing` above 0"),
        ("{loss_type: [aot], per_device_train_batch_size: 1}", "`aot` sorts the pairs of a batch"),
        ("{loss_type: [sigmoid, apo_zero], f_divergence_type: forward_kl}", "`f_divergence_type: forward_kl` is not defined for `apo_zero`"),
        ("{f_alpha_divergence_coef: 0.3}", "`f_alpha_divergence_coef` does nothing with these losses"),
        ("{discopop_tau: 0.1}", "`discopop_tau` does nothing with these losses"),
        ("{loss_type: [aot_unpaired], use_weighting: true}", "`use_weighting` does not work with `aot_unpaired`"),
        ("{loss_type: [sigmoid, sft], use_weighting: true}", "`use_weighting` does not work with `sft`"),
        ("{ld_alpha: 1.1}", "dpo.ld_alpha: Input should be less than or equal to 1"),
        ("{max_length_bias: 0.4}", "dpo.max_length_bias: Input should be greater than or equal to 0.5"),
    ],
)  # fmt: skip
def test_keys_that_do_not_go_together_are_one_line_when_the_recipe_is_loaded(
    tiny_recipe: Path, keys: str, said: str
) -> None:
    with pytest.raises(InputError) as refused:
        load(tiny_recipe, [f"dpo={keys}"])
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"--set dpo: {said}")


def test_precomputing_in_bfloat16_is_refused(tiny_recipe: Path) -> None:
    with pytest.raises(InputError, match=r"`dpo.precompute_ref_log_probs` needs `model.dtype: float32`"):
        load(tiny_recipe, ["model.dtype=bfloat16", "dpo.precompute_ref_log_probs=true"])


def test_what_wellgate_refuses_trl_refuses_or_cannot_do(begin: Start) -> None:
    """TRL's own word on combinations that it does not merely ignore, from sections that were not validated."""
    for keys in (
        {"loss_weights": [1.0, 2.0]},
        {"loss_type": ["exo_pair"]},
        {"loss_type": ["apo_zero"], "f_divergence_type": "forward_kl"},
        {"loss_type": ["aot"], "use_weighting": True},
        {"loss_type": ["sigmoid", "sft"], "use_weighting": True},
    ):
        section = Dpo.model_construct(**(Dpo(per_device_train_batch_size=4).model_dump() | keys))
        with pytest.raises((ValueError, NotImplementedError, RuntimeError)):
            first_loss(begin(section)[0])


CHANGED: dict[str, tuple[Any, dict[str, Any]]] = {
    "beta": (0.7, {}),
    "loss_type": (["ipo"], {}),
    "loss_weights": ([0.5], {}),
    "label_smoothing": (0.2, {"loss_type": ["robust"]}),
    "ld_alpha": (0.5, {}),
    "f_divergence_type": ("js_divergence", {}),
    "f_alpha_divergence_coef": (0.3, {"f_divergence_type": "alpha_divergence"}),
    "use_weighting": (True, {}),
    "discopop_tau": (0.1, {"loss_type": ["discopop"]}),
    "precompute_ref_log_probs": (True, {}),
}
"""A value for each key of its own, and the keys that it needs beside it."""


class Stopped(BaseException):
    """Carries TRL's configuration through every `except Exception`."""


@pytest.mark.parametrize("key", CHANGED)
def test_every_key_of_dpo_changes_the_configuration_that_trl_gets(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    import trl

    real = trl.DPOConfig

    def stop(**arguments: Any) -> NoReturn:
        raise Stopped(real(**arguments).to_dict())

    monkeypatch.setattr(trl, "DPOConfig", stop)
    recipe = load(tiny_run)
    base = resolve_base(recipe)

    def resolved(**keys: Any) -> dict[str, Any]:
        with pytest.raises(Stopped) as stopped:
            dpo.build_trainer(recipe, Dpo(**keys), base, dpo_stage(recipe, base), [], None)
        return dict(stopped.value.args[0])

    value, beside = CHANGED[key]
    before, after = resolved(**beside), resolved(**beside, **{key: value})
    assert {name for name in before if before[name] != after[name]} == {key}
    assert after[key] == value


def test_no_key_of_dpo_is_left_out() -> None:
    from wellgate.recipe import Training

    own = set(Dpo.model_fields) - set(Training.model_fields)
    assert own == set(CHANGED) | {"max_length_bias"} == set(dpo.TRL_KEYS) | {"max_length_bias"}
