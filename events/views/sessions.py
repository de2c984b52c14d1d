"""Sessions: what runs or ran, in which folder, and who owns it."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.base import TextRef
from events.types.session import SessionClaimed, SessionClosed, SessionOpened, SessionRenewed


class Claim(msgspec.Struct, kw_only=True):
    """Who may write for the session. `position` is what every append of the owner expects on the claim's topic."""

    position: int
    owner: str
    host: str
    boot: str
    pid: int
    started: int
    epoch: int
    valid_until: int  # microseconds since 1970


class SessionState(msgspec.Struct, kw_only=True):
    number: int
    type: str
    title: str
    directory: str
    settings: TextRef  # what its last owner ran with
    settings_at: int  # position of the event that refers to them
    source: TextRef | None
    path: str
    parent: int  # the session that it was forked from; 0 = none
    opened: int  # position of session.opened
    opened_at: int
    claim: Claim | None = None  # None: nobody owns it
    claim_head: int = 0  # last position on its claim's topic
    epoch: int = 0
    closed_at: int = 0
    finished: bool = False  # nothing is left for a resume
    exit_code: int | None = None
    reason: str = ""


class SessionsView(msgspec.Struct):
    """All sessions of a log by their number."""

    sessions: dict[int, SessionState] = {}

    def apply(self, entry: Entry) -> None:
        if isinstance(entry.event, SessionOpened):
            self.sessions[entry.session] = _opened(entry, entry.event)
            return
        state = self.sessions.get(entry.session)
        if state is None:
            return
        match entry.event:
            case SessionClaimed() as event:
                state.claim, state.claim_head, state.epoch = (
                    claim_of(entry.position, event),
                    entry.position,
                    event.epoch,
                )
                state.closed_at, state.finished, state.exit_code, state.reason = 0, False, None, ""
            case SessionRenewed(valid_until=until):
                if state.claim is not None:
                    state.claim.valid_until = until
            case SessionClosed() as event:
                state.claim, state.claim_head, state.closed_at = None, entry.position, entry.at
                state.finished, state.exit_code, state.reason = event.finished, event.exit_code, event.reason
            case _:
                pass


def _opened(entry: Entry, event: SessionOpened) -> SessionState:
    return SessionState(
        number=entry.session,
        type=event.type,
        title=event.title,
        directory=event.directory,
        settings=event.settings,
        settings_at=entry.position,
        source=event.source,
        path=event.path,
        parent=event.parent,
        opened=entry.position,
        opened_at=entry.at,
    )


def claim_of(position: int, event: SessionClaimed) -> Claim:
    return Claim(
        position=position,
        owner=event.owner,
        host=event.host,
        boot=event.boot,
        pid=event.pid,
        started=event.started,
        epoch=event.epoch,
        valid_until=event.valid_until,
    )
