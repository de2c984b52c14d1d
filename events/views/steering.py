"""What persons said of how a session goes on: what is paused, and which tier is to have first tries."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.control import TierPinned, TierUnpinned, WorkPaused, WorkUnpaused


class Paused(msgspec.Struct, frozen=True):
    """A pause, with the position of its event and that of the request for it."""

    by: str
    since: int  # microseconds since 1970
    at: int
    asked: int


class Pin(msgspec.Struct, frozen=True):
    """The tier that is to have first tries, with the position of the event that says so."""

    tier: str
    by: str
    at: int


class Steered(msgspec.Struct, frozen=True):
    """What holds for one task, or for all of a session."""

    paused: Paused | None = None
    pin: Pin | None = None

    def after(self, entry: Entry) -> Steered:
        """What holds once a person has said that, too."""
        match entry.event:
            case WorkPaused(by=by):
                return Steered(Paused(by, entry.at, entry.position, entry.cause), self.pin)
            case WorkUnpaused():
                return Steered(None, self.pin)
            case TierPinned(tier=tier, by=by):
                return Steered(self.paused, Pin(tier, by, entry.position))
            case TierUnpinned():
                return Steered(self.paused, None)
            case _:
                return self


NOTHING_SAID = Steered()
