"""What a status line needs of a log, at a glance: read from where it stands, without folding what lies between."""

from __future__ import annotations

from pathlib import Path

import msgspec

from events.views.sessions import Claim


class Owned(msgspec.Struct, frozen=True, kw_only=True):
    """A session that somebody owns, or owned when its process ended."""

    session: int
    title: str
    since: int  # microseconds since 1970: when it was claimed
    claim: Claim
    asks: int = 0  # uses of tools that wait for a person's word
    questions: int = 0  # what agents ask a person
    paused: bool = False  # all of it


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """The session that was let go last. `finished` is False where work is left for a resume."""

    session: int
    title: str
    at: int
    finished: bool
    exit_code: int


class Money(msgspec.Struct, kw_only=True):
    """Nano-dollars of one scope, as `ScopeState` has them. `spent` includes `maybe_paid`."""

    spent: int = 0
    reserved: int = 0
    maybe_paid: int = 0
    cap: int | None = None  # as a person recorded it; None: nobody did


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand now. `money` is None where only the fold can say it: what is carried on from an archive counts, too."""

    owned: tuple[Owned, ...]  # by their number
    ended: Ended | None
    money: Money | None


def glance(url: str | Path, scope: str) -> Glance:
    """Look at who runs, what ended last, and what is spent in the scope of a day, such as day:2026-11-21@UTC.

    It reads what was reserved on that day and what stands behind the last segment, however long the log is. Raises LogError.
    """
    from events.sqlite.glance import look

    return look(Path(url), scope)
