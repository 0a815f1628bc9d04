"""One file a way to leave; the file name is the word in the recipe."""
