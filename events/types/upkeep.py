"""What was done to the log itself: texts dropped, a beginning cut off. Nothing of it changes what happened."""

from __future__ import annotations

import msgspec

from events.types.base import Event, TextRef

UPKEEP, ARCHIVE = "log", "archive"
"""Topics: texts that were dropped, and beginnings that were cut off."""


class Sessions(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A range of session numbers, both ends included."""

    first: int
    last: int


class TextsPruned(Event, frozen=True, kw_only=True, tag="texts.pruned"):
    """The texts of sessions that had ended were dropped; their digests stay. Stands on the topic `log`.

    Covered is what these sessions had stored up to this event.
    """

    before: int  # microseconds since 1970: sessions that ended earlier
    sessions: tuple[Sessions, ...]  # in rising order
    texts: int
    size: int  # bytes that they took in the log


class Carried(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a view had folded up to the cut, in the form of `events/views/carried.py`."""

    view: str  # "money", "trails" or "cost"
    state: TextRef


class LogArchived(Event, frozen=True, kw_only=True, tag="log.archived"):
    """The beginning of the log was cut off into a file of its own. Stands on the topic `archive`."""

    before: int  # microseconds since 1970: everything that was cut off is older
    after: int  # position behind which the file begins; 0 = with the first event
    position: int  # of its last event: the log goes on behind it
    hash: str  # of the chain at that position, hex
    file: str  # its path as it was written
    digest: str  # SHA-256 of the file, hex
    events: int
    sessions: int  # the highest number that a session of the log had
    carried: tuple[Carried, ...]


class LedgerCarried(Event, frozen=True, kw_only=True, tag="ledger.carried"):
    """Stands on `ledger` in the append of a log.archived: whoever knew the ledger's end as it was reads on."""

    position: int  # the last that was cut off
