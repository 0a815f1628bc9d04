"""LoRA SFT, DPO and KTO on prepared data."""
