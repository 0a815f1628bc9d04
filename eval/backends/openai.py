"""A served model behind any OpenAI-compatible endpoint. What is served cannot be hashed, so it clears no export."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from eval.endpoint import Endpoint, Failed
from wellgate.engine import Chat, Decoding, Engine, Unanswered, Written
from wellgate.plugins import Backend
from wellgate.records import canonical_json

if TYPE_CHECKING:
    from wellgate.recipe import Recipe
    from wellgate.stages import Subject

T = TypeVar("T")
SNAPSHOT = r"-\d{4}-?\d{2}-?\d{2}"
"""What an endpoint may add to a model's name: the date of its snapshot."""
HOPELESS = 8
"""So many requests in a row that fail to the last try end a batch."""
NO_WEIGHTS = (
    "the endpoint gives no log-probabilities of options (/completions with echo and logprobs{status});"
    " serve the model where it does, as vLLM, and under the recipe's name, or leave this probe out of gate.probes"
)


class OpenAI(Backend):
    UNKEYED: ClassVar[set[str]] = {"base_model", "tuned_model", "api_key_env", "timeout", "retries", "concurrency"}

    url: str
    """The API's root, as http://localhost:8000/v1."""
    base_model: Annotated[str, Field(min_length=1)]
    """Name under which the base model is served."""
    tuned_model: Annotated[str, Field(min_length=1)]
    """Name under which the tuned model is served. Replies are kept by name: give new weights a new one."""
    api_key_env: str | None = None
    """Environment variable that holds the key; null: none is sent."""
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0
    """Seconds without a byte after which a request is given up."""
    retries: Annotated[int, Field(strict=True, ge=0)] = 3
    """Further tries after 429, 5xx, timeouts, dropped connections and nonsense."""
    concurrency: Annotated[int, Field(strict=True, ge=1)] = 8
    """Requests under way at once."""

    @field_validator("url")
    @classmethod
    def _plain(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            fine = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 80) > 0
        except ValueError:
            fine = False
        if not fine or "@" in parts.netloc or parts.query or parts.fragment or not url.isprintable():
            raise ValueError("write it as http://host:port/v1; a key stands in the variable that api_key_env names")
        return url

    @field_validator("api_key_env")
    @classmethod
    def _a_name(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError("the name of an environment variable, never the key itself")
        return name

    @model_validator(mode="after")
    def _two_models(self) -> OpenAI:
        if self.base_model == self.tuned_model:
            raise ValueError("base_model and tuned_model are the same; serve both, each under its own name")
        return self

    def model(self, subject: str) -> str:
        return self.tuned_model if subject == "tuned" else self.base_model

    def served(self, subject: str) -> str:
        return f"{urlsplit(self.url).netloc}, {self.model(subject)}"

    def open(self, recipe: Recipe, subject: Subject) -> OpenAIEngine:
        endpoint = Endpoint(self.url, self.api_key_env, self.timeout, self.retries, self.concurrency)
        return OpenAIEngine(recipe, endpoint, self.model(subject.name), self.concurrency)


@dataclass
class OpenAIEngine(Engine):
    """A model by its name."""

    recipe: Recipe
    endpoint: Endpoint
    model: str
    concurrency: int

    def text(self, chat: Chat) -> str:
        """The messages: the template that the endpoint puts around them cannot be seen."""
        return canonical_json(list(chat))

    def length(self, chat: Chat) -> int:
        return sum(len(one["content"]) for one in chat)

    def write(self, chats: Sequence[Chat], how: Decoding) -> list[Written | Unanswered]:
        def one(place: int) -> Written:
            body = {
                "messages": list(chats[place]),
                "max_tokens": how.max_new_tokens,
                "temperature": how.temperature,
                "top_p": 1.0,
                "seed": how.seeds[place],
            }
            return self.endpoint.post("chat/completions", {"model": self.model, **body}, self._written)

        return self._each(one, len(chats))

    def _written(self, answer: Any) -> Written:
        self._require_model(answer)
        choice = answer["choices"][0]
        text = choice["message"]["content"] or ""
        tokens = (answer.get("usage") or {}).get("completion_tokens") or 0
        if not isinstance(text, str) or not isinstance(tokens, int):
            raise TypeError
        whole = text.encode("utf-8", "replace").decode("utf-8").strip()
        return Written(whole, tokens, choice["finish_reason"] == "stop")

    def _require_model(self, answer: Any) -> None:
        """Base and tuned model must be two: some endpoints answer any name with what they have."""
        if not re.fullmatch(re.escape(self.model) + f"({SNAPSHOT})?", answer["model"]):
            raise Failed(f"the endpoint answered as another model than {self.model}; check the names it serves", True)

    @cached_property
    def tokenizer(self) -> Any:
        """Of the recipe's base: options are weighed after a prompt that is rendered here."""
        from wellgate.model import load_tokenizer
        from wellgate.stages import resolve_base

        return load_tokenizer(resolve_base(self.recipe))

    def weigh(self, chats: Sequence[Chat], options: Sequence[Sequence[str]]) -> list[list[float] | Unanswered]:
        from wellgate.model import encode, render

        prompts = [encode(self.tokenizer, render(self.tokenizer, chat, True))["input_ids"] for chat in chats]
        replies = [[encode(self.tokenizer, option)["input_ids"] for option in own] for own in options]
        return self._each(
            lambda place: [self._likelihood(prompts[place], reply) for reply in replies[place]], len(chats)
        )

    def _likelihood(self, prompt: list[int], reply: list[int]) -> float:
        """Token ids are sent, so that no second template and no other split of words gets between."""

        def read(answer: Any) -> float:
            self._require_model(answer)
            found = (answer["choices"][0].get("logprobs") or {}).get("token_logprobs") or []
            likely = found[len(prompt) : len(prompt) + len(reply)]
            if len(likely) < len(reply) or len(found) > len(prompt) + len(reply) + 1:
                raise Failed(NO_WEIGHTS.format(status=""), True)
            mean = float(sum(likely)) / len(reply)
            if not math.isfinite(mean):
                raise ValueError
            return mean

        body = {"prompt": prompt + reply, "max_tokens": 1, "temperature": 0.0, "echo": True, "logprobs": 1}
        try:
            return self.endpoint.post("completions", {"model": self.model, **body}, read)
        except Failed as failed:
            if failed.status in (400, 404, 405, 422, 501):
                raise Failed(NO_WEIGHTS.format(status=f": status {failed.status}"), True) from None
            raise

    def _each(self, ask: Callable[[int], T], count: int) -> list[T | Unanswered]:
        """All of a batch, many at once. Where asking on is hopeless, the rest is not asked."""
        lost: list[Failed] = []

        def one(place: int) -> T | Unanswered:
            seen = list(lost)
            if len(seen) >= HOPELESS or any(failed.final for failed in seen):
                return Unanswered(str(seen[-1]), seen[-1].final)
            try:
                answer = ask(place)
            except Failed as failed:
                lost.append(failed)
                return Unanswered(str(failed), failed.final)
            lost[:] = [failed for failed in lost if failed.final]
            return answer

        self.endpoint.client  # noqa: B018  # a key that is missing is said once, before any thread
        with ThreadPoolExecutor(self.concurrency) as pool:
            return list(pool.map(one, range(count)))
