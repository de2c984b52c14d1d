"""What a view is, where its fold begins, and how it is folded from a log."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Protocol, TypeVar, runtime_checkable

import msgspec

from events.bus import read_all
from events.log import Entry, EventLog
from events.types.upkeep import LogArchived


class View(Protocol):
    """A fold over entries in their order."""

    def apply(self, entry: Entry) -> None: ...


@runtime_checkable
class Restarting(Protocol):
    """A view whose fold has to start again once it has met something that it had to know from its beginning."""

    @property
    def outdated(self) -> bool:
        """Whether what it holds was folded without knowing what it knows by now."""
        ...

    def learn_from(self, before: Any) -> None:
        """Take over what another fold of the same log has come to know."""
        ...


V = TypeVar("V", bound=View)


async def begin(log: EventLog, view: V) -> tuple[V, int]:
    """Where a fold over the whole log begins: with which state, and behind which position it reads on.

    `view` is as new, and what comes back where the log holds everything that ever was in it. Where an archive took the
    beginning, the view comes back as it was carried on, or its fields that are views do; one that is not carried on begins
    with what is left.
    """
    archived = await log.archived()
    if archived is None or not isinstance(archived.event, LogArchived):
        return view, 0
    from events.views.carried import FORMS, name_of  # only a log that was archived needs them

    parts = {name_of(getattr(view, field)): field for field in getattr(view, "__struct_fields__", ())}
    for carried in archived.event.carried:
        if carried.view == name_of(view):
            view = FORMS[carried.view][1].read(await log.text(carried.state, at=archived.position))
        elif carried.view in parts:
            part = FORMS[carried.view][1].read(await log.text(carried.state, at=archived.position))
            setattr(view, parts[carried.view], part)
    return view, archived.event.position


async def fold(log: EventLog, view: V, *, after: int = 0, until: int | None = None, session: int | None = None) -> V:
    """Apply to the view what stands in the log now behind `after`, up to `until`, of one session where it is named.

    A fold of everything begins where `begin` says, so the view that comes back need not be the one that was given.
    """
    if after or session is not None:
        return await _apply(log, view, after, until, session)
    while True:
        archived = await log.archived()
        folded = await _whole(log, view, until)
        while isinstance(folded, Restarting) and folded.outdated:
            folded = await _whole(log, view, until, knowing=folded)
        if archived == await log.archived():
            return folded  # else what was still to be read was cut off meanwhile: again, from what is carried on


async def _whole(log: EventLog, view: V, until: int | None, knowing: V | None = None) -> V:
    begun, after = await begin(log, deepcopy(view))
    if knowing is not None and isinstance(begun, Restarting):
        begun.learn_from(knowing)
    return await _apply(log, begun, after, until, None)


async def _apply(log: EventLog, view: V, after: int, until: int | None, session: int | None) -> V:
    async for entries in read_all(log, after=after, until=until, session=session):
        for entry in entries:
            view.apply(entry)
    return view


def encode_state(view: View) -> bytes:
    """The whole state of a view as MessagePack, what it keeps for itself included.

    For a view that is a struct and holds no value in two places: these would be two values afterwards.
    """
    return msgspec.msgpack.encode(view)


def decode_state(kind: type[V], state: bytes) -> V:
    """The view again. Raises ValueError where this is not the state of such a view."""
    try:
        return msgspec.msgpack.decode(state, type=kind)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not the state of a {kind.__name__}: {error}") from error
