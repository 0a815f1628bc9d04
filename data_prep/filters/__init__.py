"""One file a step on record texts; the file name is the word in the recipe."""
