"""A model that answers, wherever it runs: what a back end opens, and what the gate asks of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

Chat = Sequence[dict[str, str]]
"""Messages as chat templates and endpoints take them, the system prompt first."""


@dataclass(frozen=True)
class Decoding:
    """How replies to one batch are written."""

    max_new_tokens: int
    temperature: float
    """0 is greedy."""
    seed: int | None
    """Of the batch, for engines that draw for all of it together. None: the draws of the turn before go on."""
    seeds: tuple[int, ...]
    """Of each conversation, for engines that draw for each apart: equal seeds would tie their replies together."""


@dataclass(frozen=True)
class Written:
    """What a model wrote to one prompt."""

    text: str
    tokens: int
    """Its end token is counted. 0 where an endpoint does not say."""
    finished: bool
    """False when it was cut."""


@dataclass(frozen=True)
class Unanswered:
    """No reply, for a reason that says nothing about the model."""

    reason: str
    """Status and way out; never a text that was sent or came back."""
    final: bool = False
    """Asking again cannot help."""


class Engine(ABC):
    """One subject, ready to be asked. Answers stand in the order of what was asked."""

    @abstractmethod
    def text(self, chat: Chat) -> str:
        """The prompt as it is sent: its digest pins what was asked."""

    @abstractmethod
    def length(self, chat: Chat) -> int:
        """How long a prompt is, to put alike ones into one batch."""

    @abstractmethod
    def write(self, chats: Sequence[Chat], how: Decoding) -> Sequence[Written | Unanswered]:
        """One reply to each conversation."""

    @abstractmethod
    def weigh(self, chats: Sequence[Chat], options: Sequence[Sequence[str]]) -> Sequence[list[float] | Unanswered]:
        """For each conversation, the mean log-probability of a token of each of its options as the reply, in nats."""
