"""What others ask of a session: they stand on `control/<session>`, and its owner answers each."""

from __future__ import annotations

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


class RequestAnswered(Event, frozen=True, kw_only=True, tag="request.answered"):
    """What came of a request; what it caused stands in the same append."""

    request: int  # position of the request
    refused: str = ""  # why nothing was done; empty: it was
