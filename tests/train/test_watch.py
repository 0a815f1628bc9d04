"""Safety while training: probes are asked and graded as the gate would, training is not disturbed, a regression stops it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import torch

from train import dpo, sft, watch
from train.facts import read
from wellgate import plugins
from wellgate.errors import InputError
from wellgate.files import sha256_file
from wellgate.model import Written
from wellgate.plugins import Item, Probe
from wellgate.recipe import Watch, load

Fresh = Callable[[str], list[str]]
PROBES = ("crisis_response", "ai_disclosure")
WATCH = {"probes": list(PROBES), "items": 6, "every": 2, "max_new_tokens": 8}
SECRET = "Quince jelly from Thornbury"
"""Stands in every scripted reply: text that must not be written anywhere."""


def sets(*pairs: str) -> list[str]:
    return [word for pair in pairs for word in ("--set", pair)]


def watching(stage: str = "sft", **changes: Any) -> list[str]:
    return sets(f"{stage}.watch={json.dumps(WATCH | changes)}")


def place(arguments: list[str], stage: str = "sft") -> Path:
    (found,) = Path(arguments[-1].removeprefix("runs_dir=")).glob(f"tiny/{stage}-*")
    return found


def adapter(arguments: list[str], stage: str = "sft") -> str:
    return sha256_file(place(arguments, stage) / "adapter" / "adapter_model.safetensors")


def probe(name: str) -> Probe:
    return plugins.load(Probe, name)(use=name)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replies of a control in the place of the model's: one control before training, another one later."""
    by_question = {item.messages[-1].content: (one, item) for name in PROBES for one in [probe(name)] for item in one.items()}  # fmt: skip

    def script(*controls: str, finished: bool = True) -> None:
        rounds = iter(controls)
        state = {"asked": 0, "control": ""}

        def generate(model: Any, tokenizer: Any, prompts: Sequence[str], *args: Any, **decoding: Any) -> list[Written]:
            assert decoding == {"do_sample": False}
            assert not model.training
            if state["asked"] % len(PROBES) == 0:
                state["control"] = next(rounds, state["control"])
            state["asked"] = int(state["asked"]) + 1
            replies = []
            for prompt in prompts:
                # the longest: some questions are part of others
                question = max((one for one in by_question if one in prompt), key=len)
                one, item = by_question[question]
                replies.append(f"{one.control(str(state['control']), item)} {SECRET}.")
            return [Written(text, len(text), finished) for text in replies]

        monkeypatch.setattr(watch.loading, "generate", generate)

    return script


def test_training_is_not_disturbed(fresh: Fresh) -> None:
    """With bfloat16 under autocast and dropout, SFT and DPO give the same bytes in the same folder, watched or not."""
    always = sets("model.dtype=bfloat16", "sft.lora.lora_dropout=0.1", "sft.max_steps=4", "dpo.max_steps=3")
    plain, watched = [*always, *fresh("plain")], [*always, *fresh("watched")]
    before, after = [watching(stage, every=1, items=2) for stage in ("sft", "dpo")]
    assert [sft.main(plain), dpo.main(plain)] == [0, 0]
    assert [sft.main([*before, *watched]), dpo.main([*before, *after, *watched])] == [0, 0]
    for stage, steps in (("sft", 4), ("dpo", 3)):
        assert place(plain, stage).name == place(watched, stage).name
        assert adapter(plain, stage) == adapter(watched, stage)
        rounds = [row["step"] for row in read(place(watched, stage) / "metrics.jsonl") if "watch/seconds" in row]
        assert rounds == list(range(steps + 1))
        assert not any("watch/seconds" in row for row in read(place(plain, stage) / "metrics.jsonl"))


@pytest.mark.parametrize("fails", [False, True])
def test_modes_and_random_states_are_as_before(fails: bool) -> None:
    model = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Sequential(torch.nn.Dropout())).train()
    model[1].eval()  # frozen by whoever built it
    draw: Callable[[], tuple[float, ...]] = lambda: (random.random(), float(numpy.random.rand()), float(torch.rand(())))  # noqa: E731
    states = random.getstate(), numpy.random.get_state(), torch.get_rng_state()
    expected = draw()
    random.setstate(states[0])
    numpy.random.set_state(states[1])
    torch.set_rng_state(states[2])
    try:
        with watch.undisturbed(model):
            assert not any(module.training for module in model.modules())
            draw()
            if fails:
                raise ValueError
    except ValueError:
        assert fails
    assert draw() == expected
    assert [module.training for module in model.modules()] == [True, True, False, False]


@pytest.mark.parametrize(
    ("control", "finished", "passing", "hard"),
    [("oracle", False, 1.0, False), ("harm", True, 0.0, True)],
)  # fmt: skip
def test_rates_are_those_of_the_gates_graders(
    fresh: Fresh, scripted: Callable[..., None], capsys: pytest.CaptureFixture[str], control: str, finished: bool, passing: float, hard: bool
) -> None:  # fmt: skip
    """A cut reply is graded as far as it goes, and counted. Rates go to the metrics, replies nowhere."""
    scripted(control, finished=finished)
    run = fresh("runs")
    assert sft.main([*run, *watching(), *sets("sft.max_steps=3")]) == 0
    rows = [row for row in read(place(run) / "metrics.jsonl") if "watch/seconds" in row]
    assert [row["step"] for row in rows] == [0, 2, 3]
    for row in rows:
        assert [row[f"watch/{name}/pass"] for name in PROBES] == [passing] * 2
        assert [row[f"watch/{name}/cut"] for name in PROBES] == [float(not finished)] * 2
        assert any(row[f"watch/{name}/hard"] > 0 for name in PROBES) == hard
    said = capsys.readouterr()
    assert f"sft: watch at step 2: crisis_response {passing:.0%}".replace("%", " %") in said.out
    assert SECRET not in said.out + said.err
    assert not any(SECRET.encode() in path.read_bytes() for path in place(run).rglob("*") if path.is_file())


def test_a_regression_stops_and_a_changed_watch_goes_on_from_there(
    fresh: Fresh, scripted: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    run, plain = fresh("runs"), fresh("plain")
    steps = sets("sft.save_steps=3")
    scripted("oracle", "oracle", "harm")
    assert sft.main([*run, *steps, *watching(stop_on_regression=True)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(
        "wellgate: sft: watch: worse than before training at step 4: ai_disclosure pass 100 % to 0 %"
    )
    assert "the adapter is not signed" in line
    folder = place(run)
    assert not (folder / "manifest.json").exists()
    assert not (folder / "adapter").exists()
    assert (folder / "checkpoints" / "checkpoint-4" / "trainer_state.json").is_file()
    assert (folder / "loss.png").is_file()

    scripted("harm")
    assert (
        sft.main([*run, *steps, *watching(stop_on_regression=True)]) == 2
    )  # the same again, against the same baseline
    assert "at step 6" in capsys.readouterr().err
    assert sft.main([*run, *steps, *watching()]) == 0
    assert sft.main([*plain, *steps]) == 0
    assert adapter(run) == adapter(plain)
    found = [row["step"] for row in read(folder / "metrics.jsonl") if "loss" in row]
    assert found == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("change", [{"items": 5}, {"max_new_tokens": 9}, {"probes": ["ai_disclosure"]}, None])
def test_rates_from_before_training_belong_to_the_same_questions(tmp_path: Path, change: dict[str, Any] | None) -> None:
    """A run that goes on from a checkpoint is held against its own beginning, or is refused."""
    trainer = SimpleNamespace(is_fsdp_enabled=False, is_deepspeed_enabled=False)
    state = SimpleNamespace(global_step=4, is_world_process_zero=True)

    def watcher(**changes: Any) -> watch.Watcher:
        return watch.Watcher(trainer, "sft", Watch.model_validate(WATCH | changes), "", tmp_path)

    if change is not None:
        (tmp_path / watch.BASELINE).write_text(json.dumps({"asked": watcher()._digest(), "rates": {"a": 0.5}}))
        same = watcher(margin=1.0, stop_on_regression=True, every=3)
        same.on_train_begin(None, state, None)
        assert same.baseline == {"a": 0.5}
    with pytest.raises(
        InputError, match=r"^sft\.watch: this run began without it or asked other items.*delete .*checkpoints"
    ):
        watcher(**(change or {})).on_train_begin(None, state, None)


@pytest.mark.parametrize(
    ("before", "now", "margin", "worse"),
    [
        ({"pass": 1.0, "hard": 0.0}, {"pass": 0.75, "hard": 0.0}, 25.0, []),
        ({"pass": 1.0, "hard": 0.0}, {"pass": 0.74, "hard": 0.0}, 25.0, ["p pass 100 % to 74 %"]),
        ({"pass": 0.2, "hard": 0.0}, {"pass": 0.9, "hard": 0.3}, 25.0, ["p hard 0 % to 30 %"]),
        ({"pass": 0.2, "hard": 0.9}, {"pass": 0.2, "hard": 0.0}, 0.0, []),
        ({"pass": 0.5, "hard": 0.0}, {"pass": 0.4, "hard": 0.1}, 0.0, ["p hard 0 % to 10 %", "p pass 50 % to 40 %"]),
        ({"pass": 0.5, "cut": 0.0}, {"pass": 0.5, "cut": 1.0}, 0.0, []),
    ],
)
def test_worse_means_by_more_than_the_margin(before: Any, now: Any, margin: float, worse: list[str]) -> None:
    named = [{f"watch/p/{kind}": value for kind, value in one.items()} for one in (before, now)]
    assert sorted(watch.regressed(named[0], named[1], margin)) == worse


@pytest.mark.parametrize("name", PROBES)
def test_the_choice_is_fixed_and_spread(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = probe(name)
    items = one.items()
    slices = {item.slice for item in items}
    chosen = watch.choose(one, len(slices) + 2)
    assert {item.slice for item in chosen[: len(slices)]} == slices
    assert len({item.cluster for item in chosen}) == len(chosen) == len(slices) + 2
    assert chosen[:3] == watch.choose(one, 3)
    assert len(watch.choose(one, 10**6)) == len({item.cluster for item in items})
    backwards: list[Item] = items[::-1]
    monkeypatch.setattr(type(one), "items", lambda self: backwards)
    assert watch.choose(one, len(slices) + 2) == chosen


@pytest.mark.parametrize("flag", ["is_fsdp_enabled", "is_deepspeed_enabled"])
def test_a_sharded_model_cannot_be_asked(flag: str, tmp_path: Path) -> None:
    trainer = SimpleNamespace(**{"is_fsdp_enabled": False, "is_deepspeed_enabled": False, flag: True})
    with pytest.raises(InputError, match=r"^dpo\.watch: cannot ask a model whose weights are sharded"):
        watch.Watcher(trainer, "dpo", Watch.model_validate(WATCH), "", tmp_path)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ('sft.watch={"probes": ["crisis_respons"]}', "did you mean 'crisis_response'?"),
        ('sft.watch={"probes": []}', "sft.watch.probes: List should have at least 1 item"),
        ('sft.watch={"probes": ["ai_disclosure"], "margn": 3}', "sft.watch.margn: unknown key; did you mean 'margin'?"),
        ('sft.watch={"probes": ["ai_disclosure"], "margin": 100}', "sft.watch.margin: Input should be less than 100"),
        ("sft.log_text=true", "add `watch` and `report_to: [wandb]`"),
        ("sft.max_loss_ratio=1", "--set sft.max_loss_ratio: Input should be greater than 1"),
    ],
)
def test_a_wrong_watch_is_one_line(tiny_prepared: Path, setting: str, expected: str) -> None:
    with pytest.raises(InputError) as error:
        load(tiny_prepared, [setting])
    (line,) = str(error.value).splitlines()
    assert expected in line
