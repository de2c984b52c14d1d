"""What the view of the log looks up: stretches of it that are never long, and all that is known of one event."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo

import msgspec

from events.log import Entry, EventLog, session_name
from swarm.cli.log import event_document
from swarm.cli.moments import position_after, require_since
from swarm.cli.names import parse_name
from swarm.cli.recorded import local_time
from swarm.errors import UsageError
from swarm.insight.reason import Reason
from swarm.insight.sentences import said
from swarm.insight.story import text_or_none
from swarm.insight.why import NoSuchEvent, explain_around
from tui.document import Document, Part, Prose, Rows, prose
from tui.lines import id_of, short, texts_of
from tui.logged import Explained, Sought
from tui.rows import Piece, Row
from tui.wanted import NotWanted, Wanted, read_said, unknown_kinds
from tui.window import Stretch
from tui.words import Tone, visible, visible_lines

PAGE = 500
"""Events that are read at once: what is decoded between two frames."""

_WIDER = 8  # by so much a look goes farther back where it found little
_TEXT_GUTTER: Piece = ("│ ", "faint")


class LogReading:
    """Reads one log; `zone` is that of the times it tells, None the machine's."""

    def __init__(self, log: EventLog, zone: tzinfo | None) -> None:
        self._log, self._zone = log, zone
        self._span = (Wanted(), PAGE)  # how far back a look goes for what was looked for last

    def sought(self, text: str, session: int | None, shown: int) -> Sought:
        """Raises NotWanted."""
        typed = read_said(text)
        try:
            name = parse_name(typed.name, last=shown) if typed.name else None
            owner = parse_name(typed.session, last=shown) if typed.session else None
            if typed.since:
                require_since(typed.since)
        except UsageError as problem:
            raise NotWanted(str(problem)) from problem
        if owner is not None and owner.task:
            raise NotWanted(
                f"session:{owner} is a part of one; write session:{session_name(owner.session)} task:{owner.task}"
            )
        if name is not None and (owner is not None or typed.task):
            raise NotWanted(f"{name} names all that is wanted; leave task: and session: away")
        named = name or owner
        wanted = Wanted(
            session=named.session if named is not None else session,
            task=name.task if name is not None else typed.task,
            step=name.step if name is not None else 0,
            kinds=typed.kinds,
        )
        return Sought(text=text.strip(), wanted=wanted, since=typed.since, notes=tuple(unknown_kinds(typed.kinds)))

    async def begins(self, sought: Sought, now: int) -> int:
        return await position_after(self._log, sought.since, now=now) if sought.since else 0

    async def before(self, wanted: Wanted, position: int, floor: int) -> Stretch:
        span = self._span[1] if self._span[0] == wanted else PAGE
        while True:
            low = max(floor, position - span)
            entries = await self._read(wanted, low, position)
            if entries is not None:
                break
            span = max(PAGE, span // _WIDER)
        self._span = wanted, span * _WIDER if len(entries) < PAGE // _WIDER else span
        return Stretch([entry for entry in entries if wanted.fits(entry)], low, position)

    async def _read(self, wanted: Wanted, low: int, high: int) -> list[Entry] | None:
        """What stands behind `low` up to `high`; None where it is more than is read at once."""
        entries = await self._log.read(after=low, limit=min(PAGE + 1, high - low), session=wanted.session)
        if len(entries) > PAGE and entries[-1].position < high:
            return None
        return [entry for entry in entries if entry.position <= high]

    async def behind(self, wanted: Wanted, position: int, until: int) -> Stretch:
        limit = min(PAGE, until - position)
        entries = await self._log.read(after=position, limit=limit, session=wanted.session)
        entries = [entry for entry in entries if entry.position <= until]
        high = entries[-1].position if len(entries) == limit else until
        return Stretch([entry for entry in entries if wanted.fits(entry)], position, high)

    async def event(self, position: int) -> Entry | None:
        found = await self._log.read(after=position - 1, limit=1) if position > 0 else []
        return found[0] if found and found[0].position == position else None

    async def content(self, entry: Entry) -> tuple[Document, str]:
        refs = {ref.digest: (field, ref) for field, ref in texts_of(entry.event)}
        texts = {digest: await text_or_none(self._log, ref, at=entry.position) for digest, (_, ref) in refs.items()}
        parts: list[Part] = [
            Rows([[(f"{name:<9}", "faint"), (visible(value), "")] for name, value in self._place(entry)]),
            prose(_formatted(_json_of_body(entry)), mark="body"),
        ]
        for digest, (field, ref) in refs.items():
            parts += _text_parts(field, short(ref), texts[digest])
        return Document(tuple(parts)), _formatted(_json_of(entry, texts)) + "\n"

    def _place(self, entry: Entry) -> Iterator[tuple[str, str]]:
        """What stands around an event, in words, as far as there is any."""
        yield "event", f"{entry.position}  {entry.kind}"
        yield "says", said(entry)
        yield "at", f"{local_time(entry.at, self._zone):%Y-%m-%d %H:%M:%S.%f %Z}"
        more = {
            "of": id_of(entry),
            "attempt": str(entry.attempt) if entry.attempt else "",
            "topic": entry.topic,
            "project": entry.project,
            "cause": f"event {entry.cause}" if entry.cause else "",
            "id": str(uuid.UUID(bytes=entry.id)),
        }
        yield from ((name, value) for name, value in more.items() if value)

    async def explained(self, entry: Entry, until: int) -> Explained:
        try:
            around = await explain_around(self._log, entry.position, until=until)
        except NoSuchEvent as gone:
            return Explained(document=Document((prose(str(gone), tone="warn"),)))
        cause = around.cause.position if around.cause is not None else entry.cause
        parts = list(_reason_parts(around.reason))
        if around.led_to:
            parts.append(Rows([[], [("what it led to", "")]]))
            parts += [prose(f"{said(each)}  [{each.position}]", gutter=("  ", "")) for each in around.led_to]
        led_to = around.led_to[0].position if around.led_to else 0
        return Explained(document=Document(tuple(parts)), cause=cause, led_to=led_to)

    def as_json(self, entries: Sequence[Entry]) -> str:
        return "".join(_json_of(entry, None) + "\n" for entry in entries)


def _json_of(entry: Entry, texts: Mapping[str, str | None] | None) -> str:
    document = event_document(entry, dict(texts) if texts is not None else None)
    return msgspec.json.encode({"schema": "swarm.log/1", **document}).decode()


def _json_of_body(entry: Entry) -> str:
    return msgspec.json.encode(event_document(entry, None)["body"]).decode()


def _formatted(document: str) -> str:
    return msgspec.json.format(document, indent=2)


def _text_parts(field: str, digest: str, text: str | None) -> list[Part]:
    head: Row = [("", ""), (f"{visible(field)} ", "busy"), (digest, "faint")]
    if text is None:
        return [Rows([[], [*head, (" is no longer kept", "warn")]], mark=f"{field} {digest}")]
    lines = visible_lines(text.removesuffix("\n")).split("\n")
    return [Rows([[], head], mark=f"{field} {digest}"), Prose(lines, _TEXT_GUTTER)]


def _reason_parts(reason: Reason, depth: int = 0) -> Iterator[Part]:
    """An explanation as `swarm why` prints it."""
    indent = "  " * depth
    event = f"  [{reason.event}]" if reason.event else ""
    tone: Tone = reason.tone if depth else "busy"
    yield prose(f"{reason.said}{event}", gutter=(indent, ""), tone=tone)
    if reason.text:
        yield prose(reason.text.rstrip("\n"), gutter=(f"{indent}  │ ", "faint"))
    for each in reason.because:
        yield from _reason_parts(each, depth + 1)
