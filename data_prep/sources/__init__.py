"""One file a data source; the file name is the word in the recipe."""
