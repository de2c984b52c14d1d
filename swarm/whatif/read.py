"""The sessions of a what-if, read from the log."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from events.bus import read_all
from events.log import EventLog, TextMissing, session_name
from swarm.errors import UsageError
from swarm.messages import Price
from swarm.plan import Plan
from swarm.whatif.budget import PriceOf
from swarm.whatif.record import CallRecord, RecordView, SessionRecord


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    finished: tuple[SessionRecord, ...]
    left_out: tuple[str, ...] = ()  # the others, with the reason


class NothingFinished(UsageError):
    """No session is there that a what-if can be asked about."""


async def read_sessions(log: EventLog, session: int | None) -> Sessions:
    """Read one session, or all of the log. Raises NothingFinished, LogError."""
    view = RecordView()
    async for entries in read_all(log, session=session):
        for entry in entries:
            view.apply(entry)
    finished = [each for each in view.sessions.values() if not _unfit(each)]
    if not finished:
        raise NothingFinished(_why_nothing(list(view.sessions.values()), session))
    unfit = [f"{session_name(each.number)} {_unfit(each)}" for each in view.sessions.values() if _unfit(each)]
    return Sessions(finished=tuple(finished), left_out=tuple(unfit))


async def read_rows(log: EventLog, sessions: Sequence[SessionRecord]) -> PriceOf:
    """Read the price rows that held in the sessions: what gives a call the row that it was priced with."""
    rows: dict[tuple[str, str], Price] = {}
    seen: set[str] = set()
    for session in sessions:
        for position, settings in session.plans.items():
            if settings.digest in seen:
                continue
            seen.add(settings.digest)
            try:
                plan = msgspec.json.decode(await log.text(settings, at=position), type=Plan)
            except (TextMissing, msgspec.MsgspecError):
                continue  # pruned, or of another program: its calls are taken as they were reserved
            rows.update(((model.name, model.price.row), model.price) for model in plan.roster.models if model.price)

    def price_of(call: CallRecord) -> Price | None:
        return rows.get((call.model, call.price))

    return price_of


def _unfit(session: SessionRecord) -> str:
    """Why nothing can be asked about a session; "" where it can."""
    if not session.finished:
        return "has not finished"
    if session.parent:
        return "is a fork: what it shares with the session that it was forked from counts once, there"
    return "" if session.tasks else "has no task"


def _why_nothing(sessions: Sequence[SessionRecord], session: int | None) -> str:
    if session is None or not sessions:
        return "no session of this log has finished; `swarm ps --all` shows how they stand"
    name = session_name(session)
    said = f"{name} {_unfit(sessions[0])}"
    remedy = f"end it with `swarm resume {name}`" if not sessions[0].finished else f"ask about s{sessions[0].parent}"
    return f"{said}; {remedy}, or ask about all that have with `swarm whatif --all`"
