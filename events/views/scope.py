"""One scope of money and tokens, call by call: what used its cap up."""

from __future__ import annotations

from typing import Literal

import msgspec

from events.log import Entry
from events.scopes import path_of
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown


class ScopedCall(msgspec.Struct, kw_only=True):
    """A call that counts in the scope. Until it is settled its amounts are those reserved."""

    position: int
    session: int
    task: str
    role: str
    agent: str
    model: str
    tokens: int
    nanos: int
    at: int = 0  # when it was reserved, microseconds since 1970
    state: Literal["reserved", "settled", "maybe paid"] = "reserved"


class ScopeView(msgspec.Struct):
    """The calls of one scope by the position of their reservation; those that cost nothing are left out."""

    scope: str
    calls: dict[int, ScopedCall] = {}

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case CallReserved() as call if self.scope in path_of(
                call.scopes, project=entry.project, role=call.role, agent=call.agent
            ):
                self.calls[entry.position] = ScopedCall(
                    position=entry.position,
                    session=entry.session,
                    task=entry.task,
                    role=call.role,
                    agent=call.agent,
                    model=call.model,
                    tokens=call.tokens,
                    nanos=call.cost_nanos,
                    at=entry.at,
                )
            case CallSettled(reservation=position, tokens=tokens, cost_nanos=nanos) if position in self.calls:
                counted = self.calls[position]
                if counted.state != "settled":
                    counted.state, counted.tokens, counted.nanos = "settled", tokens, nanos
            case CallUnknown(reservation=position) if position in self.calls:
                if self.calls[position].state == "reserved":
                    self.calls[position].state = "maybe paid"
            case CallFailed(reservation=position) | CallReleased(reservation=position):
                self.calls.pop(position, None)
            case _:
                pass
