"""Sessions: opened, claimed by an owner, closed; and the task files that a person has confirmed."""

from __future__ import annotations

import msgspec

from events.types.base import Event, TextRef
from events.types.task import OutputFile


class Estimated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a run was expected to take before it began: half of such runs stay below the first number, nine of ten below the second."""

    p50_nanos: int
    p90_nanos: int
    p50_tokens: int  # as they count against token caps
    p90_tokens: int
    guess: bool = False  # the log knew too little of such work


class SessionOpened(Event, frozen=True, kw_only=True, tag="session.opened"):
    """Stands on the topic `sessions`; its number is the envelope's session."""

    type: str  # "file", "direct", "fork", "cron" or "sub-agent"
    title: str
    directory: str  # the project folder in which it runs
    version: str  # of the program
    settings: TextRef  # the effective settings as JSON, without secrets: what a resume runs with
    source: TextRef | None = None  # the task file as it was read
    path: str = ""  # of the task file, as the caller named it
    parent: int = 0  # number of the session that it was forked from; 0 = none
    parent_position: int = 0  # what the parent recorded up to here is its beginning
    replaces: tuple[OutputFile, ...] = ()  # files that its parent, or another fork of it, wrote: it may write over them
    schedule: str = ""  # of which it is a run; "" = none
    firing: int = 0  # position of the firing.due of which it is the run; 0 = none
    estimate: Estimated | None = None  # what it was expected to cost; None where nothing paid could take part


class SessionClaimed(Event, frozen=True, kw_only=True, tag="session.claimed"):
    """Stands on `claim/<session>`; every append of the owner expects it to be the last there."""

    owner: str  # for people: user@host, pid 4711
    host: str
    boot: str  # id of the machine's boot: a pid means nothing across two of them
    pid: int
    started: int  # start time of the process in the system's own unit: a pid is used again
    epoch: int  # 1 for the first owner, one more for each that follows
    valid_until: int  # microseconds since 1970: where the owner cannot be looked at, it counts as living until then
    settings: TextRef | None = None  # with what this owner runs, where it is not what the session was opened with


class SessionRenewed(Event, frozen=True, kw_only=True, tag="session.renewed"):
    """The owner lives on. Stands on the session's own topic, so that it takes nothing from the claim."""

    valid_until: int


class SessionClosed(Event, frozen=True, kw_only=True, tag="session.closed"):
    """The owner lets go; stands on `claim/<session>`. `finished` is False where work is left for `swarm resume`."""

    finished: bool
    exit_code: int
    reason: str = ""


class FileTrusted(Event, frozen=True, kw_only=True, tag="file.trusted"):
    """A person confirmed the commands of a task file. Stands on the topic `trust`."""

    digest: str  # SHA-256 of the file's commands
    path: str
    commands: tuple[str, ...]
