"""What was spent on what came to no accepted result: whole calls by what became of them, and parts of requests."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from events.log import Entry, EventLog
from events.types.base import TextRef
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.session import SessionClaimed, SessionClosed
from events.types.task import (
    AttemptAbandoned,
    StepAccepted,
    StepRejected,
    TaskAccepted,
    TaskCancelled,
    TaskFailed,
    TaskHalted,
    TaskReopened,
)
from events.types.tool import ToolFinished
from events.views.cost import day_of
from events.views.kept import Kept, Start, fold_both
from events.views.stages import STAGES, StagesView

KEPT = 20
"""Finished sessions whose attempts are remembered: a person who judges one of them otherwise is heard."""

MOST = 10_000
"""Questions that are remembered. The one that was asked the longest ago goes first."""

AGE_S = 604_800
"""How long an answer may be given again as settings have it by default (`tokens.answers_age_s`)."""

What = Literal[
    "all", "failed", "lost", "cut", "rejected", "judged", "abandoned", "undone", "halted", "cancelled",
    "resent", "repeated", "skills",
]  # fmt: skip

_AGAIN = ("explorer", "worker", "validator")  # whose answers may be given again


class Kind(msgspec.Struct, frozen=True, gc=False):
    what: What
    day: str  # the local day of the call, as 2026-11-21


class Spent(msgspec.Struct):
    """Tokens are input and output as the provider counted them, cached ones included."""

    count: int = 0  # calls
    tokens: int = 0
    nanos: int = 0

    def add(self, count: int, tokens: int, nanos: int) -> None:
        self.count += count
        self.tokens += tokens
        self.nanos += nanos


class Offer(msgspec.Struct, frozen=True, gc=False):
    """Requests of a day that offered these tools in attempts that used these of them."""

    day: str
    tools: str  # digest of the list
    used: tuple[str, ...]


class Told(msgspec.Struct, frozen=True, gc=False):
    """Where a list of tools is kept."""

    text: TextRef
    at: int  # position of the event that refers to it


class Wasted(msgspec.Struct):
    """What was spent by kind, and the requests by what they offered."""

    spent: dict[Kind, Spent] = {}
    offers: dict[Offer, Spent] = {}

    def add(self, what: What, day: str, count: int, tokens: int, nanos: int) -> None:
        self.spent.setdefault(Kind(what, day), Spent()).add(count, tokens, nanos)

    def include(self, tasks: dict[str, Task]) -> None:
        """Add what became of the calls of a session's tasks."""
        for task in tasks.values():
            for attempt in task.attempts.values():
                for (role, day), spent in attempt.spent.items():
                    if (what := attempt.fate(role, task.ended)) is not None:
                        self.add(what, day, spent.count, spent.tokens, spent.nanos)
                for day, spent in attempt.skills.items() if attempt.fate("worker", "") is not None else ():
                    self.add("skills", day, spent.count, spent.tokens, spent.nanos)
                for (who, day, digest), spent in attempt.offers.items():
                    offer = Offer(day, digest, tuple(sorted(attempt.used.get(who, ()))))
                    self.offers.setdefault(offer, Spent()).add(spent.count, spent.tokens, spent.nanos)


class Attempt(msgspec.Struct):
    """What the calls of an attempt took, and what became of it."""

    spent: dict[tuple[str, str], Spent] = {}  # by role and day
    skills: dict[str, Spent] = {}  # by day the texts of skills in its requests
    offers: dict[tuple[str, str, str], Spent] = {}  # by who asked, day and list of tools
    used: dict[str, dict[str, bool]] = {}  # tools, by who did
    said: dict[
        str, dict[int, int]
    ] = {}  # by who asked, and the call's number, the tokens of the conversation up to its answer
    asked: dict[str, str] = {}  # questions, and by which role
    verdict: Literal["", "accepted", "rejected"] = ""  # the last
    abandoned: dict[str, bool] = {}  # roles

    def fate(self, role: str, ended: Literal["", "undone", "halted", "cancelled"]) -> What | None:
        """What became of the role's calls; None: they are part of what was accepted, or may still be."""
        if role in self.abandoned or (role == "sub-agent" and "worker" in self.abandoned):
            return "abandoned"
        if self.verdict == "rejected" and role in ("worker", "sub-agent", "validator"):
            return "judged" if role == "validator" else "rejected"
        return ended or None


class Task(msgspec.Struct):
    ended: Literal["", "undone", "halted", "cancelled"] = ""  # without a result
    attempts: dict[tuple[int, int], Attempt] = {}  # by step and number


class _Call(msgspec.Struct, frozen=True, gc=False):
    """A call that is not over, or of which nobody knows."""

    place: tuple[int, str, int, int]  # session, task, step, attempt
    role: str
    branch: str
    ordinal: int
    follows: int
    day: str
    tokens: int  # reserved
    nanos: int
    tools: str  # digest of the list that is offered; "": none
    skills: int  # tokens of their texts
    question: str  # digest of all that is asked; "": its answer would not be given again

    @property
    def who(self) -> str:
        return f"{self.role}/{self.branch}"


class WasteView(msgspec.Struct):
    """What does not hang on verdicts is summed at once, what does is when its session is long over, or somebody asks."""

    sums: Wasted = msgspec.field(default_factory=Wasted)
    lists: dict[str, Told] = {}  # of tools, by digest
    _sessions: dict[int, dict[str, Task]] = {}
    _finished: dict[int, bool] = {}  # those of them that are, the longest ago first
    _open: dict[int, _Call] = {}
    _unknown: dict[int, _Call] = {}
    _known: dict[str, int] = {}  # questions that have an answer, and since when, in microseconds since 1970

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case CallReserved() as call:
                self._reserve(entry, call)
            case CallSettled() as settled:
                self._settle(entry, settled)
            case CallFailed(reservation=position) | CallReleased(reservation=position):
                self._end(position, isinstance(entry.event, CallFailed))
            case CallUnknown(reservation=position) if position in self._open:
                self._unknown[position] = lost = self._open.pop(position)
                self._lose(lost, 1)
            case ToolFinished(tool=tool, role=role, branch=branch):
                self._attempt(entry).used.setdefault(f"{role}/{branch}", {})[tool] = True
            case StepAccepted() | StepRejected() | AttemptAbandoned():
                self._judge(entry, entry.event)
            case TaskAccepted() | TaskReopened():
                self._task(entry).ended = ""
            case TaskFailed() | TaskHalted() | TaskCancelled():
                self._task(entry).ended = _ENDED[type(entry.event)]
            case SessionClaimed():
                self._finished.pop(entry.session, None)
            case SessionClosed(finished=True):
                self._finish(entry.session)
            case _:
                pass

    def wasted(self) -> Wasted:
        """The sums, with what becomes of the sessions that are remembered as it stands by now."""
        found = Wasted(
            {kind: msgspec.structs.replace(spent) for kind, spent in self.sums.spent.items()},
            {offer: msgspec.structs.replace(spent) for offer, spent in self.sums.offers.items()},
        )
        for tasks in self._sessions.values():
            found.include(tasks)
        return found

    def _task(self, entry: Entry) -> Task:
        return self._sessions.setdefault(entry.session, {}).setdefault(entry.task, Task())

    def _attempt(self, entry: Entry) -> Attempt:
        return self._task(entry).attempts.setdefault((entry.step, entry.attempt), Attempt())

    def _reserve(self, entry: Entry, call: CallReserved) -> None:
        self._open[entry.position] = _Call(
            place=(entry.session, entry.task, entry.step, entry.attempt),
            role=call.role,
            branch=call.branch,
            ordinal=call.ordinal,
            follows=0 if call.anew is not None else call.follows,  # of a compacted conversation little is said again
            day=day_of(call.scopes),
            tokens=call.tokens,
            nanos=call.cost_nanos,
            tools=call.tools.digest if call.tools is not None else "",
            skills=sum(call.skill_tokens),
            question=_question(entry, call),
        )
        if call.tools is not None:
            self.lists.setdefault(call.tools.digest, Told(call.tools, entry.position))

    def _end(self, position: int, failed: bool) -> None:
        """A call came to nothing, or was not made: the provider bills nothing."""
        call = self._open.pop(position, None) or self._found(position)
        if call is not None and failed:
            self.sums.add("failed", call.day, 1, 0, 0)

    def _found(self, position: int) -> _Call | None:
        """A call of which nobody knew, and by now somebody does."""
        call = self._unknown.pop(position, None)
        if call is not None:
            self._lose(call, -1)
        return call

    def _lose(self, call: _Call, count: int) -> None:
        for what in _ALL_AND_LOST:
            self.sums.add(what, call.day, count, count * call.tokens, count * call.nanos)

    def _settle(self, entry: Entry, settled: CallSettled) -> None:
        call = self._open.pop(settled.reservation, None) or self._found(settled.reservation)
        if call is None:
            return
        tokens = settled.input_tokens + settled.output_tokens
        self.sums.add("all", call.day, 1, tokens, settled.cost_nanos)
        if settled.is_reconciled:
            self.sums.add("lost", call.day, 1, tokens, settled.cost_nanos)
            return
        session, task, step, number = call.place
        attempts = self._sessions.setdefault(session, {}).setdefault(task, Task()).attempts
        attempt = attempts.setdefault((step, number), Attempt())
        if settled.finish == "length" and not call.branch:  # what a sub-agent's cut answer says is told all the same
            self.sums.add("cut", call.day, 1, tokens, settled.cost_nanos)
        else:
            attempt.spent.setdefault((call.role, call.day), Spent()).add(1, tokens, settled.cost_nanos)
        self._count_parts(call, settled, attempt, tokens)
        self._count_question(entry.at, call, settled, attempt)

    def _count_parts(self, call: _Call, settled: CallSettled, attempt: Attempt, tokens: int) -> None:
        """Count what the request held of tools, of skills, and of what the provider had been sent before."""
        said = attempt.said.setdefault(call.who, {})
        again = min(said.get(call.follows, 0), settled.input_tokens) - settled.cached_tokens
        if again > 0:
            self.sums.add("resent", call.day, 1, again, again * settled.cost_nanos // tokens)
        said[call.ordinal] = tokens - settled.reasoning_tokens
        if call.skills and tokens:
            held = min(call.skills, tokens)
            attempt.skills.setdefault(call.day, Spent()).add(1, held, held * settled.cost_nanos // tokens)
        if call.tools:
            offered = attempt.offers.setdefault((call.who, call.day, call.tools), Spent())
            offered.add(1, tokens, settled.cost_nanos)

    def _count_question(self, at: int, call: _Call, settled: CallSettled, attempt: Attempt) -> None:
        """Count a call that asked what a whole answer was there for, unless it was too old or the work was rejected."""
        if not call.question or settled.finish != "stop" or settled.calls is not None:
            return
        attempt.asked[call.question] = call.role
        since = self._known.pop(call.question, None)
        if since is not None and at - since <= AGE_S * 1_000_000:
            tokens = settled.input_tokens + settled.output_tokens
            self.sums.add("repeated", call.day, 1, tokens, settled.cost_nanos)
        else:
            since = at
        self._known[call.question] = since
        while len(self._known) > MOST:
            del self._known[next(iter(self._known))]

    def _judge(self, entry: Entry, event: StepAccepted | StepRejected | AttemptAbandoned) -> None:
        attempt = self._attempt(entry)
        match event:
            case StepAccepted():
                attempt.verdict = "accepted"
            case StepRejected():
                attempt.verdict = "rejected"
                self._forget(attempt, "worker")
            case AttemptAbandoned(role=role):
                attempt.abandoned[role] = True
                self._forget(attempt, role)

    def _forget(self, attempt: Attempt, role: str) -> None:
        """The answers to these questions would not be given again."""
        for question, asked_by in attempt.asked.items():
            if asked_by == role:
                self._known.pop(question, None)

    def _finish(self, session: int) -> None:
        for task in self._sessions.get(session, {}).values():
            for attempt in task.attempts.values():
                attempt.said.clear()
        self._finished[session] = True
        while len(self._finished) > KEPT:
            oldest = next(iter(self._finished))
            del self._finished[oldest]
            self.sums.include(self._sessions.pop(oldest, {}))


_ALL_AND_LOST: tuple[What, What] = ("all", "lost")

_ENDED: dict[type, Literal["undone", "halted", "cancelled"]] = {
    TaskFailed: "undone",
    TaskHalted: "halted",
    TaskCancelled: "cancelled",
}


def _question(entry: Entry, call: CallReserved) -> str:
    """Digest of all that the log has of what an answer depends on; "" where it would not be given to another call.

    The texts are told by their digests, so two questions are the same that are so to the letter.
    """
    if call.role not in _AGAIN or call.branch or call.follows or call.tools is not None or call.temperature:
        return ""
    schema = call.answer_schema.digest if call.answer_schema is not None else ""
    said = [(message.speaker, message.text.digest) for message in call.messages]
    basis = (entry.project, call.role, call.agent, call.model, call.tier, schema, call.skills, said)
    return hashlib.blake2b(msgspec.json.encode(basis), digest_size=16).hexdigest()


WASTE = Kept("waste", 1, WasteView)


async def waste_past(log: EventLog) -> tuple[Start[WasteView], Start[StagesView]]:
    """What was wasted by now, and what the stages came to; see `fold_both`."""
    return await fold_both(log, WASTE, STAGES)
