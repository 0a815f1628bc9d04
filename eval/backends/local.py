"""The run's own files through transformers, in this process: the reference for what ships."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wellgate.engine import Chat, Decoding, Engine, Written
from wellgate.plugins import Backend

if TYPE_CHECKING:
    from wellgate.recipe import Recipe
    from wellgate.stages import Subject


class Local(Backend):
    def open(self, recipe: Recipe, subject: Subject) -> LocalEngine:
        return LocalEngine(recipe, subject)


@dataclass
class LocalEngine(Engine):
    """A subject, loaded when it is first asked."""

    recipe: Recipe
    subject: Subject
    _loaded: tuple[Any, Any] | None = None

    def loaded(self) -> tuple[Any, Any]:
        """Model and tokenizer. A LoRA adapter is merged: unmerged it halves the speed.

        On a quantised base it is not: what ships is the adapter beside that base, and merging into
        rounded weights gives another model.
        """
        from wellgate import model as loading

        if self._loaded is None:
            loading.quiet()
            base = self.subject.files()
            model = loading.load_model(base, self.recipe.model, self.subject.adapter)
            if self.subject.adapter and not self.recipe.model.quantization:
                model = model.merge_and_unload(safe_merge=True)
            self._loaded = model.eval(), loading.load_tokenizer(base)
        return self._loaded

    def text(self, chat: Chat) -> str:
        from wellgate.model import render

        return render(self.loaded()[1], chat, True)

    def length(self, chat: Chat) -> int:
        from wellgate.model import encode

        return len(encode(self.loaded()[1], self.text(chat))["input_ids"])

    def write(self, chats: Sequence[Chat], how: Decoding) -> list[Written]:
        """All in one left-padded batch: bf16 greedy text depends on the batch it is computed in."""
        import torch

        from wellgate.model import generate

        model, tokenizer = self.loaded()
        sampling = {"do_sample": True, "temperature": how.temperature, "top_k": 0, "top_p": 1.0}
        decoding = sampling if how.temperature else {"do_sample": False}
        if how.seed is not None:
            torch.manual_seed(how.seed)
        with torch.inference_mode():
            return generate(model, tokenizer, [self.text(chat) for chat in chats], how.max_new_tokens, **decoding)

    def weigh(self, chats: Sequence[Chat], options: Sequence[Sequence[str]]) -> list[list[float]]:
        import torch

        from wellgate.model import option_scores

        model, tokenizer = self.loaded()
        with torch.inference_mode():
            return [
                option_scores(model, tokenizer, self.text(chat), own) for chat, own in zip(chats, options, strict=True)
            ]
