"""Cutting the beginning of the log off: the file first, whole and verified; then the log lets go of it, in one transaction."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from events.blobs import Text, decode_pack, digest_of
from events.log import Clock, LogError, LogUnusable, NewEvent
from events.processes import is_dead
from events.sqlite import schema, sqlviews
from events.sqlite.bounds import beginning
from events.sqlite.decode import Decoder, read
from events.sqlite.lone import LoneWriter, alone
from events.sqlite.readonly import read_only
from events.sqlite.spans import Span, parents, spans
from events.sqlite.verify import Told, verify_file
from events.types.any import KINDS, AnyEvent, decode_body
from events.types.base import TextRef, Unknown
from events.types.choice import TRAILS, TrailsExcluded
from events.types.session import FileTrusted
from events.types.tool import ApprovalGiven
from events.types.upkeep import ARCHIVE, UPKEEP, Carried, LedgerCarried, LogArchived, TextsPruned
from events.upcast import UPCASTS
from events.upkeep import Archived, ArchiveInTheWay, Cut, NothingToArchive, Tell
from events.views.approvals import PROJECTS
from events.views.carried import FORMS
from events.views.trails import TrailsView

_TRIES = 3  # as often the log may change in a way that matters while the file is written
_PAGE = 5_000  # entries folded at once


def look(path: Path, before: int) -> Cut:
    """What `archive` would cut off now. Raises LogError."""
    with read_only(path) as connection:
        return find_cut(connection, before)


def archive(path: Path, before: int, to: Path | None, clock: Clock, tell: Tell) -> Archived:
    """See `events.upkeep.archive`."""
    path = schema.prepare_file(path, read_only=False)
    for _ in range(_TRIES):
        with read_only(path) as connection:
            cut = find_cut(connection, before)
            if cut.position == cut.after:
                raise NothingToArchive(url=str(path), cut=cut)
            _require_known(connection, cut, path)
            file = (to or default_file(path, cut)).expanduser().absolute()
            tell("write")
            part = _write(connection, cut, file)
            try:
                tell("verify")
                pruned = _pruned(connection)
                _require_right(part, cut, Told(pruned=pruned), path)
                account = _account(connection, cut, before, part, file)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
        try:
            with alone(path, clock) as writer:
                # texts that were dropped meanwhile, or a session that was taken up again: the file is not what goes
                if writer.ask(lambda now: (find_cut(now, before), _pruned(now))) == (cut, pruned):
                    return _let_go(writer, account, part, file, tell)
        finally:
            part.unlink(missing_ok=True)
    raise LogUnusable(
        url=str(path), reason="it was changed again and again meanwhile", remedy="archive it at a quiet time"
    )


def default_file(log: Path, cut: Cut) -> Path:
    return log.with_name(f"{log.stem}-{cut.after + 1}-{cut.position}{log.suffix}")


def find_cut(connection: sqlite3.Connection, before: int) -> Cut:
    """The longest beginning of which every event is older, and every session has ended and stands in it as a whole.

    So does what was forked from it.
    """
    after, _ = beginning(connection)
    newer = connection.execute("SELECT min(position) FROM event WHERE at >= ?", (before,)).fetchone()[0]
    head = connection.execute("SELECT coalesce(max(position), 0) FROM batch").fetchone()[0]
    old = cut = _end(connection, head if newer is None else newer - 1)
    found = spans(connection)
    for span in sorted(_bound(found), key=lambda span: -span.last):
        if span.last <= cut:
            break
        if span.first <= cut:
            cut = _end(connection, span.first - 1)
    cut = max(cut, after)
    row = connection.execute("SELECT hash FROM batch WHERE position = ?", (cut,)).fetchone()
    query = "SELECT count(*) FROM event WHERE position <= ?"
    return Cut(
        after=after,
        position=cut,
        hash=row[0].hex() if row and isinstance(row[0], bytes) else "",
        events=connection.execute(query, (cut,)).fetchone()[0],
        sessions=tuple(sorted(session for session, span in found.items() if span.last <= cut)),
        blocking=tuple(
            sorted(session for session, span in found.items() if span.ended_at is None and span.first <= old)
        ),
    )


def _end(connection: sqlite3.Connection, position: int) -> int:
    """The end of the last batch up to a position."""
    query = "SELECT coalesce(max(position), 0) FROM batch WHERE position <= ?"
    end: int = connection.execute(query, (position,)).fetchone()[0]
    return end


_NEVER = 1 << 63


def _bound(found: dict[int, Span]) -> list[Span]:
    """The spans as far as they hold together: an unfinished one has no end, and one ends no sooner than its forks."""
    bound = {session: msgspec.structs.replace(span) for session, span in found.items()}
    for _, span in sorted(bound.items(), reverse=True):
        if span.ended_at is None:
            span.last = _NEVER
        for above in parents(span, bound):
            above.last = max(above.last, span.last)
    return list(bound.values())


def _require_known(connection: sqlite3.Connection, cut: Cut, path: Path) -> None:
    query = "SELECT text FROM name WHERE id IN (SELECT DISTINCT kind FROM event WHERE position <= ?)"
    known = KINDS.keys() | {upcast.kind for upcast in UPCASTS}
    unknown = [kind for (kind,) in connection.execute(query, (cut.position,)) if kind not in known]
    if unknown:
        raise LogUnusable(
            url=str(path),
            reason=f"it holds events of kinds that this program does not know ({', '.join(sorted(unknown))})",
            remedy="archive it with the newer swarm that wrote them, which knows what of them has to be carried on",
        )


def _pruned(connection: sqlite3.Connection) -> list[tuple[int, TextsPruned]]:
    """What the log says of texts that were dropped."""
    query = "SELECT position, body FROM event WHERE topic = (SELECT id FROM name WHERE text = ?) ORDER BY previous"
    found = ((position, decode_body("texts.pruned", body)) for position, body in connection.execute(query, (UPKEEP,)))
    return [(position, event) for position, event in found if isinstance(event, TextsPruned)]


def _write(source: sqlite3.Connection, cut: Cut, file: Path) -> Path:
    """Write the archive beside where it is to lie, and bring it to the disk. Raises ArchiveInTheWay, LogUnusable."""
    _require_free(file, cut)
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        _clear(file)
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as target:
            _copy(source, target, cut)
        _sync(part)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if not isinstance(error, OSError | sqlite3.Error) or schema.primary_code(error) == sqlite3.SQLITE_CORRUPT:
            raise  # Ctrl-C, or it is the log that cannot be read
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        remedy = "make room, or name a file elsewhere with `--to`; the log is as it was"
        raise LogUnusable(url=str(file), reason=reason, remedy=remedy) from error
    return part


def _clear(file: Path) -> None:
    """Remove what processes left that ended while they wrote."""
    for left in file.parent.glob(f"{glob.escape(file.name)}.*.part"):
        pid = left.name.split(".")[-2]
        if not pid.isdigit() or int(pid) == os.getpid() or is_dead(int(pid)):
            left.unlink(missing_ok=True)


def _require_free(file: Path, cut: Cut) -> None:
    """What was left by an archive of the same events that came to no end may be replaced, and nothing else."""
    if not file.parent.is_dir():
        raise ArchiveInTheWay(file=str(file), what="cannot be made: its folder does not exist")
    if not file.exists():
        return
    try:
        with read_only(file) as connection:
            row = connection.execute("SELECT hash FROM start WHERE position = ?", (cut.position,)).fetchone()
            same = beginning(connection)[0] == cut.after and row == (bytes.fromhex(cut.hash),)
    except LogError:
        same = False
    if not same:
        raise ArchiveInTheWay(file=str(file), what="is there already")


_TABLES = {"event": "position", "batch": "position", "pack": "place"}


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, cut: Cut) -> None:
    """Everything up to the cut, with the names that it needs, row by row. No journal: a file that is not whole is not used."""
    target.execute(f"PRAGMA page_size={schema.PAGE}")
    target.execute("PRAGMA journal_mode=OFF")
    target.execute("BEGIN")
    for statement in schema.DDL:
        target.execute(statement)
    sqlviews.renew(target)
    columns = ", ".join(schema.NAMED)
    most = source.execute(f"SELECT max(max({columns})) FROM event WHERE position <= ?", (cut.position,)).fetchone()[0]
    target.executemany(
        "INSERT INTO name VALUES (?, ?)", source.execute("SELECT id, text FROM name WHERE id <= ?", (most,))
    )
    for table, place in _TABLES.items():
        rows = source.execute(f"SELECT * FROM {table} WHERE {place} <= ? ORDER BY {place}", (cut.position,))
        width = ", ".join("?" * len(rows.description))
        target.executemany(f"INSERT INTO {table} VALUES ({width})", rows)
    if cut.after:
        target.execute("INSERT INTO start VALUES (?, ?)", beginning(source))
    target.execute("INSERT INTO start VALUES (?, ?)", (cut.position, bytes.fromhex(cut.hash)))
    target.execute(f"PRAGMA application_id={schema.APPLICATION_ID}")
    target.execute(f"PRAGMA user_version={schema.SCHEMA}")
    target.execute("COMMIT")


def _require_right(part: Path, cut: Cut, told: Told, log: Path) -> None:
    """Raises LogUnusable where the file is not what it has to be: then something is wrong with the log."""
    found = verify_file(part, None, log=told)
    head = found.report.head
    wrong = [f"{problem.where}: {problem.what}" for problem in found.report.problems[:1]]
    if (head.position, head.hash, found.after) != (cut.position, cut.hash, cut.after):
        wrong.append(f"it ends at {head}")
    if wrong:
        raise LogUnusable(
            url=str(log), reason=f"what was copied from it is wrong ({wrong[0]})", remedy="run `swarm verify`"
        )


class _Account(msgspec.Struct, frozen=True):
    """What the log says of the archive, in one append."""

    cut: Cut
    events: Sequence[NewEvent]
    texts: Sequence[Text]


def _account(connection: sqlite3.Connection, cut: Cut, before: int, part: Path, file: Path) -> _Account:
    decoder = Decoder(str(part))
    archived = _archived(connection, decoder)
    texts = _carried(connection, decoder, cut, archived)
    event = LogArchived(
        before=before,
        after=cut.after,
        position=cut.position,
        hash=cut.hash,
        file=str(file),
        digest=_sha256(part),
        events=cut.events,
        sessions=max((*cut.sessions, archived[1].sessions if archived else 0)),
        carried=tuple(Carried(view=name, state=TextRef(text.digest)) for name, text in texts.items()),
    )
    news = [
        NewEvent(event=event, topic=ARCHIVE),
        NewEvent(event=LedgerCarried(position=cut.position), topic="ledger"),
        *(NewEvent(event=trusted, topic="trust") for trusted in _still_trusted(connection, decoder, cut)),
        *(NewEvent(event=word, topic=PROJECTS) for word in _still_held(connection, decoder, cut)),
    ]
    return _Account(cut, news, tuple({text.digest: text for text in texts.values()}.values()))


def _let_go(writer: LoneWriter, account: _Account, part: Path, file: Path, tell: Tell) -> Archived:
    """Put the file in its place, and cut the log behind it."""
    tell("place")
    size, cut = part.stat().st_size, account.cut
    part.replace(file)
    _sync(file.parent)
    tell("cut")
    ack = writer.append(account.events, texts=account.texts, also=lambda connection: _cut_off(connection, cut))
    tell("shrink")
    return Archived(cut=cut, file=str(file), size=size, position=ack.positions[0], shrunk=writer.shrink())


def _cut_off(connection: sqlite3.Connection, cut: Cut) -> None:
    guard = next(statement for statement in schema.DDL if "TRIGGER event_stays" in statement)
    connection.execute("DROP TRIGGER event_stays")
    for table, place in _TABLES.items():
        connection.execute(f"DELETE FROM {table} WHERE {place} <= ?", (cut.position,))
    connection.execute(guard)
    connection.execute("DELETE FROM start")
    connection.execute("INSERT INTO start VALUES (?, ?)", (cut.position, bytes.fromhex(cut.hash)))
    connection.execute("DELETE FROM segment WHERE first <= ?", (cut.position,))
    connection.execute("DELETE FROM snapshot")  # also one that stands behind the cut holds what was before


def _carried(
    connection: sqlite3.Connection, decoder: Decoder, cut: Cut, archived: tuple[int, LogArchived] | None
) -> dict[str, Text]:
    """The views at the cut, as they are carried on: from what was carried on before, and what is cut off now."""
    views = {name: kind() for name, (kind, _) in FORMS.items()}
    if archived is not None:
        place, event = archived
        for carried in event.carried:
            views[carried.view] = FORMS[carried.view][1].read(_text(connection, carried.state, place))
    _know_what_is_excluded(connection, views["trails"])
    position = cut.after
    while entries := read(connection, decoder, after=position, until=cut.position, limit=_PAGE):
        for view in views.values():
            for entry in entries:
                view.apply(entry)
        position = entries[-1].position
    texts = {name: FORMS[name][1].write(view) for name, view in views.items()}
    return {name: Text(digest_of(text), text) for name, text in texts.items()}


def _know_what_is_excluded(connection: sqlite3.Connection, trails: TrailsView) -> None:
    """Tell the trails of all periods that are excluded by now, also by events behind the cut: they are never folded again."""
    told = TrailsView()
    query = "SELECT position, body FROM event WHERE topic = (SELECT id FROM name WHERE text = ?) ORDER BY previous"
    for position, body in connection.execute(query, (TRAILS,)):
        event = decode_body("trails.excluded", body)
        if isinstance(event, TrailsExcluded):
            told.exclude(event, position)
    trails.learn_from(told)


def _archived(connection: sqlite3.Connection, decoder: Decoder) -> tuple[int, LogArchived] | None:
    """The last log.archived with its position."""
    query = "SELECT max(position) FROM event WHERE topic = (SELECT id FROM name WHERE text = ?)"
    position: int | None = connection.execute(query, (ARCHIVE,)).fetchone()[0]
    if position is None:
        return None
    for entry in read(connection, decoder, after=position - 1, until=position, limit=1):
        if isinstance(entry.event, LogArchived):
            return position, entry.event
    return None


def _text(connection: sqlite3.Connection, ref: TextRef, place: int) -> str:
    query = "SELECT digests, codec, checksum, data FROM pack WHERE place <= ? ORDER BY place DESC LIMIT 1"
    digests, *data = connection.execute(query, (ref.place or place,)).fetchone()
    try:
        return decode_pack(*data)[str(digests).split(" ").index(ref.digest)]
    except ValueError as error:
        raise LookupError(f"what was carried on cannot be read: {error}") from error


def _still_trusted(connection: sqlite3.Connection, decoder: Decoder, cut: Cut) -> list[FileTrusted]:
    """What a person confirmed and is cut off: it is told again, because it holds as before."""
    events = _of_topic(connection, decoder, cut, "trust")
    return list({event.digest: event for event in events if isinstance(event, FileTrusted)}.values())


def _still_held(connection: sqlite3.Connection, decoder: Decoder, cut: Cut) -> list[ApprovalGiven]:
    """The same of words that are remembered for a project: of those on the same uses the last."""
    events = [event for event in _of_topic(connection, decoder, cut, PROJECTS) if isinstance(event, ApprovalGiven)]
    last = {(event.directory, event.pattern): number for number, event in enumerate(events)}
    return [events[number] for number in sorted(last.values())]


def _of_topic(connection: sqlite3.Connection, decoder: Decoder, cut: Cut, topic: str) -> Iterator[AnyEvent | Unknown]:
    query = "SELECT position FROM event WHERE topic = (SELECT id FROM name WHERE text = ?) AND position <= ? ORDER BY position"
    for (position,) in connection.execute(query, (topic, cut.position)).fetchall():
        for entry in read(connection, decoder, after=position - 1, until=position, limit=1):
            yield entry.event


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
