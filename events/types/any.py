"""The union of all events, and the table from a kind to its struct."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias, get_args

import msgspec

from events.types.answer import AnswersCleared, AnswerServed, AnswerSuggested
from events.types.base import Unknown
from events.types.call import (
    BudgetMarked,
    BudgetSet,
    CallFailed,
    CallOverran,
    CallReleased,
    CallReserved,
    CallSettled,
    CallUnknown,
)
from events.types.choice import ChoiceMade, ChoiceStopped, TrailsExcluded
from events.types.control import (
    CancelRequested,
    PauseRequested,
    PinRequested,
    RequestAnswered,
    RetryRequested,
    TierPinned,
    TierUnpinned,
    UnpauseRequested,
    VerdictRequested,
    WorkPaused,
    WorkUnpaused,
)
from events.types.model import ModelCooled, ModelRecovered
from events.types.schedule import (
    FiringCancelled,
    FiringDue,
    FiringFinished,
    FiringMissed,
    FiringOrphaned,
    FiringQueued,
    FiringSkipped,
    FiringStarted,
    SchedulePaused,
    ScheduleRemoved,
    ScheduleResumed,
    ScheduleRewound,
    ScheduleSet,
)
from events.types.session import FileTrusted, SessionClaimed, SessionClosed, SessionOpened, SessionRenewed
from events.types.stage import StageApplied, StageUndone, StageWithdrawn
from events.types.task import (
    AttemptAbandoned,
    StepAccepted,
    StepAudited,
    StepDrafted,
    StepPlanned,
    StepRejected,
    TaskAccepted,
    TaskCancelled,
    TaskCleared,
    TaskExpanded,
    TaskFailed,
    TaskHalted,
    TaskReopened,
    TaskSkipped,
    TaskSubmitted,
)
from events.types.tool import (
    ApprovalAsked,
    ApprovalGiven,
    QuestionAnswered,
    QuestionAsked,
    SandboxProbed,
    ToolFinished,
    ToolStarted,
)
from events.types.tree import ChangesApplied, ChangesUndone
from events.types.upkeep import LedgerCarried, LogArchived, TextsPruned
from events.upcast import Decoder, decoders

AnyEvent: TypeAlias = (
    SessionOpened
    | SessionClaimed
    | SessionRenewed
    | SessionClosed
    | FileTrusted
    | TaskSubmitted
    | TaskCleared
    | TaskSkipped
    | TaskExpanded
    | StepPlanned
    | StepDrafted
    | StepAccepted
    | StepRejected
    | StepAudited
    | AttemptAbandoned
    | TaskAccepted
    | TaskFailed
    | TaskHalted
    | TaskReopened
    | TaskCancelled
    | ChoiceMade
    | ChoiceStopped
    | TrailsExcluded
    | CallReserved
    | CallSettled
    | CallFailed
    | CallReleased
    | CallUnknown
    | CallOverran
    | AnswerServed
    | AnswersCleared
    | AnswerSuggested
    | BudgetMarked
    | BudgetSet
    | ModelCooled
    | ModelRecovered
    | SandboxProbed
    | ToolStarted
    | ToolFinished
    | ApprovalAsked
    | ApprovalGiven
    | QuestionAsked
    | QuestionAnswered
    | ChangesApplied
    | ChangesUndone
    | CancelRequested
    | VerdictRequested
    | PauseRequested
    | UnpauseRequested
    | RetryRequested
    | PinRequested
    | RequestAnswered
    | WorkPaused
    | WorkUnpaused
    | TierPinned
    | TierUnpinned
    | TextsPruned
    | StageApplied
    | StageUndone
    | StageWithdrawn
    | LogArchived
    | LedgerCarried
    | ScheduleSet
    | SchedulePaused
    | ScheduleResumed
    | ScheduleRemoved
    | ScheduleRewound
    | FiringMissed
    | FiringSkipped
    | FiringQueued
    | FiringDue
    | FiringStarted
    | FiringCancelled
    | FiringFinished
    | FiringOrphaned
)

KINDS: dict[str, type[AnyEvent]] = {struct.__struct_config__.tag: struct for struct in get_args(AnyEvent)}
_decoders: dict[str, Decoder] = decoders({kind: msgspec.json.Decoder(KINDS[kind]) for kind in KINDS})
_encoder = msgspec.json.Encoder()
_kind_of: dict[type, str] = {struct: kind for kind, struct in KINDS.items()}
_before_fields: dict[type, int] = {struct: len(f'{{"kind":"{kind}",') for kind, struct in KINDS.items()}


def kind_of(event: AnyEvent | Unknown) -> str:
    return event.kind if isinstance(event, Unknown) else _kind_of[type(event)]


def encode_body(event: AnyEvent | Unknown) -> str:
    """The stored form: a JSON object without the kind, which the envelope holds. Raises UnicodeError."""
    if isinstance(event, Unknown):
        return event.raw.decode()
    fields = _encoder.encode(event)[_before_fields[type(event)] :]
    return "{" + fields.decode() if fields else "{}"


def decode_body(kind: str, body: bytes | str) -> AnyEvent | Unknown:
    """The event again, in its form of today; `Unknown` for a kind that this program does not know.

    Raises msgspec.DecodeError where a known kind does not hold what it must.
    """
    decoder = _decoders.get(kind)
    if decoder is None:
        return Unknown(kind, body.encode() if isinstance(body, str) else body)
    event: AnyEvent = decoder.decode(body)
    return event


def decoder_of(kind: str) -> Callable[[bytes | str], AnyEvent | Unknown]:
    """What `decode_body` does for one kind, to be looked up once for many bodies."""
    decoder = _decoders.get(kind)
    return partial(decode_body, kind) if decoder is None else decoder.decode
