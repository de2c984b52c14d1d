"""How often what could have been given again was: calls whose answers are kept, and uses of tools whose results are."""

from __future__ import annotations

import msgspec

from events.log import Entry, EventLog
from events.types.answer import AnswerServed
from events.types.call import CallKey, CallReserved
from events.types.tool import Keeping, ToolFinished
from events.views.kept import Kept, Start, fold_kept


class Hits(msgspec.Struct):
    """`given` were found, for `asked` there was nothing to give."""

    given: int = 0
    asked: int = 0

    @property
    def rate(self) -> float | None:
        """The share that was found; None where nothing was looked for."""
        sought = self.given + self.asked
        return self.given / sought if sought else None


class HitsView(msgspec.Struct):
    """A fold of the whole log."""

    answers: Hits = msgspec.field(default_factory=Hits)
    results: Hits = msgspec.field(default_factory=Hits)

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case AnswerServed():
                self.answers.given += 1
            case CallReserved(key=CallKey()):
                self.answers.asked += 1
            case ToolFinished(given=source) if source:
                self.results.given += 1
            case ToolFinished(keeping=Keeping()):
                self.results.asked += 1
            case _:
                pass


HITS = Kept("hits", 1, HitsView)


async def hits(log: EventLog) -> Start[HitsView]:
    """How often by now; see `fold_kept`."""
    return await fold_kept(log, HITS)
