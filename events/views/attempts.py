"""The attempts of one session's tasks as a fold: who was chosen from whom, which calls were made, tools used, how it was judged."""

from __future__ import annotations

from typing import Literal

import msgspec

from events.log import Entry
from events.types.answer import AnswerServed
from events.types.base import TextRef
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.choice import ChoiceMade
from events.types.task import AttemptAbandoned, StepAccepted, StepAudited, StepDrafted, StepRejected
from events.types.tool import (
    ApprovalAsked,
    ApprovalGiven,
    QuestionAnswered,
    QuestionAsked,
    ToolFinished,
    ToolStarted,
)
from events.types.tree import FileChange

CallState = Literal["open", "settled", "failed", "released", "maybe paid", "served"]
UseState = Literal["waiting", "open", "done", "failed", "refused"]


class Call(msgspec.Struct, kw_only=True):
    """One try of one call. Until it is settled its tokens and money are those reserved."""

    position: int  # of its reservation
    role: str
    agent: str
    model: str
    tier: str
    why: str
    state: CallState = "open"
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    tokens: int  # as they count against token caps
    cost_nanos: int
    reserved_tokens: int
    reserved_nanos: int
    duration_ms: int = 0
    finish: str = ""
    reason: str = ""
    answer: tuple[TextRef, int] | None = None  # and the position of the event that refers to it
    branch: str = ""  # of the sub-agent that made it
    source: int = 0  # where it got an earlier answer: position of the call.settled that brought it
    how: str = ""  # by which likeness of the two questions
    saved_nanos: int = 0  # what the earlier call cost


class Use(msgspec.Struct, kw_only=True):
    """One use of a tool: asked about, under way, or ended."""

    position: int  # of what was recorded of it first
    ordinal: int
    role: str
    tool: str
    branch: str = ""  # of the sub-agent whose use it is
    state: UseState = "waiting"
    on: str = ""  # what it is used on, in one line
    source: str = ""  # the MCP server that the tool is from
    rule: str = ""  # that allowed or refused it, or by which a person was asked
    question: str = ""  # what a person was asked
    word: ApprovalGiven | None = None  # the person's; of several the first
    exit_code: int | None = None
    files: tuple[FileChange, ...] = ()
    cut: bool = False
    duration_ms: int = 0
    reason: str = ""  # why it came to nothing
    answer: tuple[TextRef, int] | None = None  # and the position of the event that refers to it


class Verdict(msgspec.Struct, frozen=True):
    position: int
    event: StepAccepted | StepRejected


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent asked a person, and who answered; nobody yet: ""."""

    position: int
    event: QuestionAsked
    by: str = ""


class Attempt(msgspec.Struct, kw_only=True):
    """Step 0 is the plan of the task."""

    step: int
    number: int
    choices: list[tuple[int, ChoiceMade]] = []  # with the position of each
    calls: list[Call] = []
    uses: list[Use] = []
    draft: tuple[TextRef, int] | None = None
    drafted_by: str = ""  # agent@model
    stopped: str = ""  # why its use of tools was ended
    verdicts: list[Verdict] = []  # the last one holds
    audits: list[tuple[int, StepAudited]] = []  # with the position of each
    abandoned: str = ""
    questions: dict[int, Asked] = {}  # by position

    def sub_agents(self) -> dict[str, Use | None]:
        """By branch the use of a tool that sent a sub-agent which was called; None: what became of it is not known."""
        sent = {f"task:{use.ordinal}": use for use in self.uses if not use.branch}
        return {call.branch: sent.get(call.branch) for call in self.calls if call.branch}


class AttemptsView(msgspec.Struct):
    """Attempts by task, in the order in which they began."""

    tasks: dict[str, dict[tuple[int, int], Attempt]] = {}
    _calls: dict[int, Call] = {}
    _asked: dict[int, Use] = {}

    def of(self, task: str) -> list[Attempt]:
        return list(self.tasks.get(task, {}).values())

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case ChoiceMade() as choice:
                self._attempt(entry).choices.append((entry.position, choice))
            case CallReserved() as call:
                self._calls[entry.position] = reserved = _reserved(entry.position, call)
                self._attempt(entry).calls.append(reserved)
            case CallSettled() | CallFailed() | CallReleased() | CallUnknown():
                if entry.event.reservation in self._calls:
                    _end(self._calls[entry.event.reservation], entry)
            case AnswerServed() as served:
                self._attempt(entry).calls.append(_served(entry.position, served))
            case StepDrafted() as drafted:
                attempt = self._attempt(entry)
                attempt.draft, attempt.drafted_by = (drafted.draft, entry.position), f"{drafted.agent}@{drafted.model}"
                attempt.stopped = drafted.stopped
            case ApprovalAsked() | ToolStarted() | ToolFinished():
                self._used(entry, entry.event)
            case ApprovalGiven(asked=asked) as word:
                if (use := self._asked.get(asked)) is not None and use.word is None:
                    use.word = word
            case StepAccepted() | StepRejected():
                self._attempt(entry).verdicts.append(Verdict(entry.position, entry.event))
            case StepAudited() as audit:
                self._attempt(entry).audits.append((entry.position, audit))
            case AttemptAbandoned(reason=reason):
                self._attempt(entry).abandoned = reason
            case QuestionAsked() as asked:
                self._attempt(entry).questions[entry.position] = Asked(position=entry.position, event=asked)
            case QuestionAnswered(asked=position, by=by):
                questions = self._attempt(entry).questions
                if position in questions and not questions[position].by:
                    questions[position] = msgspec.structs.replace(questions[position], by=by)
            case _:
                pass

    def _used(self, entry: Entry, event: ApprovalAsked | ToolStarted | ToolFinished) -> None:
        uses = self._attempt(entry).uses
        key = event.ordinal, event.role, event.branch
        use = next((each for each in uses if (each.ordinal, each.role, each.branch) == key), None)
        if use is None:
            use = Use(
                position=entry.position, ordinal=event.ordinal, role=event.role, tool=event.tool, branch=event.branch
            )
            uses.append(use)
        match event:
            case ApprovalAsked():
                use.rule, use.question = event.rule, event.question
                self._asked[entry.position] = use
            case ToolStarted():
                use.state, use.rule, use.on = "open", event.rule, event.on
            case ToolFinished():
                _end_use(use, event, entry.position)

    def _attempt(self, entry: Entry) -> Attempt:
        attempts = self.tasks.setdefault(entry.task, {})
        key = entry.step, entry.attempt
        if key not in attempts:
            attempts[key] = Attempt(step=entry.step, number=entry.attempt)
        return attempts[key]


def _reserved(position: int, call: CallReserved) -> Call:
    return Call(
        position=position,
        role=call.role,
        agent=call.agent,
        model=call.model,
        tier=call.tier,
        why=call.why,
        branch=call.branch,
        tokens=call.tokens,
        cost_nanos=call.cost_nanos,
        reserved_tokens=call.tokens,
        reserved_nanos=call.cost_nanos,
    )


def _served(position: int, served: AnswerServed) -> Call:
    return Call(
        position=position,
        role=served.role,
        agent=served.agent,
        model=served.model,
        tier=served.tier,
        why=served.why,
        state="served",
        tokens=0,
        cost_nanos=0,
        reserved_tokens=0,
        reserved_nanos=0,
        finish="stop",
        answer=(served.answer, position),
        branch=served.branch,
        source=served.source,
        how=served.how,
        saved_nanos=served.saved_nanos,
    )


def _end(call: Call, entry: Entry) -> None:
    match entry.event:
        case CallSettled() as settled:
            call.state, call.finish, call.duration_ms = "settled", settled.finish, settled.duration_ms
            call.input_tokens, call.cached_tokens = settled.input_tokens, settled.cached_tokens
            call.output_tokens, call.tokens, call.cost_nanos = settled.output_tokens, settled.tokens, settled.cost_nanos
            if not settled.is_reconciled:
                call.answer = settled.answer, entry.position
        case CallFailed(reason=reason):
            call.state, call.reason, call.tokens, call.cost_nanos = "failed", reason, 0, 0
        case CallReleased(reason=reason):
            call.state, call.reason, call.tokens, call.cost_nanos = "released", reason, 0, 0
        case CallUnknown(reason=reason):
            call.state, call.reason = "maybe paid", reason
        case _:
            pass


def _end_use(use: Use, event: ToolFinished, at: int) -> None:
    use.state = "refused" if event.refused else "failed" if event.failed else "done"
    use.on, use.rule, use.source = event.on or use.on, event.refused or use.rule, event.source
    use.exit_code, use.files, use.cut = event.exit_code, event.files, event.cut
    use.duration_ms, use.reason, use.answer = event.duration_ms, event.reason, (event.answer, at)
