"""The append-only log: what an entry is, what every log can do, and `open_log`.

The order of positions is the order of facts. Code relies on that order, never on positions without gaps.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from events.blobs import Text
from events.types.any import AnyEvent, kind_of
from events.types.base import TextRef, Unknown

Durability = Literal["memory", "process", "disk", "quorum"]
"""What an acknowledged append survives: nothing, the death of the process, a power cut, the loss of a machine."""

Clock = Callable[[], int]
"""Microseconds since 1970."""


def system_clock() -> int:
    return time.time_ns() // 1000


_VERSION_AND_VARIANT = 0x7 << 76 | 0b10 << 62
_RANDOM_BITS = (1 << 80) - 1 & ~(0xF << 76 | 0b11 << 62)
_random = itertools.count()


def _seed() -> None:
    """Begin to count from a random number of 74 bits: one system call for a process instead of one for each id."""
    global _random
    _random = itertools.count(int.from_bytes(os.urandom(10), "big"))


_seed()
os.register_at_fork(after_in_child=_seed)


def new_id() -> bytes:
    """Make a UUIDv7: 48 bits of milliseconds, then bits that nobody else counts (RFC 9562, sections 5.7 and 6.2, method 2)."""
    random = next(_random) & _RANDOM_BITS
    return (time.time_ns() // 1_000_000 << 80 | _VERSION_AND_VARIANT | random).to_bytes(16, "big")


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event on its way into the log. The id makes a repeated append harmless: the same ids give the same positions."""

    event: AnyEvent | Unknown
    topic: str
    project: str = ""
    session: int = 0  # number of the session in this log; 0 = none
    task: str = ""
    step: int = 0
    attempt: int = 0
    id: bytes = msgspec.field(default_factory=new_id)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A fact as it stands in the log."""

    position: int
    id: bytes  # UUIDv7
    at: int  # microseconds since 1970, informative: the order is the position
    topic: str
    project: str
    session: int
    task: str
    step: int
    attempt: int
    cause: int  # position of the event that led here; 0 = none
    event: AnyEvent | Unknown

    @property
    def kind(self) -> str:
        return kind_of(self.event)


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """What an append came to."""

    positions: tuple[int, ...]  # of the appended events, in their order
    place: int  # where the texts of this append are kept (see TextRef)
    durability: Durability
    duplicate: bool = False  # the same ids stood there already


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The end of the log; kept elsewhere, it shows later whether the log's tail is missing or was changed."""

    position: int  # of the last event; 0 = empty
    hash: str  # of the chain up to there, hex

    def __str__(self) -> str:
        return f"{self.position}:{self.hash}"


class Snapshot(msgspec.Struct, frozen=True):
    """The state of a view as it was kept with the log: a cache, from which its fold goes on."""

    view: str
    form: int  # of the state: one of another form is not read
    position: int  # everything up to here is in it; the last of an append
    state: bytes
    wrong: str = ""  # what is wrong with it as it was found: such a one is not to be believed


class EventLog(Protocol):
    """What every log can do. Contract tests: `events.testing`."""

    url: str

    async def append(
        self,
        events: Sequence[NewEvent],
        *,
        expect: Mapping[str, int] | None = None,
        durable: bool = False,
        cause: int = 0,
        texts: Sequence[Text] = (),
    ) -> Ack:
        """Store all events and texts, or none of them.

        `expect` names for topics the position of their last event (0 = none yet), also for topics that are not written.
        `durable` asks for an acknowledgement only when a power cut cannot take the events back.
        A cancelled append may have happened: it is repeated with the same ids, or left to the fold.

        Raises Conflict where a named topic moved on, AppendRefused where what it holds cannot be stored, LogError where the
        log cannot be written.
        """
        ...

    async def read(
        self, *, after: int = 0, limit: int = 500, topic: str | None = None, session: int | None = None
    ) -> list[Entry]:
        """Return up to `limit` entries behind position `after`, oldest first.

        Raises LogCorrupt at an entry that does not decode.
        """
        ...

    async def last(self, topic: str) -> Entry | None:
        """Return the last entry of a topic."""
        ...

    async def archived(self) -> Entry | None:
        """Return the log.archived of what was cut off before the first entry; None where nothing was, and in an archive."""
        ...

    async def text(self, ref: TextRef, *, at: int) -> str:
        """Return the text that the event at position `at` refers to. Raises TextMissing where it is gone."""
        ...

    async def head(self) -> Head:
        """Return the end of the log as it is now, other processes' writes included."""
        ...

    async def snapshot(self, view: str, form: int) -> Snapshot | None:
        """Return the snapshot that was kept last of a view in this form; None where there is none."""
        ...

    async def keep(self, snapshot: Snapshot) -> None:
        """Keep a snapshot in the place of the last one of its view. It may be lost: it is a cache."""
        ...

    def since(self, after: int) -> list[Entry] | None:
        """Return what this process knows of the entries behind `after` without waiting; None where it must be read."""
        ...

    async def wait(self, after: int, *, timeout: float) -> bool:
        """Wait until something stands behind `after`, at most `timeout` seconds; say whether it does."""
        ...

    def turn(self, *, timeout: float) -> AbstractAsyncContextManager[None]:
        """Keep other processes from writing while the body re-reads and decides. Raises LogBusy after `timeout` seconds."""
        ...


class LogError(Exception):
    """The root of what can go wrong with a log; says what to do."""


class Conflict(LogError):
    """A topic moved on since it was read. Nothing was written."""

    def __init__(self, *, topic: str, expected: int, found: int) -> None:
        self.topic, self.expected, self.found = topic, expected, found
        super().__init__(
            f"topic {topic!r} stands at {found} and not at {expected}: another process wrote to it; read on and decide again"
        )


class LogBusy(LogError):
    """Another process kept the log from being written for too long."""

    def __init__(self, *, url: str, holder: str, seconds: float) -> None:
        self.url, self.holder, self.seconds = url, holder, seconds
        super().__init__(
            f"the log {url} could not be written for {seconds:g} s because {holder} holds it; try again when that is over"
        )


class LogForeign(LogError):
    """The file is not a log of swarm."""

    def __init__(self, *, url: str, found: str) -> None:
        super().__init__(f"{url} is no log of swarm ({found}); name another file with `--log`, or move this one away")


class LogNewer(LogError):
    """The log was written by a newer program."""

    def __init__(self, *, url: str, schema: int, known: int) -> None:
        super().__init__(
            f"the log {url} has schema {schema} and this program knows up to {known}; install the newer swarm that wrote it, "
            "or name another file with `--log`"
        )


class LogUnusable(LogError):
    """The log cannot be opened or written: permissions, a full disk, a read-only or missing folder."""

    def __init__(self, *, url: str, reason: str, remedy: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"the log {url} cannot be used: {reason}; {remedy}")


class LogLocked(LogUnusable):
    """Another program keeps the log from being read. That passes: who follows the log asks again."""

    def __init__(self, *, url: str) -> None:
        super().__init__(url=url, reason="another program holds it locked", remedy="end that program and try again")


class LogLost(LogError):
    """The file at the path is no longer the log that was opened."""

    def __init__(self, *, url: str, what: str, remedy: str) -> None:
        super().__init__(f"the log {url} {what} while it was read; {remedy}")


class AppendRefused(LogError):
    """An append holds what no log can store. Nothing was written."""

    def __init__(self, *, url: str, reason: str, remedy: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"the log {url} refused an append: {reason}; {remedy}")


class LogCorrupt(LogError):
    """A stored entry is not what was written."""

    def __init__(self, *, url: str, position: int, reason: str) -> None:
        self.url, self.position, self.reason = url, position, reason
        super().__init__(
            f"the log {url} is damaged at position {position} ({reason}); run `swarm verify` to see what else is"
        )


class TextMissing(LogError):
    """A text is no longer kept; the event still has its digest."""

    def __init__(self, *, digest: str, at: int) -> None:
        self.digest, self.at = digest, at
        super().__init__(f"the text {digest[:12]} of event {at} is no longer in the log")


def session_name(number: int) -> str:
    """The name under which people know a session: s412."""
    return f"s{number}"


def is_there(url: str) -> bool:
    """Whether a log is kept at the path; none is in memory before it is open. Raises OSError, RuntimeError for what is no path."""
    return url != "memory:" and Path(url).expanduser().exists()


@asynccontextmanager
async def open_log(
    url: str | Path, *, read_only: bool = False, clock: Clock = system_clock
) -> AsyncGenerator[EventLog]:
    """Open the log at a path, or `memory:` for one that lives as long as it is open.

    Where `read_only`, the file must exist and is never written; else it is made (0600, in a folder of 0700).
    Raises LogForeign, LogNewer, LogUnusable.
    """
    if str(url) == "memory:":
        from events.memory import MemoryLog

        yield MemoryLog(clock=clock)
        return
    from events.sqlite.log import open_sqlite

    async with open_sqlite(Path(url), read_only=read_only, clock=clock) as log:
        yield log
