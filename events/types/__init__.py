"""Every event, one frozen struct each, one file a subject; `any.py` is the union of them all."""
