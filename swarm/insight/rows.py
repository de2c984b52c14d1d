"""The prices that held in a session: the rows of the plans that its owners ran with."""

from __future__ import annotations

import msgspec

from events.log import EventLog
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
            text = await text_or_none(log, entry.event.settings, at=entry.position)
            if text is None:
                continue
            try:
                plans.append((entry.position, msgspec.json.decode(text, type=Plan)))
            except msgspec.MsgspecError:
                continue  # a plan of another program: its numbers are not needed to tell the rest
    return PriceRows(plans)
