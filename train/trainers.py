"""TRL's trainers, fed with rows that are tokenised already. The loops, losses and checkpoints are TRL's."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import trl.trainer.utils as trl_utils
from datasets import disable_progress_bars
from peft.helpers import disable_input_dtype_casting
from transformers import TrainerCallback
from trl import DPOTrainer, KTOTrainer, SFTTrainer

from train.order import Ordered

trl_utils._use_triton = lambda device: True
"""TRL projects only supervised positions through the language-model head, but on Triton devices alone (on others
it fears recompilation, which CPUs and eager CUDA do not have). With it, masked positions cost nothing here either."""


class FirstLoss(TrainerCallback):  # type: ignore[misc]
    """Hands the loss of the very first step to a check that may stop the run."""

    def __init__(self, require: Callable[[float], None]) -> None:
        self.require = require

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if state.global_step == 1 and logs and "loss" in logs:
            self.require(float(logs["loss"]))


class SupervisedTrainer(Ordered, SFTTrainer):  # type: ignore[misc]
    """TRL's SFT on rows with `input_ids` and `labels`."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """No TRL card in checkpoints: the gate writes the card."""


class Continued:
    """A trainer that goes on with an adapter, against a frozen copy of it named `ref`, on rows of token ids."""

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset

    def _precompute_ref_logps(self, *args: Any, **kwargs: Any) -> Any:
        """With the precision that training has (`session.train`), and a bar on a terminal only."""
        own: Any = super()
        if not sys.stderr.isatty():
            os.environ["TQDM_DISABLE"] = "1"
            disable_progress_bars()
        with disable_input_dtype_casting(self.model):  # type: ignore[attr-defined]
            return own._precompute_ref_logps(*args, **kwargs)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """No TRL card in checkpoints: the gate writes the card."""


class PreferenceTrainer(Continued, Ordered, DPOTrainer):  # type: ignore[misc]
    """TRL's DPO on rows with `prompt_ids`, `chosen_ids` and `rejected_ids`."""

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if "length" not in self._signature_columns:
            self._signature_columns.append("length")  # kept for the sampler that groups by length


class FeedbackTrainer(Continued, Ordered, KTOTrainer):  # type: ignore[misc]
    """TRL's KTO on rows with `prompt_ids`, `completion_ids`, `KL_completion_ids` and `label`, in their order."""
