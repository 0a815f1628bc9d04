"""One file a probe, its items beside it; the file name is the word in the recipe."""
