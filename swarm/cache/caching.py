"""What a session may give again. Plain values, off by default."""

from __future__ import annotations

import msgspec

DAY_S = 24 * 3600
WEEK_S = 7 * 24 * 3600


class Caching(msgspec.Struct, frozen=True, kw_only=True):
    """Whether calls may get answers of earlier calls, and of which.

    `exact`: where everything that was sent is the same to the letter. `near`: where but the question's wording differs, by
    rules that look at all that may change its answer; it needs `exact`.
    """

    exact: bool = False
    near: bool = False
    suggests: bool = False  # a worker is told of an accepted answer to a question one word apart
    ttl_s: int = WEEK_S  # an older answer is not given again
    results: bool = False  # what tools said may be given again where it still holds
    results_ttl_s: int = DAY_S  # but for an older one, whatever its giver says of it
