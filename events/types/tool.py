"""Tools: what was done for a model, what allowed it, and what came of it."""

from __future__ import annotations

import msgspec

from events.types.base import Captured, Event, TextRef
from events.types.tree import FileChange


class SandboxProbed(Event, frozen=True, kw_only=True, tag="sandbox.probed"):
    """What holds commands in this session, as a preflight that really ran one found it."""

    backend: str  # "bubblewrap", "landlock" or "none"
    reason: str = ""  # why it is no better one
    missing: tuple[str, ...] = ()  # what it cannot keep, such as "processes" or "udp"
    version: str = ""


class ToolStarted(Event, frozen=True, kw_only=True, tag="tool.started"):
    """The intent to use a tool that does more than to look. One that only looks has its end alone."""

    tool: str
    call: str  # the id of the model's call
    ordinal: int  # number of the use within its attempt, from 1
    arguments: TextRef  # as JSON, secrets taken out
    effect: str  # "copy": nothing but the work copy changes; "world": it may outlive the copy
    role: str = "worker"
    rule: str = ""  # of the policy, by which it may be used
    repeatable: bool = False  # after a crash it may be used again as if it never was
    captured: tuple[Captured, ...] = ()
    on: str = ""  # what it is used on, in one line that is cut, secrets taken out
    branch: str = ""  # of the attempt, in which a sub-agent uses it; its uses are numbered by themselves


class Keeping(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Of what the result of a use is one, and until when it is given again without asking whether it still holds."""

    key: str  # all that it depends on, as a digest
    until: int = 0  # microseconds since 1970
    url: str = ""  # that is asked whether it still holds, by the two below; empty: nobody is
    etag: str = ""
    modified: str = ""


class ToolFinished(Event, frozen=True, kw_only=True, tag="tool.finished"):
    """What came of it. `failed` is the tool's own word, or that the policy refused it: the model is told either."""

    tool: str
    call: str
    ordinal: int
    arguments: TextRef
    answer: TextRef  # all that it said, up to the limit on outputs, secrets taken out
    shown: TextRef | None = None  # what of it the model was told; None: all
    failed: bool = False
    refused: str = ""  # the rule of the policy that refused it
    tree: str = ""  # digest of all that differs in the work copy from the project then; empty: nothing does, or it was not asked
    files: tuple[FileChange, ...] = ()  # what the use changed of that
    role: str = "worker"
    source: str = ""  # the MCP server that it is from; empty: our own
    exit_code: int | None = None  # of a command
    cut: bool = False  # it said more than the limit on outputs
    duration_ms: int = 0
    on: str = ""  # what it was used on, in one line that is cut, secrets taken out
    reason: str = ""  # why it came to nothing, likewise; empty where a rule refused it, or an exit code says it
    skill: str = ""  # of which it gave the text, or a file
    branch: str = ""  # of the attempt, in which a sub-agent used it
    keeping: Keeping | None = None  # its result may be given again; None: it may not, or that is off
    given: int = 0  # position of the tool.finished whose result this is; 0: its own. With `keeping` it was asked, and still holds


class ApprovalAsked(Event, frozen=True, kw_only=True, tag="approval.asked"):
    """A tool waits for a person. Stands on the session's topic."""

    tool: str
    call: str
    ordinal: int
    question: str  # in one line, secrets taken out
    arguments: TextRef
    rule: str = ""  # of the policy, by which a person is asked
    pattern: str = ""  # the uses like it, for which a word that is remembered holds
    role: str = "worker"
    branch: str = ""  # of the attempt, in which a sub-agent wants it


class ApprovalGiven(Event, frozen=True, kw_only=True, tag="approval.given"):
    """A person's word on what waits: on `control/<session>` where another process gave it, on `approvals` for a project."""

    asked: int  # position of the approval.asked
    allowed: bool
    remember: str = ""  # "session" or "project": it holds for like uses, too
    pattern: str = ""  # the like uses: tool and arguments, as the policy writes them
    directory: str = ""  # of the project, where it is remembered for that
    by: str = ""
    reason: str = ""  # the model is told it where it was not allowed


class QuestionAsked(Event, frozen=True, kw_only=True, tag="question.asked"):
    """An agent asks a person, and its attempt waits. Stands on the session's topic."""

    question: str  # secrets taken out, as of the options
    ordinal: int  # number of the use of the tool within its attempt
    options: tuple[str, ...] = ()  # answers that it proposes; any other is as good
    role: str = "worker"
    branch: str = ""  # of the attempt, in which a sub-agent asks


class QuestionAnswered(Event, frozen=True, kw_only=True, tag="question.answered"):
    """What a person said to it: on `control/<session>` where another process took it down. The first answer counts."""

    asked: int  # position of the question.asked
    answer: TextRef  # secrets taken out; empty: decide yourself
    by: str = ""
