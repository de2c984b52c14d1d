"""Counts of tokens as strangers give them: what is a count at all, and which reading of several holds."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from swarm.messages import PART_TOO_LARGE, TOTAL_DIFFERS
from swarm.models.failures import UNREADABLE

MAX_TOKENS_OF_A_CALL = 1_000_000_000
"""A count beyond this is taken for a mistake, and so as not given."""


def decoded(raw: bytes | msgspec.Raw) -> object:
    """Return what a piece of JSON holds, and an empty list, in which there are no counts, for what cannot be read.

    >>> decoded(b'{"input_tokens": 5}'), decoded(b"1e999"), decoded(b"null")
    ({'input_tokens': 5}, [], None)
    """
    try:
        return msgspec.json.decode(raw)
    except UNREADABLE:  # a number that no integer holds
        return []


def count_of(value: object) -> int | None:
    """Return a count, None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_TOKENS_OF_A_CALL:
        return None
    return value


def agreed(
    readings: Sequence[tuple[int, int]], *, total: int | None, as_written: tuple[int, int]
) -> tuple[int, int, str]:
    """Return input and output of the reading that holds, and the doubt that stays.

    Of the readings that can be, the first that comes to the provider's own total holds; where none does, or there is no
    total, the first of all, with a doubt if it is not the one that the provider's documentation means.
    """
    agreeing = [reading for reading in readings if sum(reading) == total]
    if agreeing:
        return *agreeing[0], ""
    doubt = TOTAL_DIFFERS if total is not None else PART_TOO_LARGE if readings[0] != as_written else ""
    return *readings[0], doubt
