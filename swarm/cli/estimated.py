"""An estimate that was recorded: in words, as data, and beside what the run cost."""

from __future__ import annotations

from typing import Any

from events.log import EventLog
from events.types.session import Estimated, SessionOpened
from swarm.cli.recorded import decimal_usd
from swarm.errors import dollars
from swarm.estimate.weighed import span_of


async def estimate_of(log: EventLog, session: int) -> Estimated | None:
    """What the session was expected to cost when it was opened; None where nobody foresaw it."""
    first = await log.read(session=session, limit=1)
    opened = first[0].event if first else None
    return opened.estimate if isinstance(opened, SessionOpened) else None


def beside(estimate: Estimated, nanos: int) -> str:
    """What a run cost, beside what was foreseen."""
    if nanos <= estimate.p50_nanos:
        where = "below P50"
    elif nanos <= estimate.p90_nanos:
        where = "between P50 and P90"
    else:
        where = "above P90"
    return f"cost {dollars(nanos)}, {where} of its estimate of {span_of(estimate)}"


def summary_document(estimate: Estimated | None) -> dict[str, Any] | None:
    """An estimate as programs read it; None where there is none."""
    if estimate is None:
        return None
    return {
        "p50_nanos": estimate.p50_nanos,
        "p90_nanos": estimate.p90_nanos,
        "p50_usd": decimal_usd(estimate.p50_nanos),
        "p90_usd": decimal_usd(estimate.p90_nanos),
        "p50_tokens": estimate.p50_tokens,
        "p90_tokens": estimate.p90_tokens,
        "guess": estimate.guess,
    }
