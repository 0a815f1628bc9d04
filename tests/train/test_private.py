"""DP-SGD on the adapter: no row can move it further than its clip, the noise is there, and epsilon is what theory says."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from train import dpo, private, promise, sft
from train.labels import IGNORED, Labelled
from wellgate.base import Base
from wellgate.cli import main
from wellgate.errors import InputError
from wellgate.model import load_tokenizer
from wellgate.recipe import Private, Recipe, Sft, load

pytest.importorskip("opacus")
torch = pytest.importorskip("torch")

SEEDED = {"noise_multiplier": 1.0, "target_delta": 0.01, "noise_seed": 1}
ADAPTER = "adapter/adapter_model.safetensors"


def sets(**keys: Any) -> list[str]:
    return ["--set", f"sft.private={json.dumps(SEEDED | keys)}"]


def run(recipe: Path, *words: str) -> int:
    return int(sft.main([str(recipe), *words]))


def counts(recipe: Path) -> dict[str, Any]:
    (place,) = (recipe.parent / "runs" / "tiny").glob("sft-*")
    return dict(json.loads((place / "manifest.json").read_text())["counts"])


@pytest.fixture(scope="module")
def prepared_once(tmp_path_factory: pytest.TempPathFactory, write_tiny: Any, alone: Any) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("prepared")
    with alone(folder / "cache"):
        recipe: Path = write_tiny(folder)
        assert main(["prepare", str(recipe)]) == 0
        yield recipe


@pytest.fixture
def prepared(prepared_once: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Path]:
    """The tiny recipe with its data prepared, once for this file. What a test trains is forgotten after it."""
    capfd.readouterr()
    yield prepared_once
    for place in (prepared_once.parent / "runs" / "tiny").glob("[sd][fp][to]-*"):
        shutil.rmtree(place)


CPU = Path(__file__).parents[2] / "recipes" / "accelerate" / "cpu.yaml"
MakeLoop = Callable[..., private.Loop]


@pytest.fixture
def rows(prepared: Path, tiny_base: Path) -> list[Labelled]:
    recipe = load(prepared)
    assert recipe.sft
    return sft.labelled_rows(recipe, recipe.sft, load_tokenizer(Base("tiny-llama", None, tiny_base, ""))).rows


@pytest.fixture
def make_loop(prepared: Path, tiny_base: Path) -> MakeLoop:
    """A loop over a fresh adapter with weights that are not zero, and one that has taken no step."""

    def make(
        noise: float = 0.0, clip: float = 0.5, batch: int = 4, dtype: str = "float32", seed: int | None = 0
    ) -> private.Loop:
        recipe: Recipe = load(prepared, [f"model.dtype={dtype}", f"sft.per_device_train_batch_size={batch}"])
        assert recipe.sft
        model = private.adapted(recipe, recipe.sft, Base("tiny-llama", None, tiny_base, ""))
        torch.manual_seed(1)
        for name, one in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(one, std=0.1)  # zero at the start: then the gradients of lora_A are zero too
        section = Private(noise_multiplier=1.0, target_delta=0.01, max_grad_norm=clip, noise_seed=seed)
        return private.Loop(model, recipe.sft, section, promise.Plan(rate=0.25, steps=10, noise=noise), 24)

    return make


def summed(loop: private.Loop, batch: list[Labelled]) -> Any:
    """The clipped gradients of these rows, added up, as one vector."""
    loop.optimizer.zero_grad()
    loop.gradients(batch)
    loop.optimizer.clip_and_accumulate()
    return torch.cat([one.summed_grad.flatten() for one in loop.optimizer.params])


def plain(loop: private.Loop, row: Labelled) -> Any:
    """The gradient of one row's own mean loss by plain autograd, as one vector."""
    loop.module.disable_hooks()
    ids, labels = torch.tensor([row.input_ids]), torch.tensor(row.labels[1:])
    logits = loop.module(input_ids=ids).logits[0, :-1].float()
    loss = torch.nn.functional.cross_entropy(logits, labels, ignore_index=IGNORED)
    found = torch.autograd.grad(loss, loop.optimizer.params)
    loop.module.enable_hooks()
    return torch.cat([one.flatten() for one in found])


@pytest.mark.parametrize(("dtype", "close"), [("float32", 1e-4), ("bfloat16", 0.05)])
def test_no_row_moves_the_adapter_further_than_its_clip(
    make_loop: MakeLoop, rows: list[Labelled], dtype: str, close: float
) -> None:
    loop, some = make_loop(clip=0.5, dtype=dtype), rows[:6]
    raw = [plain(loop, row) for row in some]
    assert min(float(one.norm()) for one in raw) > 0.6  # the clip has work to do
    alone = [summed(loop, [row]) for row in some]
    for one, own in zip(alone, raw, strict=True):
        assert one.dtype == torch.float32
        assert float(one.norm()) <= 0.5 * (1 + 1e-5)
        assert float((one - own * 0.5 / own.norm()).norm()) < close * 0.5  # and it is that row's own gradient
    whole = summed(loop, some)
    assert float((whole - sum(alone)).norm()) < close  # whatever the rows beside it, and however they are padded
    for left_out in range(len(some)):
        without = summed(loop, some[:left_out] + some[left_out + 1 :])
        assert float((whole - without).norm()) <= 0.5 + close


def test_gradients_below_the_clip_are_those_of_each_row_by_itself(make_loop: MakeLoop, rows: list[Labelled]) -> None:
    """A row's loss is the mean over its own supervised tokens, however many the rows beside it have."""
    loop = make_loop(clip=1e4)
    expected = sum(plain(loop, row) for row in rows[:3])
    assert torch.allclose(summed(loop, rows[:3]), expected, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("drawn", [0, 3])
def test_every_step_adds_noise_of_the_promised_size_even_when_nothing_was_drawn(
    make_loop: MakeLoop, rows: list[Labelled], drawn: int
) -> None:
    noisy, quiet = make_loop(noise=2.0, clip=0.5), make_loop(noise=0.0, clip=0.5)
    found = []
    for loop in (noisy, quiet):
        loop.gradients(rows[:drawn])
        assert loop.optimizer.pre_step()
        found.append(torch.cat([one.grad.flatten() for one in loop.optimizer.params]))
    noise = found[0] - found[1]
    expected = 2.0 * 0.5 / (0.25 * 24)
    assert float(noise.std()) == pytest.approx(expected, rel=5 / math.sqrt(2 * noise.numel()))
    assert abs(float(noise.mean())) < 5 * expected / math.sqrt(noise.numel())
    if not drawn:
        assert float(found[1].abs().max()) == 0


def test_a_draw_in_four_passes_is_one_step_of_one_pass(make_loop: MakeLoop, rows: list[Labelled]) -> None:
    found = []
    for batch in (8, 2):
        loop = make_loop(noise=1.0, batch=batch)
        loss = loop.step(rows[:8])
        found.append((loss, torch.cat([one.detach().flatten() for one in loop.optimizer.params])))
        assert loop.accountant.history == [(1.0, 0.25, 1)]
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-4)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-5)


def by_hand(noise: float, rate: float, steps: int, delta: float) -> float:
    """Rényi divergence of the sampled Gaussian at whole orders (Mironov et al. 2019), converted as Balle et al. 2020 do."""
    bounds = []
    for order in range(2, 34):  # beyond, a float is too small for the sum
        terms = (
            math.comb(order, k) * (1 - rate) ** (order - k) * rate**k * math.exp(k * (k - 1) / (2 * noise**2))
            for k in range(order + 1)
        )
        divergence = steps * math.log(sum(terms)) / (order - 1)
        bounds.append(divergence - (math.log(delta) + math.log(order)) / (order - 1) + math.log((order - 1) / order))
    return min(bounds)


@pytest.mark.parametrize(
    ("noise", "rate", "steps", "delta"),
    [(1.0, 0.01, 1000, 1e-5), (1.1, 0.004, 15_000, 1e-5), (2.0, 0.25, 60, 1e-3), (4.0, 1.0, 10, 1e-2)],
)
def test_epsilon_is_the_published_formula_and_never_below_the_tighter_accountant(
    noise: float, rate: float, steps: int, delta: float
) -> None:
    from opacus.accountants import PRVAccountant

    ours = promise.epsilon([(noise, rate, steps)], delta)
    assert by_hand(noise, rate, steps, delta) * 0.97 <= ours <= by_hand(noise, rate, steps, delta) * (1 + 1e-9)
    tight = PRVAccountant()
    tight.history = [(noise, rate, steps)]
    assert 0.8 * ours < tight.get_epsilon(delta) < ours + 0.01


def test_full_batches_are_the_plain_gaussian_mechanism() -> None:
    """At rate 1 the divergence of order a is steps * a / (2 noise^2), and the exact epsilon is smaller (Balle & Wang 2018)."""
    from scipy.stats import norm

    ours, shift = promise.epsilon([(4.0, 1.0, 10)], 1e-2), math.sqrt(10) / 4.0
    left = norm.cdf(shift / 2 - ours / shift) - math.exp(ours) * norm.cdf(-shift / 2 - ours / shift)
    assert 1e-2 / 4 < left <= 1e-2


def test_the_manifest_promises_what_the_steps_that_were_taken_cost(
    prepared: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One row in 24 is drawn on average: some draws are empty, and count."""
    words = ["--set", "sft.per_device_train_batch_size=1", "--set", "sft.max_steps=12"]
    assert run(prepared, *sets(), *words) == 0
    found = counts(prepared)
    assert found["steps"] == found["privacy"]["steps"] == 12
    assert capfd.readouterr().out.count("sft: step ") <= 12
    bound = by_hand(1.0, 1 / 24, 12, 0.01)
    assert found["privacy"]["epsilon"] == pytest.approx(bound, rel=0.03)
    assert found["privacy"] | {"epsilon": 0} == {
        "unit": "client",
        "epsilon": 0,
        "delta": 0.01,
        "noise_multiplier": 1.0,
        "max_grad_norm": 1.0,
        "sample_rate": 1 / 24,
        "steps": 12,
        "accountant": "rdp",
        "secure_mode": False,
        "noise_seed_known": True,
        "client": {"rows": 1, "epsilon": found["privacy"]["epsilon"], "delta": pytest.approx(0.01)},
    }


def test_the_loss_falls_and_dpo_goes_on_from_the_private_adapter(prepared: Path) -> None:
    words = [
        "--set",
        "sft.per_device_train_batch_size=12",
        "--set",
        "sft.max_steps=30",
        "--set",
        "sft.learning_rate=0.01",
    ]
    chosen = [*sets(noise_multiplier=None, target_epsilon=20.0), *words]
    assert run(prepared, *chosen) == 0
    found = counts(prepared)
    assert 19.9 <= found["privacy"]["epsilon"] <= 20
    assert found["last_loss"] < found["first_loss"] - 1
    assert dpo.main([str(prepared), *chosen]) == 0


def trained(recipe: Path, **keys: Any) -> tuple[dict[str, Any], bytes]:
    """Promise and adapter of a private training with these keys, which is then forgotten."""
    assert run(recipe, *sets(**keys), "--set", "sft.max_steps=3") == 0
    (place,) = (recipe.parent / "runs" / "tiny").glob("sft-*")
    found = counts(recipe)["privacy"], (place / ADAPTER).read_bytes()
    shutil.rmtree(place)
    return found


@pytest.fixture(scope="module")
def usual(prepared_once: Path) -> tuple[dict[str, Any], bytes]:
    return trained(prepared_once)


def test_draws_and_noise_come_from_the_seed_or_from_nobody_knows_where(make_loop: MakeLoop) -> None:
    draws, noises = [], []
    for seed in (0, 0, 1, None, None):
        loop = make_loop(noise=1.0, seed=seed)
        draws.append(json.dumps(list(loop.draws)))
        loop.gradients([])
        loop.optimizer.pre_step()
        noises.append(loop.optimizer.params[0].grad.numpy().tobytes())
    for found in (draws, noises):
        assert found[0] == found[1]
        assert len(set(found)) == 4


def test_a_seed_repeats_a_run_and_without_one_no_run_repeats(prepared: Path, usual: tuple[Any, bytes]) -> None:
    assert trained(prepared) == usual
    others = [trained(prepared, noise_seed=seed) for seed in (2, None, None)]
    assert len({usual[1], *(adapter for _, adapter in others)}) == 4
    assert [promised["noise_seed_known"] for promised, _ in others] == [True, False, False]


@pytest.mark.parametrize(
    ("key", "value"), [("noise_multiplier", 2.0), ("max_grad_norm", 0.3), ("target_delta", 0.02), ("unit", "record")]
)
def test_every_other_key_changes_the_adapter_or_the_promise(
    prepared: Path, usual: tuple[dict[str, Any], bytes], key: str, value: Any
) -> None:
    (before, one), (after, two) = usual, trained(prepared, **{key: value})
    named = {"target_delta": "delta"}.get(key, key)
    assert {name for name in before if before[name] != after[name]} - {"epsilon", "client"} == {named}
    assert (one == two) is (key in ("target_delta", "unit"))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"noise_multiplier": None}, "give either noise_multiplier or target_epsilon"),
        ({"target_epsilon": 3.0}, "give either noise_multiplier or target_epsilon"),
        ({"target_delta": 1.0}, "less than 1"),
        ({"noise_multiplier": 0.0}, "greater than 0"),
        ({"max_grad_norm": 0.0}, "greater than 0"),
        ({"unit": "token"}, "'client' or 'record'"),
        ({"noise": 1.0}, "unknown key"),
    ],
    ids=str,
)
def test_a_section_that_makes_no_sense_is_refused_in_one_line(
    tiny_recipe: Path, capfd: pytest.CaptureFixture[str], keys: dict[str, Any], expected: str
) -> None:
    assert main(["check", str(tiny_recipe), *sets(**keys)]) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert line.startswith("wellgate: --set sft.private")
    assert expected in line


def section(**keys: Any) -> Private:
    return Private.model_validate(SEEDED | keys)


@pytest.mark.parametrize(
    ("keys", "rows", "expected"),
    [
        ({"target_delta": 0.05}, 24, r"target_delta: 0\.05 would let one of 24 rows be published"),
        (
            {"noise_multiplier": 0.05},
            24,
            r"noise_multiplier: 0\.05 gives epsilon \d+, which promises nothing; raise it",
        ),
        ({"noise_multiplier": 1e-9}, 24, r"noise_multiplier: 1e-09 gives epsilon"),
        (
            {"noise_multiplier": None, "target_epsilon": 0.01, "target_delta": 1e-5},
            24,
            r"target_epsilon: 0\.01 cannot be reached",
        ),
        ({"noise_multiplier": None, "target_epsilon": 1e6}, 24, r"gives epsilon \d+, which promises nothing"),
    ],
    ids=str,
)
def test_a_promise_that_is_empty_is_refused(keys: dict[str, Any], rows: int, expected: str) -> None:
    with pytest.raises(InputError, match=expected) as refused:
        promise.plan(Sft(), section(**keys), rows)
    assert "\n" not in str(refused.value)


def test_steps_and_rate_follow_from_batch_and_epochs() -> None:
    one = Sft(per_device_train_batch_size=4, gradient_accumulation_steps=5, num_train_epochs=3.0)
    assert promise.plan(one, section(target_delta=1e-4), 1000) == promise.Plan(0.02, 150, 1.0)
    assert promise.plan(one.model_copy(update={"max_steps": 7}), section(target_delta=1e-4), 1000).steps == 7
    assert promise.plan(one, section(), 10).rate == 1.0


@pytest.mark.parametrize(
    ("words", "environment", "expected"),
    [
        (["--set", f"launch={CPU}"], {"WORLD_SIZE": "2"}, "sft.private: runs in one process only"),
        (["--set", "sft.gradient_checkpointing=true"], {}, "sft.gradient_checkpointing: "),
        (["--set", "sft.watch={probes: [ai_disclosure]}"], {}, "sft.watch: the loop of sft.private does not know it"),
        (["--set", "sft.report_to=[wandb]"], {}, "sft.report_to: the loop of sft.private does not know it"),
        (["--set", "sft.packing=true"], {}, "sft.packing: the loop of sft.private does not know it"),
        (["--set", "sft.optim=adamw_8bit"], {}, "sft.optim: the loop of sft.private steps with torch's AdamW"),
        (["--set", "sft.lora.use_dora=true"], {}, "sft.private takes plain LoRA on linear layers"),
    ],
    ids=str,
)
def test_what_a_private_run_cannot_do_is_said_in_one_line(
    prepared: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], environment: dict[str, str], expected: str
) -> None:  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert run(prepared, *sets(), *words) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert expected in line


def test_without_opacus_the_line_says_how_to_get_it(
    prepared: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opacus", None)
    assert run(prepared, *sets()) == 2
    assert "pip install 'wellgate[private]'" in capfd.readouterr().err


CANARIES = ["--set", "sft.canaries={counts: [4], repeats: [3]}", "--set", "sft.max_steps=-1"]


def test_clients_with_several_rows_are_refused_unless_the_unit_is_the_record(
    prepared: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A canary that is planted several times is such a client."""
    assert run(prepared, *sets(), *CANARIES) == 2
    shutil.rmtree(next((prepared.parent / "runs" / "tiny").glob("sft-*")))
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert "clients have several rows (up to 3)" in line
    assert line.endswith("set sft.private.unit: record")
    assert run(prepared, *sets(unit="record", noise_multiplier=4.0), *CANARIES) == 0
    found = counts(prepared)["privacy"]
    bound = found["epsilon"]
    assert found["client"]["rows"] == 3
    assert found["client"]["epsilon"] == pytest.approx(3 * bound)
    assert found["client"]["delta"] == pytest.approx(3 * math.exp(2 * bound) * 0.01)


def test_several_rows_of_one_conversation_are_refused() -> None:
    """As Qwen3's template makes them: the noise is for one row, and the promise would be too small."""
    rows = [Labelled("a", [1], [1], replies=1), Labelled("a", [1, 1], [1, 1], replies=2)]
    with pytest.raises(InputError, match="several rows of one conversation"):
        promise.most_rows_of_a_client(Private.model_validate(SEEDED | {"unit": "record"}), [], rows)


def test_a_client_whose_rows_are_too_many_is_promised_nothing() -> None:
    many = promise.promise(section(unit="record"), [(1.0, 0.2, 30)], 50)
    assert many["client"] == {"rows": 50, "epsilon": None, "delta": None}
