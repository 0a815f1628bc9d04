"""Records that mean the same in other words, by vectors of a small model that the recipe names. Optional: needs semhash."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_prep.dedup import Duplicate
from wellgate.errors import InputError


def same_meaning(texts: Sequence[str], model: str, least: float = 0.9) -> dict[int, Duplicate]:
    """Records that mean what an earlier one means, by position, for a person to look at: vectors also confuse.

    `model` is a folder or Hub id of a static model (model2vec) or of a small encoder (BERT, MiniLM), whose word vectors
    are averaged. `least` is a cosine. Duplicates of duplicates are not joined. All texts and vectors are in memory.

    Raises:
        InputError: there is no such model.
    """
    try:
        from semhash import SemHash
    except ImportError:
        raise InputError("prepare.same_meaning: semhash is not installed; `pip install semhash`") from None
    if not texts:
        return {}
    records = [{"row": str(row), "text": text} for row, text in enumerate(texts)]
    found = SemHash.from_records(records, columns=["text"], model=_encoder(model)).self_deduplicate(least)
    return {
        int(one.record["row"]): Duplicate(int(one.duplicate_of["row"]), "semantic", round(float(one.score), 4))
        for one in found.filtered
    }


def _encoder(model: str) -> Any:
    """Whatever encodes texts as vectors, with `encode(texts)`."""
    from huggingface_hub import hf_hub_download
    from model2vec import StaticModel

    try:
        config = Path(model) / "config.json"
        config = config if config.exists() else Path(hf_hub_download(model, "config.json"))
        static = json.loads(config.read_text(encoding="utf-8")).get("model_type", "model2vec") == "model2vec"
        return StaticModel.from_pretrained(model) if static else Averaged(model)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{model}: no vector model ({type(error).__name__}); name a folder or a Hub id of a model2vec or BERT model"
        ) from None


class Averaged:
    """A transformer whose token vectors are averaged, as sentence-transformers' MiniLM models are used."""

    def __init__(self, model: str) -> None:
        from transformers import AutoModel, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(model)
        self.model = AutoModel.from_pretrained(model, dtype="float32").eval()

    def encode(self, inputs: Sequence[str], **_: Any) -> npt.NDArray[np.float32]:
        """One vector a text, of its first 256 tokens; 64 texts at a time, of like length."""
        order = sorted(range(len(inputs)), key=lambda row: len(inputs[row]))
        vectors = [self._batch([inputs[row] for row in order[at : at + 64]]) for at in range(0, len(order), 64)]
        sorted_back: npt.NDArray[np.float32] = np.concatenate(vectors)[np.argsort(order)]
        return sorted_back

    def _batch(self, texts: list[str]) -> npt.NDArray[np.float32]:
        import torch

        tokens = self.tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
        with torch.inference_mode():
            states = self.model(**tokens).last_hidden_state
        seen = tokens["attention_mask"].unsqueeze(-1)
        mean: npt.NDArray[np.float32] = ((states * seen).sum(1) / seen.sum(1).clamp(min=1)).numpy()
        return mean
