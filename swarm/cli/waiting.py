"""What waits for a person in another terminal: found for `approve`, `deny` and `answer`, and told apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from events.log import Entry, EventLog, session_name, system_clock
from events.views.asked import Waiting
from events.views.base import fold
from events.views.sessions import SessionState, SessionsView
from events.views.standing import standing
from swarm.alive import exists
from swarm.cli.hints import to_type
from swarm.cli.names import find, last_session
from swarm.errors import UsageError

W = TypeVar("W", bound=Waiting)
W_co = TypeVar("W_co", bound=Waiting, covariant=True)


class WaitingView(Protocol[W_co]):
    """A fold of what waits."""

    def apply(self, entry: Entry) -> None: ...

    def of(self, session: int, task: str = "") -> Sequence[W_co]: ...


async def waiting(log: EventLog, name: str | None, view: Callable[[], WaitingView[W]]) -> list[W]:
    """What waits in the session, task or step of that name; without one in all sessions that somebody owns and in the last.

    The oldest first.
    """
    if name is not None:
        named = await find(log, name)
        folded = await fold(log, view(), session=named.session)
        return [each for each in folded.of(named.session, named.task) if named.step in (0, each.step)]
    owned = (await standing(log)).view.claims.claims
    found: list[W] = []
    for session in sorted({*owned, await last_session(log)} - {0}):
        found += (await fold(log, view(), session=session)).of(session)
    return sorted(found, key=lambda each: each.position)


def only(found: Sequence[W], *, nobody: str, several: str) -> W:
    """The one that is meant: the oldest of the one task that waits. Raises UsageError, with `nobody` where none does."""
    if not found:
        raise UsageError(nobody)
    names = list(dict.fromkeys(each.name for each in found))
    if len(names) > 1:
        raise UsageError(f"{len(names)} tasks {several}; name one of them: {', '.join(names[:10])}")
    return found[0]


async def session_of(log: EventLog, waits: Waiting) -> SessionState:
    return (await fold(log, SessionsView(), session=waits.session)).sessions[waits.session]


def to_go_on(state: SessionState, session: int, *, log: str | None) -> str:
    """What is typed so that a session takes a word up that nobody owns any more; empty where somebody does."""
    owned = state.claim is not None and exists(state.claim, system_clock())
    return "" if owned else to_type("resume", session_name(session), log=log)
