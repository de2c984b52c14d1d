"""A session as spans: the session, its tasks, the attempts of each role, and below these the calls of models and tools."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from events.log import Entry, session_name
from events.types.answer import AnswerServed
from events.types.call import BudgetMarked, CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.choice import ChoiceMade, ChoiceStopped
from events.types.session import SessionOpened
from events.types.stage import StageApplied
from events.types.task import (
    AttemptAbandoned,
    StepAccepted,
    StepAudited,
    StepDrafted,
    StepPlanned,
    StepRejected,
    TaskAccepted,
    TaskCancelled,
    TaskFailed,
    TaskHalted,
    TaskReopened,
    TaskSkipped,
    TaskSubmitted,
)
from events.types.tool import ToolFinished, ToolStarted
from swarm.export.names import FINISHES, Names
from swarm.export.otlp import CLIENT, ERROR, OK, Content, Happened, Span, Value, span_id, trace_id
from swarm.plan import AUDITOR

AttemptKey = tuple[str, int, int, str, str]
"""Task, step, attempt, role and branch."""

_TASK_ENDS: Mapping[type, str] = {
    TaskAccepted: "accepted",
    TaskFailed: "failed",
    TaskHalted: "halted",
    TaskCancelled: "cancelled",
    TaskSkipped: "skipped",
}


class Server(msgspec.Struct, frozen=True):
    """Who answers for a model: the provider, the name of the model there, and the address."""

    provider: str = "unknown"
    model: str = ""
    host: str = ""
    port: int | None = None


class Tracer:
    """Makes spans of the entries of one session, in their order. A span comes out when it has ended, so only open ones are kept."""

    def __init__(self, names: Names, servers: Mapping[str, Server], *, content: bool, cost_as: tuple[str, ...]) -> None:
        self._names, self._servers, self._content, self._cost_as = names, servers, content, cost_as
        self.trace = ""
        self.instance = ""  # the session's own id, as a UUID
        self.version = ""  # of the program that opened the session
        self._session: Span | None = None
        self._tasks: dict[str, Span] = {}
        self._seen: set[str] = set()  # tasks that have a span, or had one
        self._attempts: dict[AttemptKey, Span] = {}
        self._calls: dict[int, Span] = {}  # by the position of the reservation
        self._unknown: dict[int, Span] = {}  # maybe paid: what became of them may be found out later
        self._tools: dict[tuple[AttemptKey, int], Span] = {}
        self._last = 0

    def apply(self, entry: Entry) -> Iterator[Span]:
        """Take in an entry, and give the spans that it ends."""
        self._last = max(self._last, entry.at)
        match entry.event:
            case SessionOpened() as opened:
                self._open(entry, opened)
            case TaskSubmitted() as task:
                if entry.task in self._tasks:
                    yield from self._end_task(entry)
                self._submitted(entry, task)
            case TaskReopened() if entry.task not in self._tasks:
                self._taken_up(entry)
            case CallReserved() as call:
                self._reserved(entry, call)
            case CallSettled() | CallFailed() | CallReleased() | CallUnknown() as end:
                yield from self._end_call(entry, end)
            case ToolStarted() as tool:
                self._tool(entry, tool, entry.at)
            case ToolFinished() as tool:
                yield self._end_tool(entry, tool)
            case TaskAccepted() | TaskFailed() | TaskHalted() | TaskCancelled() | TaskSkipped() as end:
                yield from self._end_task(entry, end)
            case _:
                yield from self._progress(entry)

    def end(self, *, finished: bool) -> Iterator[Span]:
        """Give what is left when the session has been read: the session itself last."""
        names = self._names
        open_ = [*self._tools.values(), *self._calls.values(), *self._attempts.values(), *self._tasks.values()]
        for span in [*self._unknown.values(), *open_]:
            if span.end == 0:
                span.end = self._last
                span.attributes[names["unfinished"]] = True
            yield span
        if self._session is not None:
            self._session.end = self._last
            if not finished:
                self._session.attributes[names["unfinished"]] = True
            yield self._session

    @property
    def began(self) -> int:
        return self._session.start if self._session else 0

    @property
    def last(self) -> int:
        return self._last

    def _open(self, entry: Entry, opened: SessionOpened) -> None:
        names = self._names
        self.trace, self.version = trace_id(entry.id), opened.version
        self.instance = str(uuid.UUID(bytes=entry.id))
        self._session = Span(
            id=span_id("session", entry.id),
            name=f"invoke_workflow {opened.type}",
            start=entry.at,
            attributes={
                names["operation"]: "invoke_workflow",
                names["workflow"]: opened.type,
                names["conversation"]: self.instance,
                names["session"]: session_name(entry.session),
            },
            measures="session",
        )

    def _submitted(self, entry: Entry, task: TaskSubmitted) -> None:
        names = self._names
        parent = self._tasks.get(task.parent) if task.parent else None
        self._seen.add(entry.task)
        self._tasks[entry.task] = Span(
            id=span_id("task", entry.id),
            parent=parent.id if parent else self._root,
            name=f"task {entry.task}",
            start=entry.at,
            attributes={
                names["session"]: session_name(entry.session),
                names["task"]: entry.task,
                names["task_type"]: task.type,
                names["complexity"]: task.complexity,
            },
            measures="task",
        )

    def _taken_up(self, entry: Entry) -> Span:
        """A task that goes on: after it had ended, or in a fork of the session in which it was submitted."""
        names = self._names
        attributes: dict[str, Value] = {names["session"]: session_name(entry.session), names["task"]: entry.task}
        self._seen.add(entry.task)
        span = self._tasks[entry.task] = Span(
            id=span_id("task", entry.id),
            parent=self._root,
            name=f"task {entry.task}",
            start=entry.at,
            attributes=attributes,
            measures="task",
        )
        return span

    @property
    def _root(self) -> str:
        return self._session.id if self._session else ""

    def _above(self, entry: Entry) -> str:
        """The id of the span below which the entry stands; that of its task begins with it where nobody has seen one."""
        task = self._tasks.get(entry.task)
        if task is None and entry.task and entry.task not in self._seen:
            task = self._taken_up(entry)
        return task.id if task else self._root

    def _attempt(self, entry: Entry, role: str, branch: str = "", agent: str = "") -> Span:
        """The attempt that the entry belongs to, begun by it where it is the first of it."""
        key = (entry.task, entry.step, entry.attempt, role, branch)
        span = self._attempts.get(key)
        if span is None:
            names = self._names
            span = self._attempts[key] = Span(
                id=span_id(f"attempt/{role}/{branch}", entry.id),
                parent=self._above(entry),
                name=f"invoke_agent {agent or role}",
                start=entry.at,
                attributes={
                    names["operation"]: "invoke_agent",
                    names["conversation"]: self.instance,
                    names["session"]: session_name(entry.session),
                    names["task"]: entry.task,
                    names["step"]: entry.step,
                    names["attempt"]: entry.attempt,
                    names["role"]: role,
                    names["branch"]: branch,
                },
                measures="agent",
            )
        if agent:
            span.name, span.attributes[self._names["agent"]] = f"invoke_agent {agent}", agent
        return span

    def _end_attempts(self, entry: Entry, role: str, *, failed: str = "") -> Iterator[Span]:
        """End what a role, with its branches, does in an attempt; every attempt of the task where no role is named."""
        place = (entry.task, entry.step, entry.attempt)
        for key in list(self._attempts):
            if (
                (key[:3] == place and (key[3] == role or (key[4] and role == "worker")))
                if role
                else key[0] == entry.task
            ):
                span = self._attempts.pop(key)
                span.end = entry.at
                if failed:
                    span.status, span.attributes[self._names["error"]] = ERROR, failed
                yield span

    def _progress(self, entry: Entry) -> Iterator[Span]:
        names = self._names
        match entry.event:
            case ChoiceMade() as choice:
                span = self._attempt(entry, choice.role, agent=choice.agent)
                span.tell(Happened(entry.at, names["choice"], self._chosen(choice)))
            case ChoiceStopped() as choice:
                self._tell(entry, names["choice_stopped"], self._chosen(choice))
            case AnswerServed() as served:
                span = self._attempt(entry, served.role, served.branch, served.agent)
                saved = served.saved_input_tokens + served.saved_output_tokens
                told: dict[str, Value] = {names["served_how"]: served.how, names["saved_tokens"]: saved}
                span.tell(Happened(entry.at, names["served"], {**told, names["model"]: served.model}))
            case StageApplied() as stage:
                span = self._attempt(entry, stage.role, stage.branch)
                span.tell(Happened(entry.at, names["staged"], self._staged(stage)))
            case BudgetMarked() as mark:
                told = {names["budget_scope"]: mark.scope, names["budget_percent"]: mark.percent}
                self._tell(entry, names["marked"], told)
            case StepPlanned():
                yield from self._end_attempts(entry, "explorer")
            case StepDrafted():
                yield from self._end_attempts(entry, "worker")
            case AttemptAbandoned(role=role):
                yield from self._end_attempts(entry, role, failed="abandoned")
            case StepAccepted() | StepRejected() | StepAudited() as verdict:
                yield from self._judged(entry, verdict)
            case _:
                pass

    def _tell(self, entry: Entry, name: str, told: Mapping[str, Value]) -> None:
        span = self._tasks.get(entry.task) or self._session
        if span is not None:
            span.tell(Happened(entry.at, name, told))

    def _chosen(self, choice: ChoiceMade | ChoiceStopped) -> dict[str, Value]:
        names = self._names
        told: dict[str, Value] = {names["role"]: choice.role, names["policy"]: choice.policy}
        if isinstance(choice, ChoiceMade):
            told |= {names["agent"]: choice.agent, names["model"]: choice.model, names["tier"]: choice.tier}
        counts: dict[str, Value] = {
            names["candidates"]: len(choice.candidates),
            names["excluded"]: len(choice.excluded),
        }
        return {**told, **counts}

    def _staged(self, stage: StageApplied) -> dict[str, Value]:
        names = self._names
        sizes: dict[str, Value] = {names["stage_before"]: stage.before, names["stage_after"]: stage.after}
        return {names["stage_name"]: stage.stage, names["stage_how"]: stage.how, **sizes}

    def _judged(self, entry: Entry, verdict: StepAccepted | StepRejected | StepAudited) -> Iterator[Span]:
        names = self._names
        is_audit = isinstance(verdict, StepAudited)
        passed = verdict.agrees if isinstance(verdict, StepAudited) else isinstance(verdict, StepAccepted)
        told: dict[str, Value] = {
            names["evaluation_name"]: "audit" if is_audit else "verdict",
            names["evaluation_label"]: "none" if passed is None else "pass" if passed else "fail",
            names["evaluation_score"]: verdict.score,
            names["evaluation_why"]: verdict.reason if self._content else "",
        }
        role = AUDITOR if is_audit else "validator"
        span = self._attempts.get((entry.task, entry.step, entry.attempt, role, "")) or self._tasks.get(entry.task)
        if span is not None:
            span.tell(Happened(entry.at, names["evaluation"], told))
        yield from self._end_attempts(entry, role)

    def _reserved(self, entry: Entry, call: CallReserved) -> None:
        names, server = self._names, self._servers.get(call.model, Server())
        attempt = self._attempt(entry, call.role, call.branch, call.agent)
        model = server.model or call.model
        self._calls[entry.position] = Span(
            id=span_id("call", entry.id),
            parent=attempt.id,
            name=f"chat {model}",
            kind=CLIENT,
            start=entry.at,
            attributes={
                names["operation"]: "chat",
                names["provider"]: names.provider(server.provider),
                names["request_model"]: model,
                names["max_tokens"]: call.max_output_tokens,
                names["temperature"]: float(call.temperature),
                names["output_type"]: "json" if call.answer_schema is not None else "text",
                names["server"]: server.host,
                names["port"]: server.port,
                names["agent"]: call.agent,
                names["conversation"]: self.instance,
                names["session"]: session_name(entry.session),
                names["task"]: entry.task,
                names["step"]: entry.step,
                names["attempt"]: entry.attempt,
                names["role"]: call.role,
                names["tier"]: call.tier,
                names["model"]: call.model,
                names["try"]: call.nth,
                names["skills"]: call.skills,
                names["branch"]: call.branch,
            },
            content=self._said("input_messages", entry, [(said.speaker, said.text) for said in call.messages]),
            measures="call",
            cost_nanos=call.cost_nanos,
        )

    def _said(self, meant: str, entry: Entry, texts: list[tuple[str, Any]]) -> list[Content]:
        return [Content(self._names[meant], tuple(texts), entry.position)] if self._content and texts else []

    def _end_call(self, entry: Entry, end: CallSettled | CallFailed | CallReleased | CallUnknown) -> Iterator[Span]:
        late = end.reservation not in self._calls
        span = self._unknown.get(end.reservation) if late else self._calls.pop(end.reservation)
        if span is None:
            return
        if not late:
            span.end = entry.at
        match end:
            case CallUnknown():
                self._unknown[end.reservation] = span
                self._fail(span, "unknown", "reservation", span.cost_nanos)
                return
            case CallSettled():
                self._settled(entry, span, end)
            case CallFailed():
                self._fail(span, str(end.status) if end.status else end.failure, "", 0)
            case CallReleased():
                self._fail(span, "released", "", 0)
        self._unknown.pop(end.reservation, None)
        yield span

    def _fail(self, span: Span, why: str, source: str, nanos: int) -> None:
        span.status, span.cost_nanos = ERROR, nanos
        span.attributes[self._names["error"]] = why
        self._cost(span, source)

    def _settled(self, entry: Entry, span: Span, call: CallSettled) -> None:
        names = self._names
        span.cost_nanos = call.cost_nanos
        if not call.is_reconciled:  # else what was found out later is what it cost, and its answer is lost
            span.status = OK
            span.attributes[names["response_model"]] = call.answered_by or span.attributes[names["request_model"]]
            span.attributes[names["finish_reasons"]] = (FINISHES.get(call.finish, call.finish),)
            span.content += self._said("output_messages", entry, [("assistant", call.answer)])
        span.attributes |= {
            names["input_tokens"]: call.input_tokens,
            names["output_tokens"]: call.output_tokens,
            names["cache_read"]: call.cached_tokens or None,
            names["cache_write"]: call.cache_write_tokens or None,
            names["reasoning"]: call.reasoning_tokens or None,
            names["tokens"]: call.tokens,
        }
        self._cost(span, call.basis)

    def _cost(self, span: Span, source: str) -> None:
        usd = span.cost_nanos / 1_000_000_000
        span.attributes[self._names["cost"]] = usd
        span.attributes[self._names["cost_source"]] = source
        for name in self._cost_as:
            span.attributes[name] = usd

    def _tool(self, entry: Entry, tool: ToolStarted | ToolFinished, start: int) -> Span:
        names = self._names
        attempt = self._attempt(entry, tool.role, tool.branch)
        key = ((entry.task, entry.step, entry.attempt, tool.role, tool.branch), tool.ordinal)
        span = self._tools[key] = Span(
            id=span_id("tool", entry.id),
            parent=attempt.id,
            name=f"execute_tool {tool.tool}",
            start=start,
            attributes={
                names["operation"]: "execute_tool",
                names["tool"]: tool.tool,
                names["tool_call"]: tool.call,
                names["agent"]: attempt.attributes.get(names["agent"]),
                names["conversation"]: self.instance,
                names["session"]: session_name(entry.session),
                names["task"]: entry.task,
                names["step"]: entry.step,
                names["attempt"]: entry.attempt,
                names["role"]: tool.role,
                names["branch"]: tool.branch,
            },
            measures="tool",
        )
        return span

    def _end_tool(self, entry: Entry, tool: ToolFinished) -> Span:
        names = self._names
        key = ((entry.task, entry.step, entry.attempt, tool.role, tool.branch), tool.ordinal)
        span = self._tools.get(key) or self._tool(entry, tool, entry.at - tool.duration_ms * 1000)
        del self._tools[key]
        span.end = entry.at
        span.attributes[names["tool_type"]] = "extension" if tool.source else "function"
        if tool.refused or tool.failed:
            span.status, span.attributes[names["error"]] = ERROR, "refused" if tool.refused else "tool_error"
        span.content = [
            *self._said("tool_arguments", entry, [("", tool.arguments)]),
            *self._said("tool_result", entry, [("", tool.shown or tool.answer)]),
        ]
        return span

    def _end_task(
        self,
        entry: Entry,
        end: TaskAccepted | TaskFailed | TaskHalted | TaskCancelled | TaskSkipped | None = None,
    ) -> Iterator[Span]:
        names = self._names
        yield from self._end_attempts(entry, "")
        self._above(entry)
        span = self._tasks.pop(entry.task, None)
        if span is None:
            return
        span.end = entry.at
        status = _TASK_ENDS.get(type(end), "replaced")
        span.attributes[names["status"]] = status
        if isinstance(end, TaskFailed | TaskHalted):
            span.attributes[names["cause"]] = end.cause
        if isinstance(end, TaskFailed):
            span.status, span.attributes[names["error"]] = ERROR, end.cause or "failed"
        elif isinstance(end, TaskAccepted):
            span.status = OK
        yield span
