"""One file a way to ask a model; the file name is the word in the recipe."""
