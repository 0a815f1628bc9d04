"""The memorisation audit (D11): what a model gives away of the canaries and rows that it was trained on."""
