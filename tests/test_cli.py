"""The command line as a person meets it: quick to answer, one line for what is wrong, exit codes that mean something."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from train import sft
from wellgate.cli import main

HEAVY = ("torch", "transformers", "peft", "trl", "datasets", "evaluate", "accelerate", "wandb", "spacy", "scipy", "numpy", "pyarrow")  # fmt: skip
SECRET = "zebra-umbrella-quarrel"


def one_line(said: str) -> str:
    """What stands on stderr: one line and no traceback."""
    (line,) = said.strip().splitlines()
    assert line.startswith("wellgate: ")
    assert SECRET not in line
    return line


def processor_seconds() -> float:
    """Of processes that have ended. The clock on the wall says more about what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["check"]], ids=lambda words: words[0])
def test_help_and_check_answer_at_once_and_import_nothing_heavy(tiny_recipe: Path, words: list[str]) -> None:
    words = [*words, str(tiny_recipe)] if words == ["check"] else words
    code = f"""
import atexit, sys
atexit.register(lambda: print("HEAVY", sorted(set({HEAVY!r}) & set(sys.modules))))
from wellgate.cli import main
sys.exit(main({words!r}))
"""
    fastest = 9.0
    for _ in range(3):
        before = processor_seconds()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        fastest = min(fastest, processor_seconds() - before)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.rstrip().endswith("HEAVY []")
    assert fastest < (3 if words[0] == "check" else 1)  # check proves the tokenizer's labels in a process of its own


def test_check_says_what_would_run(tiny_recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tiny_recipe)]) == 0
    said = capsys.readouterr().out
    assert "tiny: the recipe is sound" in said
    assert "sft      6 steps, batch 4 x 1" in said
    assert "gate     crisis_response, ai_disclosure, crisis_resources; policy" in said


@pytest.fixture
def prepared(tiny_recipe: Path) -> Path:
    """The tiny recipe with its data prepared."""
    assert main(["prepare", str(tiny_recipe)]) == 0
    return tiny_recipe


def test_show_marks_what_the_loss_sees_of_one_record(
    prepared: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    capsys.readouterr()
    assert main(["show", str(prepared), "--mask", "talks/c1"]) == 0
    first, text = capsys.readouterr().out.rstrip().split("\n\n")
    assert first.startswith("talks/c1: ")
    replies = ["That sounds like a lot. What about work stays with you, 1?<|im_end|>"] * 2
    assert [part.partition("⟧")[0] for part in text.split("⟦")[1:]] == replies
    assert text.startswith("<|im_start|>system\nYou are a small test model.<|im_end|>\n<|im_start|>user\nQuestion 1 of")
    marked = int(first.split("the loss sees the ")[1].split()[0])
    assert 0 < marked < int(first.split()[1])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert main(["show", str(prepared), "--mask"]) == 0
    said = capsys.readouterr().out
    assert "\033[1;32m" in said
    assert "⟦" not in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--mask", "talks/c999"], "training data has no record 'talks/c999'"),
        (["--mask", "--set", "sft=null", "--set", "dpo=null", "--set", "gate=null", "--set", "export=null"], "no `sft` section"),
        (["--mask", "--set", "prepare.seed=5"], "run `wellgate prepare` first"),
    ],
)  # fmt: skip
def test_show_mask_refuses_in_one_line(
    prepared: Path, capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    assert main(["show", str(prepared), *words]) == 2
    assert expected in one_line(capsys.readouterr().err)


def test_five_mistakes_are_five_lines(tiny_recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tiny_recipe.read_text()
    for old, new in (
        ("name: tiny", "name: Tiny Model"),
        ("use: jsonl", "use: jsonn"),
        ("learning_rate: 0.001\n  max_steps: 6", "learning_rat: 0.001\n  max_steps: many"),
        ("policy", "policy"),
        ("samples: 1", "samples: 99"),
    ):
        text = text.replace(old, new)
    tiny_recipe.write_text(text)
    assert main(["check", str(tiny_recipe)]) == 2
    lines = capsys.readouterr().err.removeprefix("wellgate: ").strip().splitlines()
    assert [line.removeprefix(f"{tiny_recipe}:").split(": ")[1] for line in lines] == [
        "name", "prepare.sources.0", "sft.learning_rat", "sft.max_steps", "gate.samples",
    ]  # fmt: skip
    assert all(line.startswith(f"{tiny_recipe}:") for line in lines)
    assert "did you mean 'jsonl'?" in lines[1]
    assert "did you mean 'learning_rate'?" in lines[2]


def test_exit_codes(tiny_recipe: Path, tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 ok, 1 crashed, 2 input wrong, 3 the gate said no."""

    def interrupted(*_: Any) -> NoReturn:
        raise KeyboardInterrupt

    assert main(["check", str(tiny_recipe)]) == 0
    assert main(["check", "no-such-recipe.yaml"]) == 2
    assert main(["train", str(tiny_recipe)]) == 2  # nothing prepared
    assert main(["export", str(tiny_recipe)]) == 3
    assert main(["verify", str(tiny_run)]) == 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("data_prep.prepare.prepare", interrupted)
        assert main(["prepare", str(tiny_recipe)]) == 1
    for words in ([], ["chek", "x.yaml"], ["check"]):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


FULL = [errno.ENOSPC, errno.EDQUOT]


@pytest.mark.parametrize("number", FULL, ids=errno.errorcode.get)
@pytest.mark.parametrize("stage", ["prepare", "sft", "gate"])
def test_a_full_disk_is_one_line_and_goes_on_afterwards(
    tiny_recipe: Path, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], stage: str, number: int
) -> None:
    def full(_: int) -> NoReturn:
        raise OSError(number, os.strerror(number))

    run: Callable[[], int] = lambda: main(["prepare", str(tiny_recipe)])  # noqa: E731
    expected = 0
    if stage != "prepare":
        shutil.copytree(tiny_run.parent / "runs", tmp_path / "copy")
        (folder,) = (tmp_path / "copy" / "tiny").glob(f"{stage}-*")
        shutil.rmtree(folder)
        words = [str(tiny_run), "--set", f"runs_dir={tmp_path / 'copy'}"]
        run = (lambda: sft.main(words)) if stage == "sft" else (lambda: main(["gate", *words]))
        expected = 0 if stage == "sft" else 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert run() == 2
    assert "make room or set runs_dir, and run again" in one_line(capsys.readouterr().err)
    assert run() == expected


def test_a_disk_that_fills_up_while_a_checkpoint_is_written_is_one_line_too(
    tiny_recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """torch and safetensors raise errors of their own then."""
    import torch

    def full(*_: Any) -> NoReturn:
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0")

    assert main(["prepare", str(tiny_recipe)]) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "save", full)
        assert sft.main([str(tiny_recipe)]) == 1  # another reason stays what it is
        assert "crashed with RuntimeError" in capsys.readouterr().err
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=4096))
        assert sft.main([str(tiny_recipe)]) == 2
    assert "No space left on device" in one_line(capsys.readouterr().err)
    assert sft.main([str(tiny_recipe)]) == 0


def test_a_place_that_may_not_be_written_is_one_line(
    tiny_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def denied(*_: Any, **__: Any) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "mkdir", denied)
        assert main(["prepare", str(tiny_recipe)]) == 2
    assert str(tmp_path) in one_line(capsys.readouterr().err)


def without(name: str) -> Callable[[Path], None]:
    return lambda base: (base / name).unlink()


def cut(name: str, size: int) -> Callable[[Path], None]:
    def change(base: Path) -> None:
        (base / name).write_bytes((base / name).read_bytes()[:size])

    return change


def rewritten(name: str, text: str) -> Callable[[Path], None]:
    return lambda base: (base / name).write_text(text) and None


def without_end_token(base: Path) -> None:
    path = base / "tokenizer_config.json"
    config = json.loads(path.read_text())
    del config["eos_token"]
    path.write_text(json.dumps(config))


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "no folder": (shutil.rmtree, "there is no folder"),
    "no config": (without("config.json"), "no config.json"),
    "no weights": (without("model.safetensors"), "no .safetensors weights"),
    "truncated weights": (cut("model.safetensors", 5000), "5000 bytes where"),
    "a truncated header": (cut("model.safetensors", 20), "damaged safetensors header"),
    "empty weights": (cut("model.safetensors", 0), "damaged safetensors header"),
    "no tokenizer": (without("tokenizer.json"), "the tokenizer cannot be loaded"),
    "a damaged tokenizer": (cut("tokenizer.json", 300), "the tokenizer cannot be loaded"),
    "no end token": (without_end_token, "the tokenizer has no end token"),
    "no chat template": (without("chat_template.jinja"), "no chat template"),
    "a damaged chat template": (rewritten("chat_template.jinja", "{% for"), "the template refuses these turns (on "),
    "a damaged config": (rewritten("config.json", "{"), "the tokenizer cannot be loaded"),
    "another architecture's config": (rewritten("config.json", '{"model_type": "no-such-model"}'), "cannot be loaded"),
}


@pytest.mark.parametrize(("change", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_broken_base_model_is_one_line_without_traceback_or_text(
    tiny_base: Path, tiny_recipe: Path, write_tiny: Callable[..., Path], tmp_path: Path, capfd: pytest.CaptureFixture[str],
    change: Callable[[Path], None], expected: str,
) -> None:  # fmt: skip
    base = tmp_path / "models" / "tiny-llama"
    shutil.copytree(tiny_base, base)
    turns = [{"role": "user", "content": SECRET}, {"role": "assistant", "content": SECRET}]
    recipe = write_tiny(tmp_path, rows=[{"id": "c0", "messages": turns}], model={"base": str(base), "dtype": "float32"})
    assert main(["prepare", str(recipe)]) == 0
    change(base)
    capfd.readouterr()
    assert sft.main([str(recipe)]) == 2
    said = capfd.readouterr()
    assert SECRET not in said.out + said.err
    assert "Traceback" not in said.err
    (line,) = (line for line in said.err.splitlines() if line.startswith("wellgate: "))
    assert expected in line


def test_a_bug_says_where_and_not_what_a_record_said(
    write_recipe: Any, talk: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_recipe([talk(number) for number in range(3)])
    secret = "".join(reversed("TERCESARBEZ"))  # the traceback quotes source lines, and may

    def broken(*_: Any) -> None:
        raise ValueError(f"could not convert {secret}")

    monkeypatch.setattr("data_prep.prepare.ingest", broken)
    assert main(["prepare", str(path)]) == 1
    said = capsys.readouterr().err
    assert secret not in said
    assert "in broken" in said
    assert "crashed with ValueError" in said
    monkeypatch.setenv("WELLGATE_DEBUG", "1")
    with pytest.raises(ValueError, match=secret):
        main(["prepare", str(path)])
