"""LoRA SFT and DPO on prepared data."""
