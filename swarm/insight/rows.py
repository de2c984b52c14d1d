"""The prices that held in a session: the rows of the plans that its owners ran with."""

from __future__ import annotations

from collections.abc import Set

import msgspec

from events.bus import read_all
from events.log import EventLog
from events.types.base import TextRef
from events.types.call import CallReserved
from events.types.session import SessionClaimed, SessionOpened
from swarm.insight.story import Story, text_or_none
from swarm.messages import Price
from swarm.plan import Plan


class PriceRows(msgspec.Struct):
    """The prices that held in a session, by the position from which each plan of it did."""

    plans: list[tuple[int, Plan]]

    def of(self, call: CallReserved, at: int) -> Price | None:
        """The row that a call was priced with; None where the log does not keep it any more."""
        for position, plan in reversed(self.plans):
            if position <= at:
                prices = (model.price for model in plan.roster.models if model.name == call.model)
                return next((price for price in prices if price and price.row == call.price), None)
        return None


async def read_prices(log: EventLog, story: Story) -> PriceRows:
    """The plans that the session's owners ran with; one that cannot be read any more is left out."""
    plans: list[tuple[int, Plan]] = []
    for entry in story.own:
        if isinstance(entry.event, SessionOpened | SessionClaimed) and entry.event.settings is not None:
            plan = await _plan(log, entry.event.settings, entry.position)
            if plan is not None:
                plans.append((entry.position, plan))
    return PriceRows(plans)


async def recorded_rows(log: EventLog, wanted: Set[str]) -> dict[str, Price]:
    """Price rows by their ids, from the plans that sessions were opened with, the newest first; one that none has is left out."""
    found: dict[str, Price] = {}
    opened = [entry async for page in read_all(log, topic="sessions") for entry in page]
    for entry in reversed(opened):
        if wanted <= found.keys():
            break
        if isinstance(entry.event, SessionOpened):
            plan = await _plan(log, entry.event.settings, entry.position)
            prices = (model.price for model in plan.roster.models) if plan is not None else ()
            found.update({price.row: price for price in prices if price is not None and price.row in wanted})
    return found


async def _plan(log: EventLog, settings: TextRef, at: int) -> Plan | None:
    """A plan as it was recorded; None: its text is gone, or it is of another program and its numbers cannot be read."""
    text = await text_or_none(log, settings, at=at)
    try:
        return msgspec.json.decode(text, type=Plan) if text is not None else None
    except msgspec.MsgspecError:
        return None
