"""A call that was sent and has not ended: whose it is, and what was reserved for it."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.call import CallReserved


class OpenCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that was sent, and what was reserved for it."""

    position: int  # of its reservation
    at: int  # microseconds since 1970
    session: int
    task: str
    step: int
    role: str
    agent: str
    model: str
    tier: str
    tokens: int
    cost_nanos: int


def open_call(entry: Entry, call: CallReserved) -> OpenCall:
    return OpenCall(
        position=entry.position,
        at=entry.at,
        session=entry.session,
        task=entry.task,
        step=entry.step,
        role=call.role,
        agent=call.agent,
        model=call.model,
        tier=call.tier,
        tokens=call.tokens,
        cost_nanos=call.cost_nanos,
    )
