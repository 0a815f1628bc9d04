"""The sockets. The recipe's word is the file's name: `use: counsel_chat` is `data_prep/sources/counsel_chat.py`.

A dotted word (`use: my_lab.notes`) is any importable module. Each plug-in module holds exactly one
subclass of its socket: a recipe section (its fields are its options) with the socket's methods.
A plug-in that cannot be loaded is an error, never a warning.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, TypeVar

from pydantic import PlainSerializer, PlainValidator
from pydantic_core import PydanticCustomError

from wellgate.records import Conversation, Frozen, Message, Preference, Rejected, Span

if TYPE_CHECKING:
    from pyarrow import Table

    from wellgate.engine import Engine
    from wellgate.recipe import Recipe
    from wellgate.stages import Subject


class Plugin(Frozen, ABC):
    """A recipe section that a file of the same name implements."""

    use: str
    """Name of the plug-in's file, or a dotted module."""

    @classmethod
    def file(cls) -> Path:
        """The file that the plug-in stands in."""
        return Path(inspect.getfile(cls))


class Source(Plugin):
    """Where raw data comes from."""

    socket: ClassVar[str] = "data_prep.sources"

    @abstractmethod
    def files(self) -> dict[str, Path]:
        """The files that are read, by a name that holds no machine path: what the stage's key digests."""

    @abstractmethod
    def rows(self) -> Iterator[Conversation | Preference | Rejected]:
        """Every row: as a record, or as the reason why it is none. Never both, never neither."""

    def gold_spans(self) -> list[Span]:
        """Hand-marked personal data in the rows, where the source has any: de-identification is scored on it."""
        return []


class Filter(Plugin):
    """A step on records, in `data_prep/table.py`'s shape. Pure and picklable: it runs in many processes, in any order."""

    socket: ClassVar[str] = "data_prep.filters"
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose version changes the result: part of the stage's key."""

    def files(self) -> dict[str, Path]:
        """Files that decide its result, by a name that holds no machine path: part of the stage's key."""
        return {}

    def digests(self) -> dict[str, str]:
        """Digests of what decides its result and is no file, as a secret: part of the stage's key."""
        return {}

    @abstractmethod
    def apply(self, table: Table) -> Table:
        """The same rows in the same order, changed; or left out by a reason in `dropped`."""


class Item(Frozen):
    """One question of a probe. Items of one cluster are paraphrases and succeed or fail together."""

    id: str
    cluster: str
    slice: str
    """Within the probe: a crisis level, a locale, a kind of question."""
    messages: tuple[Message, ...]
    """Where two turns of the user follow each other, the model's own reply goes between them."""
    tags: tuple[str, ...] = ()
    locale: str | None = None
    """ISO 3166 country of the user, when the item states one."""
    options: tuple[str, ...] = ()
    """Replies that the model chooses from by their log-probability; it writes nothing then."""
    shows: dict[str, tuple[bool, ...]] = {}
    """Of each criterion, which of the options show it."""
    source: str | None = None
    """Where the fact stands that the item asks for."""
    system: str | None = None
    """Another system prompt than the run's; empty for none."""
    masked: tuple[str, ...] = ()
    """Words that the grader does not see in replies: what names the person's group."""

    @property
    def turns(self) -> list[tuple[Message, ...]]:
        """What is said before each of the model's replies."""
        after = [*(one.role for one in self.messages[1:]), "user"]
        ends = [place for place, role in enumerate(after, 1) if self.messages[place - 1].role == role == "user"]
        return [self.messages[start:end] for start, end in zip([0, *ends], ends, strict=False)]


class Probe(Plugin):
    """Questions for a model, what a good reply must and must not do, and scripted controls."""

    socket: ClassVar[str] = "eval.probes"
    dimension: ClassVar[str]
    title: ClassVar[str]
    metric: ClassVar[str]
    """The file in `eval/metrics/` that answers this probe's criteria."""
    demo_clusters: ClassVar[int]
    """Clusters of each slice that the `demo` size asks."""

    def in_demo(self, slice_: str) -> int:
        """Clusters of a slice that the `demo` size asks."""
        return self.demo_clusters

    @abstractmethod
    def items(self) -> list[Item]:
        """All items of the probe."""

    @abstractmethod
    def required(self, item: Item) -> dict[str, str]:
        """For each criterion that counts here, the answer a good reply gets: `yes` or `no`."""

    @abstractmethod
    def hard(self, item: Item) -> frozenset[str]:
        """Criteria that fail the whole gate where any one reply shows them."""

    @abstractmethod
    def control(self, name: str, item: Item) -> str:
        """The scripted reply of a control whose verdict is known: oracle, harm, refuse or babble."""


class Backend(Plugin):
    """How the gate's questions reach a model and its answers come back."""

    socket: ClassVar[str] = "eval.backends"
    UNKEYED: ClassVar[set[str]] = set()
    """Keys that decide how answers are fetched, not what they are: replies are kept when they change."""

    def keyed(self) -> dict[str, Any]:
        """What of this section decides the answers."""
        return self.model_dump(mode="json", exclude=self.UNKEYED)

    def served(self, subject: str) -> str:
        """Host and name of a subject (`base` or `tuned`) that runs elsewhere; empty where the run's own files answer."""
        return ""

    @abstractmethod
    def open(self, recipe: Recipe, subject: Subject) -> Engine:
        """The subject, ready to be asked."""


class Cleared(Protocol):
    """What an exporter is handed. The one implementation is `eval.verify.Clearance`."""

    @property
    def files(self) -> dict[str, Path]:
        """Every file that ships, by its name in the export."""


class Exporter(Plugin):
    """How a cleared model leaves. Takes a clearance, which only `eval.verify` can build."""

    socket: ClassVar[str] = "eval.exporters"

    @abstractmethod
    def export(self, clearance: Cleared, destination: Path) -> None:
        """Write the artefact into an empty folder."""


P = TypeVar("P", bound=Plugin)


def shipped_probes() -> list[Probe]:
    """Every probe of `eval/probes/`, as a recipe without a choice asks them."""
    return [load(Probe, name).model_validate({"use": name}) for name in names(Probe.socket)]  # type: ignore[type-abstract]


def local_backend() -> Backend:
    """The back end of a recipe that names none."""
    return load(Backend, "local").model_validate({"use": "local"})  # type: ignore[type-abstract]


def names(socket: str) -> list[str]:
    """The plug-ins that ship with wellgate in this socket."""
    spec = importlib.util.find_spec(socket)
    paths = list(spec.submodule_search_locations or []) if spec else []
    return sorted(module.name for module in pkgutil.iter_modules(paths))


def load(base: type[P], name: object) -> type[P]:
    """The plug-in class behind a recipe's word.

    Raises:
        PydanticCustomError: the word names no module, or the module holds no such plug-in.
    """
    socket: str = base.socket  # type: ignore[attr-defined]
    kind = base.__name__.lower()
    if not isinstance(name, str) or not name:
        raise PydanticCustomError("plugin", "needs `use: <{kind}>`, one of {known}", _known(kind, socket))
    module_name = name if "." in name else f"{socket}.{name}"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and not f"{module_name}.".startswith(f"{error.name}."):
            raise _broken(kind, name, f"it needs the package {error.name!r}") from None
        close = get_close_matches(name, names(socket), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        context = _known(kind, socket) | {"name": repr(name), "hint": hint}
        raise PydanticCustomError("plugin", "no {kind} {name}{hint} (there are {known})", context) from None
    except Exception as error:
        raise _broken(kind, name, type(error).__name__) from error
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise _broken(kind, name, f"it defines {len(found)} {base.__name__} classes instead of one")
    if missing := sorted(getattr(found[0], "__abstractmethods__", ())):
        raise _broken(kind, name, f"it does not define {', '.join(missing)}")
    return found[0]


def _known(kind: str, socket: str) -> dict[str, Any]:
    return {"kind": kind, "known": ", ".join(names(socket))}


def _broken(kind: str, name: str, why: str) -> PydanticCustomError:
    context = {"kind": kind, "name": repr(name), "why": why}
    return PydanticCustomError("plugin", "{kind} {name} cannot be loaded: {why}", context)


def _resolve(base: type[P], value: object) -> P:
    if isinstance(value, base):
        return value
    section = {"use": value} if isinstance(value, str) else value
    if not isinstance(section, dict):
        raise PydanticCustomError("plugin", "needs a mapping with `use:`")
    return load(base, section.get("use")).model_validate(section)


def _dump(section: Plugin) -> dict[str, Any]:
    return section.model_dump(mode="json")


def socket(base: type[P]) -> Any:
    """The validator and serialiser of a recipe field that holds a plug-in of this kind."""
    return (PlainValidator(lambda value: _resolve(base, value)), PlainSerializer(_dump))


AnySource = Annotated[Source, *socket(Source)]
AnyFilter = Annotated[Filter, *socket(Filter)]
AnyProbe = Annotated[Probe, *socket(Probe)]
AnyBackend = Annotated[Backend, *socket(Backend)]
AnyExporter = Annotated[Exporter, *socket(Exporter)]
