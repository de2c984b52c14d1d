"""What persons ask of a session, and what came of it, each in one sentence."""

from __future__ import annotations

from events.log import Entry
from events.types.control import (
    CancelRequested,
    PauseRequested,
    PinRequested,
    RequestAnswered,
    RetryRequested,
    TierPinned,
    TierUnpinned,
    UnpauseRequested,
    VerdictRequested,
    WorkPaused,
    WorkUnpaused,
)


def request_said(entry: Entry) -> str:
    """What such an event says; "" of any other."""
    what = entry.task or "the session"
    match entry.event:
        case CancelRequested(by=by):
            return f"{by} asked to cancel {what}"
        case VerdictRequested() as event:
            return f"{event.by} {'accepted' if event.accepted else 'rejected'} the draft"
        case PauseRequested(by=by):
            return f"{by} asked to pause {what}"
        case UnpauseRequested(by=by):
            return f"{by} asked to go on with {what}"
        case RetryRequested(by=by):
            return f"{by} asked to try {what} again"
        case PinRequested(by=by, tier=tier):
            return f"{by} asked to pin {what} to the tier {tier}" if tier else f"{by} asked to unpin {what}"
        case RequestAnswered(refused=refused):
            return f"the request was refused: {refused}" if refused else "the request was carried out"
        case WorkPaused(by=by, reason=reason):
            return f"{by} paused {what}{_because(reason)}"
        case WorkUnpaused(by=by, reason=reason):
            return f"{by} let {what} go on{_because(reason)}"
        case TierPinned(tier=tier, by=by, reason=reason):
            return f"{by} pinned the first tries of {what} to the tier {tier}{_because(reason)}"
        case TierUnpinned(by=by):
            return f"{by} took the pin of {what} to a tier back"
        case _:
            return ""


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""
