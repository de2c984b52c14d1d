"""The skill library and the shipped skills. Knows nothing of the other packages."""
