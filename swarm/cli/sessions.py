"""What state a session is in, which needs more than the log: whether its owner still lives."""

from __future__ import annotations

from typing import Literal

from events.views.sessions import SessionState
from swarm import alive

State = Literal["running", "interrupted", "finished", "orphaned"]

STYLES: dict[State, str] = {"running": "blue", "interrupted": "yellow", "finished": "", "orphaned": "red"}


def state_of(session: SessionState, *, now: int) -> State:
    """Running under a living owner, finished, interrupted (its owner let go), or orphaned (its owner is dead).

    `now` is in microseconds since 1970.
    """
    if session.claim is not None:
        return "running" if alive.exists(session.claim, now) else "orphaned"
    return "finished" if session.finished else "interrupted"
