"""Which answers to which questions were accepted, by project: a fold of what workers without tools were asked and handed in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from events.log import Entry, EventLog
from events.types.answer import SUGGESTION, AnswersCleared, AnswerServed, AnswerSuggested
from events.types.base import Captured, TextRef
from events.types.call import CallReserved
from events.types.session import SessionOpened
from events.types.task import AttemptAbandoned, StepAccepted, StepAudited, StepDrafted, StepRejected
from events.types.tool import ToolFinished, ToolStarted
from events.views.kept import Kept, Start, fold_kept

MOST = 2_000
"""Answers that are remembered, about 300 bytes each beside their texts. The one that was accepted first goes first."""

BRIEF = "brief"
"""The name under which it is recorded what a worker is asked."""


class Suggestion(msgspec.Struct, frozen=True):
    """What was told of an earlier answer."""

    text: TextRef
    source: int  # position of the step.accepted that it is of
    cosine: float


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A question whose answer was accepted."""

    directory: str  # of the project
    brief: TextRef
    answer: TextRef
    source: int  # position of the step.accepted
    at: int  # microseconds since 1970
    suggestion: Suggestion | None = None  # that was told with the question


class Told(msgspec.Struct):
    """Workers that were told of an earlier answer, and what became of their drafts."""

    told: int = 0
    accepted: int = 0
    rejected: int = 0


K = TypeVar("K")
V = TypeVar("V")

_Place = tuple[int, str, int]
"""Session, task, step."""


class _Asked(msgspec.Struct):
    attempt: int
    brief: TextRef
    suggestion: Suggestion | None = None


class AcceptedView(msgspec.Struct):
    """What was accepted last stands at the end."""

    known: dict[str, Accepted] = {}  # by the place of the step
    told: Told = msgspec.field(default_factory=Told)
    _directories: dict[int, str] = {}  # by session
    _suggested: dict[_Place, AnswerSuggested] = {}  # to whom it is not recorded yet what they were asked
    _asked: dict[_Place, _Asked] = {}  # without tools, so far

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case SessionOpened(directory=directory):
                _put(self._directories, entry.session, directory)
            case CallReserved(role="worker", branch="") | AnswerServed(role="worker", branch="") as call:
                self._take(entry, call.captured)
            case AnswerSuggested():
                self.told.told += 1
                _put(self._suggested, _place(entry), entry.event)
            case ToolStarted() | ToolFinished() | AttemptAbandoned():
                self._asked.pop(_place(entry), None)
            case StepDrafted() as draft:
                self._take(entry, draft.captured)
            case StepAccepted() as event:
                self._accept(entry, event)
            case StepRejected():
                self._reject(entry)
            case StepAudited(agrees=False):
                self.known.pop(_key(entry), None)
            case AnswersCleared():
                self.known.clear()
            case _:
                pass

    def _take(self, entry: Entry, captured: Sequence[Captured]) -> None:
        texts = {each.name: TextRef(each.text.digest, each.text.place or entry.position) for each in captured}
        if BRIEF in texts:
            told = self._suggested.pop(_place(entry), None)  # in the append before it
            suggestion = Suggestion(texts[SUGGESTION], told.source, told.cosine) if told is not None else None
            _put(self._asked, _place(entry), _Asked(entry.attempt, texts[BRIEF], suggestion))

    def _accept(self, entry: Entry, event: StepAccepted) -> None:
        asked, directory = self._asked.pop(_place(entry), None), self._directories.get(entry.session)
        if asked is None or asked.attempt != entry.attempt:
            return
        self.told.accepted += asked.suggestion is not None
        if directory is None or event.unjudged:
            return
        answer = TextRef(event.draft.digest, event.draft.place or entry.position)
        self.known.pop(_key(entry), None)
        found = Accepted(
            directory=directory,
            brief=asked.brief,
            answer=answer,
            source=entry.position,
            at=entry.at,
            suggestion=asked.suggestion,
        )
        _put(self.known, _key(entry), found)

    def _reject(self, entry: Entry) -> None:
        """Also of what had been accepted, where a person thinks otherwise."""
        asked = self._asked.pop(_place(entry), None)
        self.told.rejected += asked is not None and asked.suggestion is not None
        self.known.pop(_key(entry), None)


def _put(known: dict[K, V], key: K, value: V) -> None:
    known[key] = value
    while len(known) > MOST:
        del known[next(iter(known))]


def _place(entry: Entry) -> _Place:
    return entry.session, entry.task, entry.step


def _key(entry: Entry) -> str:
    return f"{entry.session}/{entry.task}/{entry.step}"


ACCEPTED = Kept("accepted", 1, AcceptedView)


async def accepted(log: EventLog) -> Start[AcceptedView]:
    """Which answers were accepted by now; see `fold_kept`."""
    return await fold_kept(log, ACCEPTED)
