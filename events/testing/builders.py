"""Events with defaults, so that a test names only what it is about; and a clock that one sets."""

from __future__ import annotations

from typing import Any

import msgspec

from events.blobs import Text, digest_of
from events.log import NewEvent, session_name
from events.types.any import AnyEvent
from events.types.base import Said, TextRef, Unknown
from events.types.call import CallFailed, CallOverran, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.choice import Candidate, ChoiceMade, ChoiceStopped, Rejected
from events.types.session import SessionClaimed, SessionClosed, SessionOpened
from events.types.task import (
    StepAccepted,
    StepAudited,
    StepDrafted,
    StepPlanned,
    StepRejected,
    TaskAccepted,
    TaskSubmitted,
)
from events.types.tool import ApprovalAsked, ApprovalGiven, ToolFinished, ToolStarted
from events.types.tree import FILE, FileState

MORNING = 1_790_000_000_000_000  # 2026-09-21T13:33:20Z


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: int = MORNING) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += round(seconds * 1_000_000)


def a_text(text: str) -> Text:
    return Text(digest_of(text), text)


def a_ref(text: str = "text", place: int = 0) -> TextRef:
    return TextRef(digest_of(text), place)


def new(
    event: AnyEvent | Unknown,
    *,
    session: int = 1,
    task: str = "",
    step: int = 0,
    attempt: int = 0,
    topic: str = "",
    **more: Any,
) -> NewEvent:
    """The event on its way into the log, on its session's topic where none is named."""
    topic = topic or session_name(session)
    return NewEvent(event=event, session=session, task=task, step=step, attempt=attempt, topic=topic, **more)


def opened(**changes: Any) -> SessionOpened:
    return msgspec.structs.replace(_OPENED, **changes)


def claimed(**changes: Any) -> SessionClaimed:
    return msgspec.structs.replace(_CLAIMED, **changes)


def closed(**changes: Any) -> SessionClosed:
    return msgspec.structs.replace(_CLOSED, **changes)


def submitted(**changes: Any) -> TaskSubmitted:
    return msgspec.structs.replace(_SUBMITTED, **changes)


def a_task(name: str = "build", *, session: int = 1, **changes: Any) -> NewEvent:
    return new(submitted(title=name, **changes), session=session, task=name)


def planned(**changes: Any) -> StepPlanned:
    return msgspec.structs.replace(_PLANNED, **changes)


def chosen(**changes: Any) -> ChoiceMade:
    return msgspec.structs.replace(_CHOSEN, **changes)


def stopped(**changes: Any) -> ChoiceStopped:
    return msgspec.structs.replace(_STOPPED, **changes)


def drafted(**changes: Any) -> StepDrafted:
    return msgspec.structs.replace(_DRAFTED, **changes)


def accepted(**changes: Any) -> StepAccepted:
    return msgspec.structs.replace(_ACCEPTED, **changes)


def rejected(**changes: Any) -> StepRejected:
    return msgspec.structs.replace(_REJECTED, **changes)


def audited(**changes: Any) -> StepAudited:
    return msgspec.structs.replace(_AUDITED, **changes)


def task_accepted(**changes: Any) -> TaskAccepted:
    return msgspec.structs.replace(_TASK_ACCEPTED, **changes)


def reserved(**changes: Any) -> CallReserved:
    return msgspec.structs.replace(_RESERVED, **changes)


def settled(reservation: int, **changes: Any) -> CallSettled:
    return msgspec.structs.replace(_SETTLED, reservation=reservation, **changes)


def failed(reservation: int, **changes: Any) -> CallFailed:
    return msgspec.structs.replace(_FAILED, reservation=reservation, **changes)


def released(reservation: int) -> CallReleased:
    return CallReleased(reservation=reservation, reason="it was cancelled before it was sent")


def unknown(reservation: int) -> CallUnknown:
    return CallUnknown(reservation=reservation, reason="the process ended while it was in flight")


def overran(reservation: int, **changes: Any) -> CallOverran:
    return msgspec.structs.replace(_OVERRAN, reservation=reservation, **changes)


def tool_started(**changes: Any) -> ToolStarted:
    return msgspec.structs.replace(_TOOL_STARTED, **changes)


def tool_finished(**changes: Any) -> ToolFinished:
    return msgspec.structs.replace(_TOOL_FINISHED, **changes)


def approval_asked(**changes: Any) -> ApprovalAsked:
    return msgspec.structs.replace(_APPROVAL_ASKED, **changes)


def approval_given(asked: int, **changes: Any) -> ApprovalGiven:
    return msgspec.structs.replace(ApprovalGiven(asked=asked, allowed=True, by="ada@host"), **changes)


def a_file(text: str, *, kind: str = FILE) -> FileState:
    """The state of a file whose content is in no blob store."""
    return FileState(kind, digest_of(text))


_OPENED = SessionOpened(type="file", title="demo", directory="/project", version="0", settings=a_ref("{}"))
_CLAIMED = SessionClaimed(
    owner="ada@host, pid 7", host="host", boot="boot", pid=7, started=70, epoch=1, valid_until=MORNING + 60_000_000
)
_CLOSED = SessionClosed(finished=True, exit_code=0)
_SUBMITTED = TaskSubmitted(spec=a_ref("spec"), title="build", decisions=1, type="code", complexity="simple")
_PLANNED = StepPlanned(title="write it", total=1)
_CANDIDATE = Candidate(agent="maker", model="small", tier="free", mean=0.5, weight=1.0)
_CHOSEN = ChoiceMade(
    role="worker",
    context="worker/code",
    agent="maker",
    model="small",
    tier="free",
    policy="trails",
    seed="1",
    candidates=(_CANDIDATE,),
)
_STOPPED = ChoiceStopped(
    role="worker",
    context="worker/code",
    policy="trails",
    seed="1",
    candidates=(Candidate(agent="maker", model="large", tier="paid", mean=0.1, cost_nanos=9_000, draw=0.1),),
    tried=(Rejected("maker@small", 0.5, 0.4),),
    worth_nanos=9_000,
    arms=1,
)
_DRAFTED = StepDrafted(draft=a_ref("draft"), agent="maker", model="small", tier="free")
_ACCEPTED = StepAccepted(draft=a_ref("draft"))
_REJECTED = StepRejected(reason="too short", feedback=a_ref("write more"))
_AUDITED = StepAudited(judge="small", auditor="judge@large", agrees=False, score=0.2, reason="it does not rhyme")
_TASK_ACCEPTED = TaskAccepted(result=a_ref("draft"))
_RESERVED = CallReserved(
    role="worker",
    agent="maker",
    model="small",
    tier="free",
    messages=(Said("user", a_ref("do it")),),
    max_output_tokens=500,
    tokens=1_000,
    cost_nanos=2_000,
    price="small-1",
    scopes=("log", "day:2026-09-21@UTC", "session:1"),
    ordinal=1,
)
_SETTLED = CallSettled(
    reservation=0,
    answer=a_ref("answer"),
    finish="stop",
    input_tokens=400,
    output_tokens=100,
    tokens=500,
    cost_nanos=900,
    price="small-1",
)
_FAILED = CallFailed(reservation=0, failure="wait", reason="the provider is busy", status=429)
_OVERRAN = CallOverran(reservation=0, scopes=("log", "day:2026-09-21@UTC", "session:1"), tokens=10, cost_nanos=20)
_TOOL_STARTED = ToolStarted(
    tool="run",
    call="c1",
    ordinal=1,
    arguments=a_ref('{"command":"make test"}'),
    effect="copy",
    rule="built in: bubblewrap holds it",
    on="make test",
)
_TOOL_FINISHED = ToolFinished(
    tool="run",
    call="c1",
    ordinal=1,
    arguments=a_ref('{"command":"make test"}'),
    answer=a_ref("1 failed"),
    on="make test",
)
_APPROVAL_ASKED = ApprovalAsked(
    tool="run",
    call="c1",
    ordinal=1,
    question="May run be used: make test",
    arguments=a_ref('{"command":"make test"}'),
    rule="built in: without a sandbox commands are asked about",
    pattern='{"tool":"run","match":"make *"}',
)
