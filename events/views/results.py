"""What tools said that may be given again, by what it depends on: a fold of their uses."""

from __future__ import annotations

import msgspec

from events.log import Entry, EventLog
from events.types.answer import AnswersCleared
from events.types.base import TextRef
from events.types.tool import Keeping, ToolFinished
from events.views.kept import Kept, Start, fold_kept

MOST = 2_000
"""Results that are remembered, about 500 bytes each beside their texts. The one that was longest of no use goes first."""


class Result(msgspec.Struct, kw_only=True):
    """What a tool said, and how long that holds."""

    source: int  # position of its tool.finished
    at: int  # when it was said, or its giver last said that it still holds; microseconds since 1970
    answer: TextRef
    keeping: Keeping
    duration_ms: int
    cut: bool = False


class Again(msgspec.Struct):
    """Results that were given again."""

    unasked: int = 0
    confirmed: int = 0  # the giver was asked, and said that they still hold
    duration_ms: int = 0  # what getting them had taken


class ResultsView(msgspec.Struct):
    """What is known by key, the result that was of use last at the end."""

    known: dict[str, Result] = {}
    again: dict[str, Again] = {}  # by tool

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case ToolFinished(given=source) as finished if source:
                self._given(entry, finished)
            case ToolFinished(keeping=Keeping() as keeping) as finished:
                self.known.pop(keeping.key, None)
                self.known[keeping.key] = Result(
                    source=entry.position,
                    at=entry.at,
                    answer=_lasting(finished.answer, entry.position),
                    keeping=keeping,
                    duration_ms=finished.duration_ms,
                    cut=finished.cut,
                )
                while len(self.known) > MOST:
                    del self.known[next(iter(self.known))]
            case AnswersCleared():
                self.known.clear()
            case _:
                pass

    def _given(self, entry: Entry, finished: ToolFinished) -> None:
        again = self.again.setdefault(finished.tool, Again())
        key = next((key for key, each in reversed(self.known.items()) if each.source == finished.given), "")
        again.unasked += finished.keeping is None
        again.confirmed += finished.keeping is not None
        if not key:
            return
        known = self.known[key] = self.known.pop(key)
        again.duration_ms += max(0, known.duration_ms - finished.duration_ms)
        if finished.keeping is not None:
            known.keeping, known.at = finished.keeping, entry.at


def _lasting(ref: TextRef, position: int) -> TextRef:
    return TextRef(ref.digest, ref.place or position)


RESULTS = Kept("results", 1, ResultsView)


async def results(log: EventLog) -> Start[ResultsView]:
    """What tools said that may be given again by now; see `fold_kept`."""
    return await fold_kept(log, RESULTS)
