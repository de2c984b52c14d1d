"""One way to name a session (`s412`, `412`), a task (`s412/build`) and a step (`s412/build/2`)."""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches

import msgspec

from events.log import EventLog, session_name
from swarm.errors import UsageError

HELP = "a session (s412), a task (s412/build) or a step (s412/build/2); default: the last session"

_NAME = re.compile(r"s?([0-9]{1,15})(?:/([A-Za-z0-9][A-Za-z0-9_-]{0,63})(?:/([0-9]{1,9}))?)?/?", re.IGNORECASE)


class Name(msgspec.Struct, frozen=True):
    """What a person named. An empty task is the whole session, step 0 the whole task."""

    session: int
    task: str = ""
    step: int = 0

    def __str__(self) -> str:
        parts = [session_name(self.session), self.task, str(self.step) if self.step else ""]
        return "/".join(part for part in parts if part)


class NoSuchThing(UsageError):
    """What was named is not in the log; `what` is the thing and `near` what may have been meant."""

    def __init__(self, what: str, *, near: str = "") -> None:
        guess = f"did you mean {near}?" if near else "`swarm ps --all` lists what there is"
        super().__init__(f"there is no {what} in this log; {guess}")


def parse_name(text: str) -> Name:
    """Read a name as people type it. Raises UsageError."""
    match = _NAME.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"{text!r} names nothing; a session is written s412 or 412, a task s412/build, a step s412/build/2"
        )
    session, task, step = match.groups()
    return Name(int(session), (task or "").lower(), int(step or 0))


async def find(log: EventLog, text: str | None) -> Name:
    """Return what is named, the last session for None; the session is in the log, its tasks have not been looked at.

    Raises UsageError where it is no name, NoSuchThing where the log has no such session.
    """
    last = await log.last("sessions")
    if last is None:
        raise UsageError("no session is recorded in this log yet; begin with `swarm run FILE`")
    if text is None:
        return Name(last.session)
    name = parse_name(text)
    if not await log.read(session=name.session, limit=1) or not name.session:
        raise NoSuchThing(f"session {session_name(name.session)}", near=f"the last one, {session_name(last.session)}")
    return name


async def find_session(log: EventLog, text: str | None) -> int:
    """Return the number of the session that is named, of the last one for None. Raises as `find`, and at a task."""
    name = await find(log, text)
    if name.task:
        session = session_name(name.session)
        raise UsageError(f"{name} is a part of session {session}, and this takes a whole one; name {session}")
    return name.session


def check_task(name: Name, tasks: Collection[str]) -> None:
    """Raises NoSuchThing where the session has no task of that name."""
    if name.task and name.task not in tasks:
        near = get_close_matches(name.task, list(tasks), n=1)
        listed = ", ".join(f"{session_name(name.session)}/{task}" for task in (near or list(tasks)[:5]))
        raise NoSuchThing(f"task {name.task} in session {session_name(name.session)}", near=listed)
