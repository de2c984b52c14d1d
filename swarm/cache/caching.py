"""What a session may give again. Plain values, off by default."""

from __future__ import annotations

import msgspec

WEEK_S = 7 * 24 * 3600


class Caching(msgspec.Struct, frozen=True, kw_only=True):
    """Whether calls may get answers of earlier calls, and of which.

    `exact`: where everything that was sent is the same to the letter. `near`: where but the question's wording differs, by
    rules that look at all that may change its answer; it needs `exact`.
    """

    exact: bool = False
    near: bool = False
    ttl_s: int = WEEK_S  # an older answer is not given again
