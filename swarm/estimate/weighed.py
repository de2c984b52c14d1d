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
