"""What makes the calls of a session, as its plan has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from events.log import Clock, EventLog
from swarm.calls import Calls
from swarm.engine.consent import Consent
from swarm.engine.past import Past
from swarm.engine.world import Surroundings
from swarm.money.ledger import Ledger
from swarm.plan import Plan
from swarm.tries import Connected

if TYPE_CHECKING:
    from swarm.repeats import Repeats


def calls_of(
    plan: Plan,
    ledger: Ledger,
    models: Mapping[str, Connected],
    consent: Consent,
    past: Past,
    *,
    redact: Callable[[str], str],
    clock: Clock,
) -> Calls:
    """Return them with what the session may give again."""
    return Calls(
        ledger=ledger,
        models=models,
        redact=redact,
        tries=plan.tries,
        on_unknown=plan.on_unknown,
        confirm=consent.confirm,
        ask=consent.ask,
        time_zone=plan.time_zone,
        patience_s=plan.patience_s,
        clock=clock,
        repeats=past.repeats,
    )


async def repeats_of(
    log: EventLog, plan: Plan, models: Mapping[str, Connected], around: Surroundings, clock: Clock
) -> Repeats | None:
    """What the session may give again; None where that is nothing."""
    if not plan.caching.exact:
        return None
    from swarm.repeats import open_repeats, open_suggestions  # what few runs need

    if plan.caching.suggests:
        around.suggested = await open_suggestions(log, plan.caching, project=str(around.root), clock=clock)
    return await open_repeats(log, plan.caching, models, project=str(around.root), clock=clock)
