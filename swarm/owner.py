"""One owner a session: the claim that every append names, taken, renewed and let go."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Mapping, Sequence

import anyio
import msgspec

from events import processes
from events.blobs import Known, Pack, Text
from events.log import Ack, Clock, Conflict, EventLog, LogCorrupt, NewEvent, session_name
from events.types.any import AnyEvent
from events.types.session import SessionClaimed, SessionClosed, SessionRenewed
from events.types.upkeep import LogArchived
from events.views.base import fold
from events.views.sessions import Claim, SessionState, SessionsView
from swarm.alive import boot_id, exists, host_name, owner_of
from swarm.cycle import Placed
from swarm.errors import OwnerLost, SessionBusy

SESSIONS = "sessions"
VALID_S, RENEW_S = 90, 30


def claim_topic(session: int) -> str:
    return f"claim/{session_name(session)}"


def new_event(
    event: AnyEvent, session: int, project: str, *, task: str = "", step: int = 0, attempt: int = 0, topic: str = ""
) -> NewEvent:
    """The event as one of a session, on the session's own topic unless another is named."""
    return NewEvent(
        event=event,
        topic=topic or session_name(session),
        project=project,
        session=session,
        task=task,
        step=step,
        attempt=attempt,
    )


class Owner(msgspec.Struct, kw_only=True):
    """The right to write for a session. Lost when another process claims it: then no append goes through."""

    log: EventLog
    session: int
    project: str
    position: int  # of our claim, expected by every append
    epoch: int
    known: Known

    @property
    def name(self) -> str:
        return session_name(self.session)

    @property
    def claim(self) -> dict[str, int]:
        return {claim_topic(self.session): self.position}

    def new(self, event: AnyEvent, *, task: str = "", step: int = 0, attempt: int = 0, topic: str = "") -> NewEvent:
        """The event as one of this session, on the session's own topic unless another is named."""
        return new_event(event, self.session, self.project, task=task, step=step, attempt=attempt, topic=topic)

    def placed(self, task: str, placed: Placed) -> NewEvent:
        """An event of the cycle as one of this session."""
        return self.new(placed.event, task=placed.task or task, step=placed.step, attempt=placed.attempt)

    async def append(
        self, events: Sequence[NewEvent], *, texts: Sequence[Text] = (), durable: bool = False, cause: int = 0
    ) -> Ack:
        """Append under the claim. Raises OwnerLost where another process has it now."""
        try:
            ack = await self.log.append(events, expect=self.claim, durable=durable, cause=cause, texts=texts)
        except Conflict as conflict:
            raise await self.lost() from conflict
        self.known.learn(texts, ack.place)
        return ack

    async def lost(self) -> OwnerLost:
        """The error of one whose claim is no longer the last."""
        last = await self.log.last(claim_topic(self.session))
        by = last.event.owner if last is not None and isinstance(last.event, SessionClaimed) else "another process"
        return OwnerLost(session=self.name, owner=by)

    async def renew(self, now: int) -> None:
        await self.append([self.new(SessionRenewed(valid_until=now + VALID_S * 1_000_000))])

    async def close(self, *, finished: bool, exit_code: int, reason: str = "") -> Ack:
        """Let the session go, durably: the log's head is then one to keep."""
        event = SessionClosed(finished=finished, exit_code=exit_code, reason=reason)
        return await self.append([self.new(event, topic=claim_topic(self.session))], durable=True)


async def open_session(
    log: EventLog, opening: Callable[[int], Sequence[NewEvent]], *, project: str, clock: Clock, texts: Sequence[Text]
) -> Owner:
    """Give a new session the next number of the log and claim it, in one append with its `opening` (number -> events).

    The first event of the opening is its session.opened; the tasks come with it, so that no session is ever without them.
    """
    while True:
        last = await log.last(SESSIONS)
        number = (last.session if last else await _highest_archived(log)) + 1
        claim = new_event(_claimed(1, clock()), number, project, topic=claim_topic(number))
        expect = {SESSIONS: last.position if last else 0, claim_topic(number): 0}
        try:
            ack = await _appended(log, [*opening(number), claim], expect, texts)
        except Conflict as conflict:
            if await log.last(SESSIONS) == last:  # nobody took the number: the log is damaged
                raise LogCorrupt(
                    url=log.url, position=conflict.found, reason=f"its topic is not {conflict.topic}"
                ) from conflict
            continue  # another process took the number
        known = Known()
        known.learn(texts, ack.place)
        return Owner(log=log, session=number, project=project, position=ack.positions[-1], epoch=1, known=known)


async def _highest_archived(log: EventLog) -> int:
    """The highest number that a session had which an archive took: none is given twice."""
    archived = await log.archived()
    return archived.event.sessions if archived is not None and isinstance(archived.event, LogArchived) else 0


async def take_session(
    log: EventLog, state: SessionState, *, settings: str, project: str, clock: Clock, take_over: bool
) -> Owner:
    """Claim a session that was opened before, to run with `settings` (JSON).

    Raises SessionBusy where its owner lives and `take_over` is not set, or where another process takes it at this moment.
    """
    if state.claim is not None and not take_over and exists(state.claim, clock()):
        raise SessionBusy(session=session_name(state.number), owner=owner_of(state.claim))
    epoch = state.epoch + 1
    topic = claim_topic(state.number)
    known = Known()
    known.see(state.settings, state.settings_at)
    pack = Pack(known)
    claimed = msgspec.structs.replace(_claimed(epoch, clock()), settings=pack.put(settings))
    event = NewEvent(event=claimed, topic=topic, project=project, session=state.number)
    try:
        ack = await _appended(log, [event], {topic: state.claim_head}, pack.texts)
    except Conflict as conflict:
        view = await fold(log, SessionsView(), after=state.opened - 1, session=state.number)
        claim = view.sessions[state.number].claim
        raise SessionBusy(
            session=session_name(state.number), owner=owner_of(claim) if claim else "another process"
        ) from conflict
    known.learn(pack.texts, ack.place)
    return Owner(log=log, session=state.number, project=project, position=ack.positions[0], epoch=epoch, known=known)


async def _appended(log: EventLog, events: Sequence[NewEvent], expect: Mapping[str, int], texts: Sequence[Text]) -> Ack:
    """Append a claim. Whoever is cancelled meanwhile waits for it: a claim that is taken has somebody to let it go."""
    ack: Ack | None = None
    with anyio.CancelScope(shield=True):
        ack = await log.append(events, expect=expect, texts=texts)
    assert ack is not None, "an append is acknowledged, or raises"
    return ack


def _claimed(epoch: int, now: int) -> SessionClaimed:
    pid, host = os.getpid(), host_name()
    return SessionClaimed(
        owner=f"{account()}, process {pid}",
        host=host,
        boot=boot_id(),
        pid=pid,
        started=processes.started(pid),
        epoch=epoch,
        valid_until=now + VALID_S * 1_000_000,
    )


def account() -> str:
    """As whom we own sessions: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without a user name for its uid
        user = str(os.getuid())
    return f"{user}@{host_name()}"


def owned_by(claim: Claim) -> str:
    """As whom somebody owns a session: user@host."""
    return claim.owner.partition(", ")[0]
