"""Task files: read with every problem at its line and column."""
