"""What makes the calls of a session, as its plan has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from events.log import Clock
from swarm.calls import Calls
from swarm.engine.consent import Consent
from swarm.engine.past import Past
from swarm.money.ledger import Ledger
from swarm.plan import Plan
from swarm.tries import Connected


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
