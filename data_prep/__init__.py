"""Raw data to de-identified, split, documented training files."""
