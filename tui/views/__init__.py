"""One view of the log a file: what it shows, and the keys that belong to it alone."""
