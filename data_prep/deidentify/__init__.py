"""Finding personal data (`detect.py`) and putting invented data in its place (`surrogates.py`)."""
