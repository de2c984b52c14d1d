"""How calls were answered: by an earlier answer, and within the words that they were told. Pure but for the reading."""

from __future__ import annotations

import re

import msgspec

from events.bus import read_all
from events.log import Entry, EventLog, TextMissing
from events.types.answer import AnswerServed
from events.types.base import TextRef
from events.types.call import CallReserved, CallSettled
from events.types.task import StepDrafted, TaskSubmitted
from events.views.answers import Saved
from events.views.cost import day_of
from swarm.insight.periods import Period
from swarm.prompts.length import Form, form_of, words_told
from swarm.task import Task, agents_of

_CODE = re.compile(r"^```.*?(^```|\Z)", re.MULTILINE | re.DOTALL)


class Answered(msgspec.Struct):
    asked: int = 0  # calls that a model answered, and an earlier answer could have
    served: dict[str, Saved] = {}  # by how the question was the one that had been asked
    told: int = 0  # drafts for which a number of words was told
    kept: int = 0  # those of them that kept to it, and were not cut
    cut: int = 0
    unread: int = 0  # drafts that the log does not keep any more

    @property
    def saved(self) -> Saved:
        total = Saved()
        for each in self.served.values():
            for field in total.__struct_fields__:
                setattr(total, field, getattr(total, field) + getattr(each, field))
        return total


def kept_to(task: Task, type_: str, answer_tokens: int, drafted: StepDrafted, text: str) -> bool | None:
    """Whether a draft has no more words than its request told; None where it told none. Of code those beside it count."""
    agents = agents_of(task, "worker")
    agent = next((agent for agent in agents if agent.name == drafted.agent), agents[0])
    form = form_of(task, "worker", type_)
    told = words_told(agent, form, answer_tokens) if task.limits.words is None else task.limits.words
    if not told:
        return None
    return drafted.finish != "length" and words_in(text, form) <= told


def words_in(text: str, form: Form) -> int:
    return len((_CODE.sub("", text) if form == "code" else text).split())


async def answered(log: EventLog, period: Period | None = None) -> Answered:
    """What the log says of it, by the days of the calls. Raises LogError where the log cannot be read."""
    reading = _Reading(log, period)
    async for entries in read_all(log):
        for entry in entries:
            await reading.take(entry)
    return reading.found


class _Reading:
    def __init__(self, log: EventLog, period: Period | None) -> None:
        self.found = Answered()
        self._log, self._period = log, period
        self._day = ""  # of the last call: what has no scopes of its own counts in it
        self._tasks: dict[tuple[int, str], tuple[Task, TaskSubmitted]] = {}
        self._asked: set[int] = set()  # reservations of calls whose answers may be given again

    async def take(self, entry: Entry) -> None:
        match entry.event:
            case CallReserved(scopes=scopes, key=key):
                self._day = day_of(scopes) or self._day
                if key is not None and self._counts:
                    self._asked.add(entry.position)
            case CallSettled(reservation=call) if call in self._asked:
                self._asked.discard(call)
                self.found.asked += 1
            case AnswerServed() as served if self._counts:
                saved = self.found.served.setdefault(served.how, Saved())
                saved.served += 1
                saved.input_tokens += served.saved_input_tokens
                saved.output_tokens += served.saved_output_tokens
                saved.cost_nanos += served.saved_nanos
            case TaskSubmitted() as submitted:
                text = await self._text(submitted.spec, entry)
                if text is not None:
                    task = msgspec.json.decode(text, type=Task)
                    self._tasks[entry.session, entry.task] = task, submitted
            case StepDrafted() as drafted if self._counts:
                await self._draft(entry, drafted)
            case _:
                pass

    @property
    def _counts(self) -> bool:
        period = self._period
        return period is None or period.first.isoformat() <= self._day <= period.last.isoformat()

    async def _draft(self, entry: Entry, drafted: StepDrafted) -> None:
        text, known = await self._text(drafted.draft, entry), self._tasks.get((entry.session, entry.task))
        if text is None or known is None:
            self.found.unread += 1
            return
        task, submitted = known
        kept = kept_to(task, submitted.type, submitted.answer_tokens, drafted, text)
        if kept is not None:
            self.found.told += 1
            self.found.kept += kept
            self.found.cut += drafted.finish == "length"

    async def _text(self, ref: TextRef, entry: Entry) -> str | None:
        try:
            return await self._log.text(ref, at=entry.position)
        except TextMissing:
            return None
