"""How often Python looks for garbage in cycles while a session runs."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager

RARE = (20_000, 20, 50)
"""A session makes many small objects, keeps what it folded, and leaves few cycles: to look after every 700th object cost a
seventh of the processor time of a run (bench/run.py), after every 20,000th it does not show, in time or in memory."""

_found: list[tuple[int, int, int]] = []  # what held before the first, once for each session that runs in this process


@contextmanager
def rare_collections() -> Generator[None]:
    """Look seldom; when the last session ends it is as it was. Who looks more seldom already, or never, is left alone."""
    _found.append(_found[0] if _found else gc.get_threshold())
    if 0 < gc.get_threshold()[0] < RARE[0]:
        gc.set_threshold(*RARE)
    try:
        yield
    finally:
        before = _found.pop()
        if not _found:
            gc.set_threshold(*before)
