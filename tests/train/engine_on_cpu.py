"""`torchrun engine_on_cpu.py fsdp|zero RECIPE ...`: train/sft.py under FSDP2 or ZeRO-3 with gloo, on CPU tensors.

accelerate takes its FSDP2 and DeepSpeed paths on GPUs only and falls back to DDP on CPU in silence. Here it is made to believe
in a GPU while everything runs on CPU, so that its own sharding, gathering, saving and loading run, and ours around them.
"""

from __future__ import annotations

import os
import sys
from typing import Any

FSDP2 = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
    "FSDP_CPU_RAM_EFFICIENT_LOADING": "true",
    "FSDP_SYNC_MODULE_STATES": "true",
}
ZERO3 = {
    "ACCELERATE_USE_DEEPSPEED": "true",
    "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3",
    "ACCELERATE_DEEPSPEED_ZERO3_INIT": "true",
    "ACCELERATE_DEEPSPEED_ZERO3_SAVE_16BIT_MODEL": "true",
    "ACCELERATE_DEEPSPEED_OFFLOAD_OPTIMIZER_DEVICE": "none",
    "ACCELERATE_DEEPSPEED_OFFLOAD_PARAM_DEVICE": "none",
    "ACCELERATE_CONFIG_DS_FIELDS": "",
    "DS_ACCELERATOR": "cpu",
}
"""What `accelerate launch` sets from recipes/accelerate/fsdp2.yaml and zero3.yaml."""


def force_fsdp() -> None:
    """accelerate turns a multi-GPU state into FSDP, a multi-CPU state never."""
    from accelerate.state import AcceleratorState, PartialState
    from accelerate.utils import DistributedType

    real: Any = AcceleratorState.__init__

    def pretending(self: Any, *arguments: Any, cpu: bool = False, **keywords: Any) -> None:
        if PartialState._shared_state.get("distributed_type") == DistributedType.MULTI_CPU:
            PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
        real(self, *arguments, **keywords)

    AcceleratorState.__init__ = pretending


def force_zero() -> None:
    """accelerate hands CPU processes to DeepSpeed only when it was not told that they are."""
    import transformers.training_args
    from accelerate.state import PartialState
    from accelerate.utils import DistributedType

    from train import sft

    real = sft.sft_arguments
    sft.sft_arguments = lambda *arguments: real(*arguments) | {"use_cpu": False}
    PartialState._prepare_backend = lambda self, *arguments: ("gloo", DistributedType.MULTI_CPU)
    transformers.training_args.is_torch_bf16_gpu_available = lambda: True


def main(engine: str, arguments: list[str]) -> int:
    os.environ.update(FSDP2 if engine == "fsdp" else ZERO3)
    from train import ranks, sft
    from wellgate.world import declared

    {"fsdp": force_fsdp, "zero": force_zero}[engine]()
    ranks.require_devices = declared  # it would ask for GPUs
    return sft.main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
