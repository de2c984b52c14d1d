"""The record: event types, the append-only log, followers, views. Knows nothing of the other packages."""
