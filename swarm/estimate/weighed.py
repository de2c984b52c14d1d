"""What came of the estimate of a run that starts, and an estimate in words. Cheap to import: every run needs it."""

from __future__ import annotations

import msgspec

from events.types.session import Estimated
from swarm.errors import dollars


class Weighed(msgspec.Struct, frozen=True):
    """A run that is to start: what is recorded of its estimate, and whether a person said yes to its cost just now."""

    estimate: Estimated | None = None
    confirmed: bool = False


def span_of(estimate: Estimated) -> str:
    """An estimate in a few words."""
    guess = ", a guess" if estimate.guess else ""
    return f"{dollars(estimate.p50_nanos)} (P50) to {dollars(estimate.p90_nanos)} (P90){guess}"


def room_told(tokens: int, likely: Estimated | None) -> str:
    """The cap of a run for which nobody named one: large, for it is to stop what goes wrong and not the work."""
    if likely is None:
        expected = ""
    else:
        few, many = likely.p50_tokens, likely.p90_tokens
        span = f"{few:,}" if few == many else f"{few:,} to {many:,}"
        expected = f"; {span} are likely{', a guess' if likely.guess else ''}"
    return (
        f"budget of this run: at most {tokens:,} tokens, room for every attempt and call that it may make{expected} "
        "(`budget:` names another)"
    )
