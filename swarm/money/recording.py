"""Recording caps: what stands in place of settings and task file from the next call on."""

from __future__ import annotations

from collections.abc import Sequence

from events.log import EventLog, NewEvent
from events.scopes import session_of
from events.types.call import BudgetSet
from swarm.money.ledger import TOPIC


async def record_caps(log: EventLog, caps: Sequence[BudgetSet]) -> None:
    """Append the caps as one: all of them hold, or none. A session's own stand among its events."""
    await log.append([NewEvent(event=cap, topic=TOPIC, session=session_of(cap.scope)) for cap in caps], durable=True)
