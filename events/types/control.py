"""What others ask of a session: it stands on `control/<session>`, and its owner answers each; and what an answer causes beside ends.

The envelope names the task that is meant, or none where all of the session is.
"""

from __future__ import annotations

from typing import TypeAlias

from events.types.base import Event


class CancelRequested(Event, frozen=True, kw_only=True, tag="cancel.requested"):
    """End the task that the envelope names, or the whole session where it names none."""

    by: str  # for people: user@host
    reason: str = ""


class VerdictRequested(Event, frozen=True, kw_only=True, tag="verdict.requested"):
    """A person's verdict on the task that the envelope names, or on one step of it."""

    by: str
    accepted: bool
    reason: str = ""


class PauseRequested(Event, frozen=True, kw_only=True, tag="pause.requested"):
    """Begin nothing new until that is taken back."""

    by: str
    reason: str = ""


class UnpauseRequested(Event, frozen=True, kw_only=True, tag="unpause.requested"):
    by: str


class RetryRequested(Event, frozen=True, kw_only=True, tag="retry.requested"):
    """Try the task again that the envelope names: it failed, was halted or cancelled."""

    by: str
    reason: str = ""


class PinRequested(Event, frozen=True, kw_only=True, tag="pin.requested"):
    """Have first tries made by models of a tier, whatever the choice would say."""

    by: str
    tier: str  # empty: the pin is taken back
    reason: str = ""
    confirmed: bool = False  # the person said yes to paid calls with it


class RequestAnswered(Event, frozen=True, kw_only=True, tag="request.answered"):
    """What came of a request; what it caused stands in the same append."""

    request: int  # position of the request
    refused: str = ""  # why nothing was done; empty: it was


class WorkPaused(Event, frozen=True, kw_only=True, tag="work.paused"):
    """No call, no attempt and no use of a tool begins; what is in flight comes to its end, and no time limit runs."""

    by: str
    reason: str = ""


class WorkUnpaused(Event, frozen=True, kw_only=True, tag="work.unpaused"):
    by: str
    reason: str = ""  # "resumed" where a resume of the session lifted it


class TierPinned(Event, frozen=True, kw_only=True, tag="tier.pinned"):
    """From now on the next try of each step goes to a model of the tier, where one may take it; what follows is chosen as ever."""

    tier: str
    by: str
    reason: str = ""
    confirmed: bool = False  # paid calls of the session were said yes to with it


class TierUnpinned(Event, frozen=True, kw_only=True, tag="tier.unpinned"):
    by: str


Request: TypeAlias = (
    CancelRequested | VerdictRequested | PauseRequested | UnpauseRequested | RetryRequested | PinRequested
)
"""What is asked of the owner of a session, and answered once."""
