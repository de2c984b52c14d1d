"""Tasks and their steps: submitted, planned, drafted, judged, ended."""

from __future__ import annotations

import msgspec

from events.types.base import Captured, Event, TextRef
from events.types.tree import FileChange


class OutputFile(msgspec.Struct, frozen=True, gc=False):
    """A file of the user's tree: its path relative to the project folder, and the digest of its text ("": it is absent)."""

    path: str
    digest: str


class TaskSubmitted(Event, frozen=True, kw_only=True, tag="task.submitted"):
    spec: TextRef  # the Task as JSON
    title: str
    decisions: int  # version of the rules by which `next_step` decides
    type: str  # task type, the context of its trails
    complexity: str  # "simple", "moderate" or "complex"
    factors: tuple[str, ...] = ()  # what made it so
    explore: bool = False  # an explorer plans it
    needs: tuple[str, ...] = ()
    attempts: int = 3  # the most drafts a step may have
    outputs: tuple[OutputFile, ...] = ()  # where accepted work is delivered, as it is before
    gated: bool = (
        False  # it has a condition or is done once for each of some items: that is seen when its needs have ended
    )
    ruled: tuple[str, ...] = ()  # those of its needs that need not be accepted: its condition speaks of how they ended
    parent: str = ""  # the task of which it does one item
    answer_tokens: int = 0  # what a draft's answer may have at first; 0: a log from before that was said
    handover: TextRef | None = None  # of the task of an earlier session from which it goes on
    team: tuple[str, ...] = ()  # who fills a role other than its plain agent, and why: `worker: tester (type tests)`
    keeps: bool = False  # what was inherited of the task stays: only what bounds it is another


class TaskCleared(Event, frozen=True, kw_only=True, tag="task.cleared"):
    """Its condition held when what it needs had ended."""

    condition: str


class TaskSkipped(Event, frozen=True, kw_only=True, tag="task.skipped"):
    """It was not to be done. That is no failure."""

    reason: str
    by: str = (
        ""  # the person whose run goes on from another, and leaves it out; empty: its condition, or that of a need
    )


class TaskExpanded(Event, frozen=True, kw_only=True, tag="task.expanded"):
    """It is done once for each item, by tasks of their own that are submitted in the same append."""

    items: TextRef  # JSON list
    children: tuple[str, ...]
    condition: str = ""


class StepPlanned(Event, frozen=True, kw_only=True, tag="step.planned"):
    """The envelope's step is its number, from 1."""

    title: str
    total: int  # steps of the plan
    instruction: TextRef | None = None  # None: the task's own prompt
    approach: TextRef | None = None  # what the explorer decided
    captured: tuple[Captured, ...] = ()
    needs: tuple[str, ...] = ()  # of what the task reads: each a name, and where in it; (): all of it
    unknown: tuple[str, ...] = ()  # what the plan named beside them, and is the name of nothing there


class StepDrafted(Event, frozen=True, kw_only=True, tag="step.drafted"):
    draft: TextRef
    agent: str
    model: str
    tier: str
    finish: str = "stop"  # how the answer ended; "length": it was cut
    limit: int = 0  # of a cut answer: at how many tokens
    captured: tuple[Captured, ...] = ()
    files: tuple[FileChange, ...] = ()  # all that differs in the work copy from the project when it was made
    stopped: str = ""  # why its use of tools was ended, with finish "loop" or "turns"


class CheckResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """How one deterministic check of the task went."""

    name: str
    passed: bool
    detail: str = ""  # one line; what was found where it did not pass
    required: bool = True


class Overruled(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The choice whose work a person judged otherwise than it was judged before."""

    context: str
    agent: str
    model: str
    judged_at: int = 0  # when that was, in microseconds since 1970; 0 = nobody had judged it
    judge: str = ""  # the model that had, or "checks"; empty: a person, or nobody


class StepAccepted(Event, frozen=True, kw_only=True, tag="step.accepted"):
    draft: TextRef  # what was accepted
    checks: tuple[CheckResult, ...] = ()
    judge: str = ""  # agent@model that judged; empty: the checks alone, or a person
    why_judge: str = ""  # the rule by which that judge was taken
    score: float | None = None
    reason: str = ""
    unjudged: bool = False  # nobody could judge it: only its form was looked at
    by: str = ""  # the person who judged
    overrules: Overruled | None = None  # where it had been rejected
    audit: bool = False  # another model looks at it once the task is accepted
    captured: tuple[Captured, ...] = ()


class StepRejected(Event, frozen=True, kw_only=True, tag="step.rejected"):
    reason: str  # one line
    feedback: TextRef  # what the next attempt is told
    checks: tuple[CheckResult, ...] = ()
    judge: str = ""
    why_judge: str = ""
    score: float | None = None
    by: str = ""  # the person who judged: the step then has one attempt more
    overrules: Overruled | None = None  # where it had been accepted
    captured: tuple[Captured, ...] = ()


class StepAudited(Event, frozen=True, kw_only=True, tag="step.audited"):
    """A draft that was accepted was looked at again. It says how well its judge judges: neither task nor trails move."""

    judge: str  # the model that had accepted it, or "checks"
    auditor: str = ""  # agent@model; empty: nobody came to a verdict
    agrees: bool | None = None  # that it is right; None: no verdict, and `reason` says why
    score: float | None = None
    reason: str = ""


class AttemptAbandoned(Event, frozen=True, kw_only=True, tag="attempt.abandoned"):
    """An attempt ended without a result that can be judged. It is no verdict: trails do not move."""

    role: str
    reason: str
    again: bool = False  # its step is begun anew in another attempt, for its record is not to be gone on from


class TaskAccepted(Event, frozen=True, kw_only=True, tag="task.accepted"):
    result: TextRef
    unjudged: bool = False
    outputs: tuple[OutputFile, ...] = ()  # as they were written
    kept: bool = False  # what tools changed beside them waits for a person


class TaskFailed(Event, frozen=True, kw_only=True, tag="task.failed"):
    reason: str
    cause: str  # "rejected", "no draft", "no verdict", "no model", "input", "output", "items", "time" or "budget"
    scope: str = ""  # of a cap at which it was to fail; this and all below as a halt has it
    unit: str = ""
    used: int = 0
    reserved: int = 0
    cap: int = 0
    needed: int = 0
    cap_by: str = ""
    share: int = 0
    whole: int = 0


class TaskHalted(Event, frozen=True, kw_only=True, tag="task.halted"):
    """A cap stopped it, or a question that nobody answered. `swarm resume` goes on where that has changed."""

    reason: str
    cause: str = "budget"  # or "confirmation"
    scope: str = ""
    unit: str = ""  # "tokens" or "nanos"
    used: int = 0
    reserved: int = 0
    cap: int = 0
    needed: int = 0
    held: int = 0  # of the cap, for the hand-over alone
    summary: TextRef | None = None  # the hand-over: what was done, what is left, and what stopped it
    summary_by: str = ""  # agent@model that wrote it anew; empty: it is folded from the log
    cap_by: str = ""  # the person who recorded the cap; empty: it is from settings or task file
    share: int = 0  # of a share of a split budget: what of the cap is its own; the rest had flowed to it
    whole: int = 0  # that budget


class TaskReopened(Event, frozen=True, kw_only=True, tag="task.reopened"):
    """A task that had ended is taken up again: by a resume, by a person's verdict, or since a person has it tried again."""

    reason: str
    by: str = ""  # the person who has it tried again
    attempts: int = 0  # how many drafts more a step of it may have for that


class TaskCancelled(Event, frozen=True, kw_only=True, tag="task.cancelled"):
    reason: str
    by: str = ""  # the person who asked for it; empty: something that it needs was not done
