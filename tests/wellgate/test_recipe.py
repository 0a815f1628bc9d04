"""A recipe loads, or says every problem at once with its line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellgate.errors import InputError
from wellgate.recipe import Recipe, load

GOOD = """\
name: tiny
model: {base: .}
prepare:
  sources:
    - {use: jsonl, path: talks.jsonl, licence: CC0-1.0, consent: synthetic}
"""
NEXT = GOOD.count("\n") + 1  # the line of what a test appends


def problems(folder: Path, text: str | bytes, *overrides: str) -> list[str]:
    """The lines of the one InputError, without the file's path; empty where the recipe loads."""
    path = folder / "recipe.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        load(path, list(overrides))
    except InputError as error:
        return [line.removeprefix(f"{path}:") for line in str(error).splitlines()]
    return []


def loaded(folder: Path, text: str, *overrides: str) -> Recipe:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, list(overrides))


def test_a_minimal_recipe_loads_with_defaults_and_without_optional_stages(write_recipe: Any) -> None:
    recipe = load(write_recipe([]))
    assert (recipe.name, recipe.prepare.format, recipe.sft, recipe.gate) == ("tiny", "parquet", None, None)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("sfft: {}", f"{NEXT}: sfft: unknown key; did you mean 'sft'?"),
        ("sft: {learning_rat: 1}", f"{NEXT}: sft.learning_rat: unknown key; did you mean 'learning_rate'?"),
        ("sft:\n  lora:\n    lora_alfa: 1", f"{NEXT + 2}: sft.lora.lora_alfa: unknown key; did you mean 'lora_alpha'?"),
        ("sft: {max_steps: many}", f"{NEXT}: sft.max_steps: Input should be a valid integer"),
        ("sft: {learning_rate: -1}", f"{NEXT}: sft.learning_rate: Input should be greater than 0"),
        ("sft: {learning_rate: .nan}", f"{NEXT}: sft.learning_rate: Input should be a finite number"),
        ("sft: {report_to: [mlflow]}", f"{NEXT}: sft.report_to.0: Input should be 'wandb' or 'trackio'"),
        ("sft: [1]", f"{NEXT}: sft: Input should be a valid dictionary"),
        ("seed: 1\nseed: 2", f"{NEXT + 1}: seed: stands twice; keep one"),
        ("sft:\n  seed: 1", f"{NEXT + 1}: sft.seed: unknown key"),
        ("1: one", "1: 1: Keys should be strings"),
        ("sft: {max_steps: 0}", f"{NEXT}: sft.max_steps: 0 steps train nothing; use -1 to train by epochs"),
        ("dpo: {}", "`dpo` continues the SFT adapter: add an `sft` section"),
        ("a: [1", f"{NEXT + 1}: not YAML"),
        ("a:\n\t- b", f"{NEXT + 1}: not YAML"),
        ("{a: 1}: 2", f"{NEXT}: not YAML"),
    ],
)
def test_a_problem_is_named_with_its_line_and_the_way_out(tmp_path: Path, extra: str, expected: str) -> None:
    (line,) = problems(tmp_path, GOOD + extra + "\n")
    assert expected in line


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("name: tiny\n", "", "1: name: is missing"),
        ("name: tiny", "name: ../up", "1: name: String should match pattern"),
        ("model: {base: .}\n", "", "1: model: is missing"),
        ("base: .", "base: some-org/some-model", "2: model: a Hub model needs `revision: <40-digit commit>`"),
        ("base: .", "base: some-org/some-model, revision: main", "2: model: a Hub model needs `revision"),
        ("base: .", "base: 'pypi:pkg==1.0/m.gguf'", "2: model: a wheel needs `revision: sha256:<64 hex digits>`"),
        ("base: .", "base: 'pypi:pkg/m.gguf'", "2: model: write a wheel's GGUF as pypi:package==version/file.gguf"),
        ("consent:", "consnt:", "5: prepare.sources.0.consnt: unknown key; did you mean 'consent'?"),
        ("path: talks.jsonl", "path: 7", "5: prepare.sources.0.path: Input should be a valid string"),
    ],
)
def test_a_broken_required_section_is_named_with_its_line(tmp_path: Path, old: str, new: str, expected: str) -> None:
    found = problems(tmp_path, GOOD.replace(old, new))
    assert any(expected in line for line in found), found


def test_all_problems_are_reported_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = GOOD.replace("tiny", "../up") + "sft: {lora: {r: 0}}\nsft: {max_step: 3}\ndpo: {bta: 1}\n"
    found = problems(tmp_path, text)
    assert [int(line.split(":")[0]) for line in found] == [1, NEXT + 1, NEXT + 1, NEXT + 2]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "a recipe is a mapping"),
        (b"- a\n", "a recipe is a mapping"),
        (b"just words\n", "a recipe is a mapping"),
        (b"name: \x01\n", "not YAML"),
        (b"name: \xff\xfe\n", "not UTF-8"),
        (b"name: a\n---\nname: b\n", "not YAML"),
    ],
)
def test_a_file_that_is_no_recipe_is_one_clear_line(tmp_path: Path, content: bytes, expected: str) -> None:
    (line,) = problems(tmp_path, content)
    assert expected in line


def test_a_missing_recipe_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nope\.yaml: cannot read the recipe"):
        load(tmp_path / "nope.yaml")


def test_the_value_of_a_wrong_key_is_not_shown(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, GOOD + "seed: Tamsin-lives-here\n")
    assert "Tamsin" not in line


@pytest.mark.parametrize(
    ("override", "read", "value"),
    [
        ("sft.learning_rate=1e-4", lambda recipe: recipe.sft.learning_rate, 1e-4),
        (
            "sft.lora.target_modules=[q_proj, v_proj]",
            lambda recipe: recipe.sft.lora.target_modules,
            ["q_proj", "v_proj"],
        ),
        ("prepare.sources.0.licence=MIT", lambda recipe: recipe.prepare.sources[0].licence, "MIT"),
        ("name=other", lambda recipe: recipe.name, "other"),
    ],
)
def test_an_override_replaces_one_value(tmp_path: Path, override: str, read: Any, value: object) -> None:
    assert read(loaded(tmp_path, GOOD, override)) == value


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed", "--set seed: write it as key.path=value"),
        ("=1", "--set =1: write it as key.path=value"),
        ("seed=[1", "--set seed: the value is not YAML"),
        ("name.x=1", "--set name.x: there is no such place"),
        ("prepare.sources.5.path=x", "--set prepare.sources.5.path: there is no such place"),
        ("sft.max_stps=1", "--set sft.max_stps: unknown key; did you mean 'max_steps'?"),
        ("seed=soon", "--set seed: Input should be a valid integer"),
    ],
)
def test_a_wrong_override_is_named_as_the_override(tmp_path: Path, override: str, expected: str) -> None:
    (line,) = problems(tmp_path, GOOD, override)
    assert line.startswith(expected)


@pytest.mark.parametrize("extra", ["str: 1", "seed: 2026-02-30", "sft: &again {lora: *again}"])
def test_odd_yaml_is_an_input_error_and_no_crash(tmp_path: Path, extra: str) -> None:
    assert problems(tmp_path, GOOD + extra + "\n")


def test_an_impossible_date_in_an_override_is_an_input_error(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD, "name=2026-02-30")


@pytest.mark.parametrize("extra", ["seed: yes", "sft: {learning_rate: on}"])
def test_a_yes_is_no_number(tmp_path: Path, extra: str) -> None:
    assert problems(tmp_path, GOOD + extra + "\n")


def test_a_number_may_be_written_with_an_exponent(tmp_path: Path) -> None:
    recipe = loaded(tmp_path, GOOD + "sft: {learning_rate: 1e-4, weight_decay: 1.5E+0}\n")
    assert recipe.sft
    assert (recipe.sft.learning_rate, recipe.sft.weight_decay) == (1e-4, 1.5)


def test_an_infinite_learning_rate_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD + "sft: {learning_rate: .inf}\n")


def test_a_problem_inside_an_overriding_section_is_named_as_the_override(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, GOOD, "sft={learning_rat: 1}")
    assert line.startswith("--set sft: sft.learning_rat: unknown key")


KEYS = st.sampled_from(
    ["name", "model", "prepare", "sources", "use", "sft", "lora", "gate", "probes", "thresholds", "0"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(places=st.lists(KEYS, min_size=1, max_size=3), value=VALUES)
def test_whatever_stands_in_a_recipe_it_loads_or_is_an_input_error(
    tmp_path: Path, places: list[str], value: object
) -> None:
    data: dict[str, Any] = yaml.safe_load(GOOD)
    target: Any = data
    for place in places[:-1]:
        target = target.setdefault(place, {}) if isinstance(target.get(place, {}), dict) else target
    target[places[-1]] = value
    problems(tmp_path, yaml.safe_dump(data))


def test_loading_a_recipe_imports_no_torch(write_recipe: Any) -> None:
    code = "import sys; from pathlib import Path; from wellgate.recipe import load; load(Path(sys.argv[1])); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code, str(write_recipe([]))], timeout=60).returncode == 0
