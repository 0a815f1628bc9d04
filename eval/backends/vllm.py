"""The run's own files through vLLM, in this process: fast on a GPU. Needs the extra `vllm`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from wellgate.engine import Chat, Decoding, Engine, Written
from wellgate.errors import InputError
from wellgate.plugins import Backend

if TYPE_CHECKING:
    from wellgate.recipe import Recipe
    from wellgate.stages import Subject

RANKS = (8, 16, 32, 64, 128, 256, 512)
"""What vLLM takes as `max_lora_rank`."""


class Vllm(Backend):
    tensor_parallel_size: Annotated[int, Field(strict=True, ge=1)] = 1
    """GPUs over which each layer is spread."""
    gpu_memory_utilization: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.9
    """Share of the GPU's memory that vLLM takes."""
    max_model_len: Annotated[int, Field(strict=True, ge=1)] | None = None
    """Tokens of prompt and reply together; null: as the model's configuration says."""

    def open(self, recipe: Recipe, subject: Subject) -> VllmEngine:
        if recipe.model.quantization or (recipe.sft and recipe.sft.lora.use_dora):
            raise InputError("gate.backend: vllm asks neither a quantised base nor DoRA as they ship; set `use: local`")
        return VllmEngine(self, recipe, subject)


@cache
def _engine(**options: Any) -> Any:
    """Base and tuned model share one engine: a second one would find the GPU's memory taken."""
    try:
        from vllm import LLM
    except ImportError as error:
        raise InputError(
            f"gate.backend: vllm cannot be imported ({type(error).__name__}); `pip install 'wellgate[vllm]'`, or set `use: local`"
        ) from None
    return LLM(**options)


@dataclass
class VllmEngine(Engine):
    """A subject: the shared engine, with the adapter where it has one."""

    backend: Vllm
    recipe: Recipe
    subject: Subject

    @cached_property
    def tokenizer(self) -> Any:
        from wellgate.model import load_tokenizer

        return load_tokenizer(self.subject.files())

    @cached_property
    def llm(self) -> Any:
        rank = self.recipe.sft.lora.r if self.recipe.sft else 1
        return _engine(
            model=str(self.subject.files().folder),
            dtype=self.recipe.model.dtype,
            enable_lora=True,
            max_lora_rank=next((one for one in RANKS if one >= rank), rank),
            tensor_parallel_size=self.backend.tensor_parallel_size,
            gpu_memory_utilization=self.backend.gpu_memory_utilization,
            max_model_len=self.backend.max_model_len,
        )

    def text(self, chat: Chat) -> str:
        from wellgate.model import render

        return render(self.tokenizer, chat, True)

    def length(self, chat: Chat) -> int:
        return len(self._tokens(self.text(chat)))

    def _tokens(self, text: str) -> list[int]:
        from wellgate.model import encode

        return list(encode(self.tokenizer, text)["input_ids"])

    def write(self, chats: Sequence[Chat], how: Decoding) -> list[Written]:
        prompts = [self._tokens(self.text(chat)) for chat in chats]
        found = self._ask(prompts, [self._sampling(how, seed) for seed in how.seeds])
        return [
            Written(one.text.strip(), len(one.token_ids), one.finish_reason == "stop")
            for one in (output.outputs[0] for output in found)
        ]

    def _sampling(self, how: Decoding, seed: int) -> dict[str, Any]:
        from wellgate.model import stop_ids

        stop = sorted({*stop_ids(self.subject.files()), self.tokenizer.eos_token_id})
        return {"temperature": how.temperature, "seed": seed, "max_tokens": how.max_new_tokens, "stop_token_ids": stop}

    def weigh(self, chats: Sequence[Chat], options: Sequence[Sequence[str]]) -> list[list[float]]:
        asked = [self._tokens(self.text(chat)) for chat in chats]
        pairs = [(place, self._tokens(option)) for place, own in enumerate(options) for option in own]
        how = {"temperature": 0.0, "max_tokens": 1, "prompt_logprobs": 0}
        found = self._ask([asked[place] + reply for place, reply in pairs], [how] * len(pairs))
        scores: list[list[float]] = [[] for _ in chats]
        for (place, reply), output in zip(pairs, found, strict=True):
            likely = output.prompt_logprobs[len(asked[place]) :]
            scores[place].append(sum(one[token].logprob for token, one in zip(reply, likely, strict=True)) / len(reply))
        return scores

    @property
    def _number(self) -> int:
        """By which vLLM keeps an adapter: another adapter needs another one."""
        return int(self.subject.digest[:7], 16) + 1

    def _ask(self, prompts: Sequence[list[int]], sampling: Sequence[dict[str, Any]]) -> Any:
        llm = self.llm
        from vllm import SamplingParams
        from vllm.lora.request import LoRARequest

        adapter = self.subject.adapter
        return llm.generate(
            [{"prompt_token_ids": prompt} for prompt in prompts],
            [SamplingParams(**one) for one in sampling],
            lora_request=LoRARequest(self.subject.name, self._number, str(adapter)) if adapter else None,
            use_tqdm=False,
        )
