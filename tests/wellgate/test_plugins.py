"""The recipe's word is the file's name; a plug-in that cannot be loaded is an error."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wellgate.errors import InputError
from wellgate.plugins import Backend, Exporter, Filter, Plugin, Probe, Source, load, names
from wellgate.recipe import load as load_recipe

SOCKETS: tuple[type[Plugin], ...] = (Source, Filter, Probe, Backend, Exporter)
SHIPPED = [(kind, name) for kind in SOCKETS for name in names(kind.socket)]  # type: ignore[attr-defined]
NUMBERS = itertools.count()
SOURCE = """\
from wellgate.plugins import Source
class {name}(Source):
    colour: str = "red"
    def files(self): return {{}}
    def rows(self): return iter(())
"""
WriteModule = Callable[[str], str]


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteModule:
    """Write a plug-in outside of the repository and return the dotted word for it."""

    def write(text: str) -> str:
        package = f"lab_{next(NUMBERS)}"
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / "notes.py").write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        return f"{package}.notes"

    return write


@pytest.mark.parametrize(
    ("kind", "name"), SHIPPED, ids=lambda value: value if isinstance(value, str) else value.__name__
)
def test_every_shipped_plugin_loads_by_its_file_name(kind: type[Plugin], name: str) -> None:
    found = load(kind, name)
    assert issubclass(found, kind)
    assert found.__module__ == f"{kind.socket}.{name}"  # type: ignore[attr-defined]


def test_the_sources_and_filters_that_ship_are_listed() -> None:
    assert {"starter", "jsonl", "counsel_chat"} <= set(names("data_prep.sources"))
    assert "deidentify" in names("data_prep.filters")


def test_a_dotted_word_is_any_importable_module(write_module: WriteModule, write_recipe: Any) -> None:
    word = write_module(SOURCE.format(name="Notes"))
    recipe = load_recipe(write_recipe(sources=[{"use": word, "colour": "blue"}]))
    assert recipe.prepare.sources[0].model_dump() == {"use": word, "colour": "blue"}


def test_a_bare_word_is_short_for_a_mapping_with_use(write_recipe: Any) -> None:
    assert load_recipe(write_recipe(sources=["starter"])) == load_recipe(write_recipe(sources=[{"use": "starter"}]))


def test_options_stand_in_the_dumped_recipe_so_that_they_are_hashed(write_recipe: Any) -> None:
    recipe = load_recipe(write_recipe([], filters=[{"use": "deidentify", "year": 1999}]))
    (dumped,) = recipe.model_dump(mode="json")["prepare"]["filters"]
    assert dumped["year"] == 1999


def test_an_unknown_option_is_an_error_with_a_suggestion(write_recipe: Any) -> None:
    with pytest.raises(InputError, match=r"prepare\.filters\.0\.secrt: unknown key; did you mean 'secret_from'"):
        load_recipe(write_recipe([], filters=[{"use": "deidentify", "secrt": "abc"}]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\n", "it defines 0 Source classes instead of one"),
        (SOURCE.format(name="One") + SOURCE.format(name="Two"), "it defines 2 Source classes instead of one"),
        ("from data_prep.sources.jsonl import Jsonl\n", "it defines 0 Source classes instead of one"),
        ("import surely_not_installed\n", "it needs the package 'surely_not_installed'"),
        ("1 / 0\n", "ZeroDivisionError"),
        ("def (:\n", "SyntaxError"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_an_error(
    write_module: WriteModule, write_recipe: Any, text: str, expected: str
) -> None:
    with pytest.raises(InputError, match="cannot be loaded: ") as error:
        load_recipe(write_recipe(sources=[write_module(text)]))
    assert expected in str(error.value)


@pytest.mark.parametrize("word", ["no_such", "no.such", "..", ".", "os.path", "", None, 7, ["jsonl"]])
def test_a_word_that_names_no_plugin_is_an_error(write_recipe: Any, word: object) -> None:
    with pytest.raises(InputError, match=r"prepare\.sources\.0: "):
        load_recipe(write_recipe(sources=[{"use": word}]))


def test_a_filter_is_no_source(write_recipe: Any) -> None:
    with pytest.raises(InputError, match="it defines 0 Source classes"):
        load_recipe(write_recipe(sources=["data_prep.filters.deidentify"]))


@pytest.mark.parametrize("word", ["jsonnl", "data_prep.filters.deidentify"])
def test_an_error_names_the_word_from_the_recipe(write_recipe: Any, word: str) -> None:
    with pytest.raises(InputError) as error:
        load_recipe(write_recipe(sources=[word]))
    assert f"source '{word}'" in str(error.value)


def test_a_missing_package_is_named_even_if_the_plugins_name_begins_like_it(
    write_module: WriteModule, write_recipe: Any
) -> None:
    word = write_module("import lab\n")
    with pytest.raises(InputError, match="it needs the package 'lab'"):
        load_recipe(write_recipe(sources=[word]))


def test_a_plugin_that_lacks_a_method_is_an_error(write_module: WriteModule, write_recipe: Any) -> None:
    word = write_module("from wellgate.plugins import Source\nclass Half(Source):\n    def files(self): return {}\n")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_recipe(write_recipe(sources=[word]))
