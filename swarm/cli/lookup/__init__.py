"""What the views of the live screen look up: each the same numbers as the command of its name, as of a place in the log."""
