"""KTO on judged replies: how rows reach TRL, where it starts, that it resumes, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train import kto, sft
from train.labels import Judged, judged, pair
from wellgate.cli import main
from wellgate.errors import InputError
from wellgate.files import sha256_file
from wellgate.model import load_tokenizer
from wellgate.recipe import Kto, Training, load
from wellgate.records import Feedback, Message, Preference
from wellgate.stages import kto_stage, resolve_base

ADAPTER = "adapter/adapter_model.safetensors"
THINGS = "a lamp,a door,the sea,a coat,bread,the stairs,a song,a letter,the rain,a dog,a key,the moon,a bench".split(
    ","
)


def chunks(some: list[Any], size: int) -> list[list[Any]]:
    return [some[first : first + size] for first in range(0, len(some), size)]


def feedback_rows(judgements: str) -> list[dict[str, Any]]:
    """One row a letter: `d` is desirable, `u` is not."""
    rows = []
    for number, (thing, judgement) in enumerate(zip(THINGS, judgements, strict=False)):
        reply = (
            f"Tell me more about {thing}." if judgement == "d" else f"Nobody cares about {thing}" + " at all" * number
        )
        turns = [{"role": "user", "content": f"I dreamt of {thing} again."}, {"role": "assistant", "content": reply}]
        rows.append({"id": f"f{number}", "messages": turns, "desirable": judgement == "d"})
    return rows


@pytest.fixture(scope="module")
def write_feedback(write_tiny: Callable[..., Path]) -> Callable[..., Path]:
    """The tiny recipe with `kto` in place of `dpo`, and these judgements beside its rows."""

    def write(folder: Path, judgements: str = "ddudduddudd", **sections: Any) -> Path:
        steps = {"per_device_train_batch_size": 4, "max_length": 512, "save_steps": 2, "logging_steps": 1}
        section = {"learning_rate": 0.003, "max_steps": 6, **steps}
        path = write_tiny(folder, dpo=None, kto=section, **{"gate": None, "export": None, **sections})
        with (folder / "talks.jsonl").open("a") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in feedback_rows(judgements))
        return path

    return write


@pytest.fixture(scope="module")
def trained(
    write_feedback: Callable[..., Path], alone: Callable[[Path], AbstractContextManager[None]], tmp_path_factory: Any
) -> Iterator[Path]:
    """The recipe of a run that is prepared and trained through KTO."""
    folder = tmp_path_factory.mktemp("kto")
    with alone(folder / "cache"):
        recipe = write_feedback(folder)
        words = [str(recipe)]
        assert [main(["prepare", *words]), sft.main(words), kto.main(words)] == [0, 0, 0]
        yield recipe


@pytest.fixture
def runs(trained: Path, copied: Callable[[Path], Any]) -> Any:
    return copied(trained)


def test_kto_starts_as_the_sft_model_and_tells_the_judgements_apart(runs: Any) -> None:
    counts = runs.json("kto")["counts"]
    assert (counts["rows"], counts["desirable"], counts["undesirable"]) == (11, 8, 3)
    assert counts["first_loss"] == pytest.approx(0.5, abs=1e-5)
    assert counts["expected_first_loss"] == 0.5
    assert counts["last_loss"] < 0.49
    assert counts["rewards_margin"] > 0.1
    steps = runs.json("kto", "lineage.json")["steps"]
    assert [one["stage"] for one in steps] == ["sft", "kto"]
    assert steps[:1] == runs.json("sft", "lineage.json")["steps"]
    assert steps[1]["data"] == runs.json("prepare")["outputs"]["feedback.parquet"]
    assert "adapter/adapter_model.safetensors" in runs.json("kto")["outputs"]


@pytest.mark.parametrize(
    ("sets", "low", "high"),
    [
        (["kto.loss_type=apo_zero_unpaired", "kto.per_device_train_batch_size=1"], 0.5, 0.5),
        (["kto.desirable_weight=2.0", "kto.undesirable_weight=2.0"], 1.0, 1.0),
        (["kto.desirable_weight=1.5", "kto.gradient_accumulation_steps=2"], 0.51, 0.74),
        (["kto.precompute_ref_log_probs=true", "kto.undesirable_weight=3.0"], 0.51, 1.49),
    ],
    ids=str,
)
def test_every_loss_and_weight_starts_at_its_known_value(runs: Any, sets: list[str], low: float, high: float) -> None:
    """Between the halves of both weights, where the first batches hold both judgements."""
    shutil.rmtree(runs.folder("kto"))
    assert runs("kto", "kto.max_steps=2", *sets) == 0
    counts = runs.json("kto")["counts"]
    assert counts["first_loss"] == pytest.approx(counts["expected_first_loss"], abs=1e-4)
    assert low <= counts["expected_first_loss"] <= high


def test_an_interrupted_kto_resumes_to_the_bytes_of_an_undisturbed_one(
    runs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from train.trainers import FirstLoss

    whole = sha256_file(runs.folder("kto") / ADAPTER)
    shutil.rmtree(runs.folder("kto"))
    real = FirstLoss.on_log

    def interrupted(self: Any, args: Any, state: Any, *rest: Any, **named: Any) -> None:
        real(self, args, state, *rest, **named)
        if state.global_step == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FirstLoss, "on_log", interrupted)
        assert runs("kto") == 1
    assert (runs.folder("kto") / "checkpoints" / "checkpoint-2").is_dir()
    assert runs("kto") == 0
    assert sha256_file(runs.folder("kto") / ADAPTER) == whole


def test_an_equal_reference_that_moves_is_refused(
    runs: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from train import session

    shutil.rmtree(runs.folder("kto"))
    real = session.train

    def moving(trainer: Any, *rest: Any) -> int:
        steps = real(trainer, *rest)
        next(one for name, one in trainer.model.named_parameters() if ".ref." in name).data.add_(1.0)
        return steps

    monkeypatch.setattr(session, "train", moving)
    assert runs("kto") == 2
    assert "kto: the reference moved during training" in capsys.readouterr().err


# -- rows


def test_a_judged_reply_has_the_tokens_of_a_side_of_a_pair(tiny_base: Path) -> None:
    from wellgate.base import Base

    tokenizer = load_tokenizer(Base("tiny-llama", None, tiny_base, ""))
    shared: dict[str, Any] = {"id": "x", "source": "s", "licence": "CC0-1.0", "consent": "synthetic", "group": "g"}
    prompt = (Message(role="user", content="I cannot sleep."),)
    reply = "What keeps you awake?"
    turns = (*prompt, Message(role="assistant", content=reply))
    one = judged(tokenizer, "Be kind.", Feedback(**shared, messages=turns, desirable=False))
    two = pair(tokenizer, "Be kind.", Preference(**shared, prompt=prompt, chosen=reply, rejected="No.", reason="r"))
    assert (one.prompt_ids, one.completion_ids) == (two.prompt_ids, two.chosen_ids)
    assert not one.desirable


rows = st.lists(st.integers(1, 30), min_size=2, max_size=40).map(
    lambda sizes: [Judged(f"r{place}", [0] * size, [place], place % 2 == 0) for place, size in enumerate(sizes)]
)


@given(rows=rows, size=st.integers(2, 9), seed=st.integers(0, 3))
def test_every_row_is_trained_once_and_each_kl_completion_comes_from_its_own_batch(
    rows: list[Judged], size: int, seed: int
) -> None:
    ordered = kto.shuffled(rows, seed)
    assert sorted(row.id for row in ordered) == sorted(row.id for row in rows)
    assert ordered == kto.shuffled(list(reversed(rows)), seed)
    lent = kto.mismatched(ordered, size)
    for batch, theirs in zip(chunks(ordered, size), chunks(lent, size), strict=True):
        own = [row.completion_ids for row in batch]
        assert all(one != other for one, other in zip(own, theirs, strict=True))
        if len(batch) > 1:
            assert theirs == [own[-1], *own[:-1]]  # as TRL rotates them


# -- refusals


@pytest.mark.parametrize(
    ("judgements", "sets", "said"),
    [
        ("", [], "kto: the prepared data holds no feedback; add rows with `desirable`, or drop `kto`"),
        ("ddd", [], "kto: no row is judged undesirable; KTO needs both judgements"),
        ("uu", [], "kto: no row is judged desirable; KTO needs both judgements"),
        ("ddud", ["kto.max_length=5"], "kto.max_length: 4 of 4 rows have more than 5 tokens"),
    ],
)
def test_feedback_that_cannot_teach_is_one_line(
    write_feedback: Callable[..., Path],
    alone: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    judgements: str,
    sets: list[str],
    said: str,
) -> None:
    with alone(tmp_path / "cache"):
        words = [str(write_feedback(tmp_path, judgements)), *(word for one in sets for word in ("--set", one))]
        words += ["--set", "sft.max_steps=1", "--set", "sft.max_rows=4"]
        assert [main(["prepare", *words]), sft.main(words)] == [0, 0]
        capsys.readouterr()
        assert kto.main(words) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"wellgate: {said}")


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["dpo={}"], "recipe: `dpo` and `kto` both continue the SFT adapter: keep one of them"),
        (["sft=null"], "recipe: `kto` continues the SFT adapter: add an `sft` section"),
        (["kto={per_device_train_batch_size: 1}"], "kto: `kto` estimates its KL term from the other rows of a batch"),
        (["kto={loss_type: dpo}"], "kto.loss_type: Input should be 'kto' or 'apo_zero_unpaired'"),
        (["kto={lora: {}}"], "kto.lora: unknown key"),
        (["kto={precompute_ref_log_probs: true}", "model.dtype=bfloat16"], "recipe: `kto.precompute_ref_log_probs` needs `model.dtype: float32`"),
    ],
)  # fmt: skip
def test_a_kto_section_that_cannot_work_is_one_line(trained: Path, sets: list[str], said: str) -> None:
    with pytest.raises(InputError) as refused:
        load(trained, sets)
    (line,) = str(refused.value).splitlines()
    assert said in line.replace("--set kto: `", "--set kto: kto: `")


# -- keys, and the rest of the pipeline

CHANGED: dict[str, Any] = {
    "learning_rate": 0.5, "num_train_epochs": 2.5, "max_steps": 3, "per_device_train_batch_size": 3, "gradient_accumulation_steps": 2,
    "beta": 0.7, "loss_type": "apo_zero_unpaired", "desirable_weight": 1.3, "undesirable_weight": 0.7, "precompute_ref_log_probs": True,
}  # fmt: skip


@pytest.mark.parametrize("key", CHANGED)
def test_every_key_of_kto_changes_the_configuration_that_trl_gets(
    trained: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    import trl

    class Stopped(BaseException):
        """Carries TRL's configuration."""

    real = trl.KTOConfig

    def stop(**arguments: Any) -> NoReturn:
        raise Stopped(real(**arguments).to_dict())

    monkeypatch.setattr(trl, "KTOConfig", stop)
    recipe = load(trained)
    base = resolve_base(recipe)

    def resolved(**keys: Any) -> dict[str, Any]:
        with pytest.raises(Stopped) as stopped:
            kto.build_trainer(recipe, Kto(**keys), base, kto_stage(recipe, base), [], None)
        return dict(stopped.value.args[0])

    before, after = resolved(), resolved(**{key: CHANGED[key]})
    assert {name for name in before if before[name] != after[name]} == {key}
    assert after[key] == CHANGED[key]


def test_no_key_of_kto_is_left_out() -> None:
    assert set(Kto.model_fields) - set(Training.model_fields) == set(kto.TRL_KEYS) <= set(CHANGED)


def test_check_and_show_know_kto(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [main(["check", str(trained)]), main(["show", str(trained)])] == [0, 0]
    said = capsys.readouterr().out
    assert "  kto      6 steps, batch 4 x 1" in said
    assert "kto       6 steps, loss 0.500 to" in said
    assert "and 11 judged replies to train on" in said


@pytest.mark.slow
def test_a_run_with_kto_goes_through_launcher_gate_and_refused_export(
    write_feedback: Callable[..., Path], alone: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with alone(tmp_path / "cache"):
        recipe = write_feedback(tmp_path, gate={"size": "demo", "samples": 1, "max_new_tokens": 8}, export={"use": "adapter", "to": str(tmp_path / "export")})  # fmt: skip
        assert main(["run", str(recipe)]) == 3
    (report,) = (tmp_path / "runs" / "tiny").glob("gate-*/report.json")
    lineage = json.loads(report.read_text())["predicate"]["wellgate"]["lineage"]
    assert [one["stage"] for one in lineage["steps"]] == ["sft", "kto"]
    assert "- kto: key `" in report.with_name("CARD.preview.md").read_text()
    assert "\n- kto: 6 steps, learning rate 0.003" in report.with_name("CARD.preview.md").read_text()
