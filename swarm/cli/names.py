"""One way to name things: a session (`s412`, `412`), a task (`s412/build`, `build`) and a step (`s412/build/2`, `build/2`)."""

from __future__ import annotations

import re
from difflib import get_close_matches

import msgspec

from events.lineage import fold_session
from events.log import EventLog, session_name
from events.views.tasks import TasksView
from swarm.errors import UsageError

SESSION_HELP = "s412 or 412; default: the last session"
HELP = "a session (s412), a task (s412/build; of the last session build) or a step (s412/build/2); default: the last session"
NO_SESSION = "no session is recorded in this log yet; begin with `swarm run FILE`"

_TASK = r"(?P<task>[A-Za-z0-9][A-Za-z0-9._-]{0,80})(?:/(?P<step>[0-9]{1,9}))?"
_WHOLE = re.compile(rf"s?(?P<session>[0-9]{{1,15}})(?:/{_TASK})?/?", re.IGNORECASE)
_OF_THE_LAST = re.compile(rf"/?{_TASK}/?")


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


def parse_name(text: str, *, last: int) -> Name:
    """Read a name as people type it; one without a session is of the session `last`.

    What can be a session is one: a task whose id is a number, or begins like s4, is written /4 or s412/4. Raises UsageError.
    """
    match = _WHOLE.fullmatch(text.strip()) or _OF_THE_LAST.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"{text!r} names nothing; a session is written s412 or 412, a task s412/build, a step s412/build/2, "
            "and a task of the last session build"
        )
    found = match.groupdict()
    return Name(int(found.get("session") or last), (found["task"] or "").lower(), int(found["step"] or 0))


async def find(log: EventLog, text: str | None) -> Name:
    """Return what is named, the last session for None. It is in the log: the session, its task and its step.

    Raises UsageError where it is no name, NoSuchThing where the log does not have it.
    """
    last = await last_session(log)
    if not last:
        raise UsageError(NO_SESSION)
    if text is None:
        return Name(last)
    name = parse_name(text, last=last)
    if not name.session or not await log.read(session=name.session, limit=1):
        raise NoSuchThing(f"session {session_name(name.session)}", near=f"the last one, {session_name(last)}")
    if name.task:
        await _require_part(log, name)
    return name


async def find_session(log: EventLog, text: str | None) -> int:
    """Return the number of the session that is named, of the last one for None. Raises as `find`, and at a task."""
    name = await find(log, text)
    if name.task:
        session = session_name(name.session)
        raise UsageError(f"{name} is a part of session {session}, and this takes a whole one; name {session}")
    return name.session


async def last_session(log: EventLog) -> int:
    """Return the number of the session that was opened last, 0 where there is none."""
    last = await log.last("sessions")
    return last.session if last else 0


async def _require_part(log: EventLog, name: Name) -> None:
    tasks = (await fold_session(log, TasksView(), name.session)).of(name.session)
    if name.task not in tasks:
        near = get_close_matches(name.task, list(tasks), n=1)
        listed = ", ".join(str(Name(name.session, task)) for task in (near or list(tasks)[:5]))
        raise NoSuchThing(f"task {name.task} in session {session_name(name.session)}", near=listed)
    if name.step > len(tasks[name.task].steps):
        raise NoSuchThing(f"step {name.step} in task {Name(name.session, name.task)}")
