"""wellgate: fine-tune mental-health language models that have to earn their release."""

__version__ = "0.1.0"
