"""The log and the archives of what was before it, read as one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from events.log import Head, LogError
from events.sqlite.bounds import ends
from events.sqlite.readonly import read_only
from events.sqlite.verify import Told, Verified, verify_file
from events.types.upkeep import LogArchived
from events.verify import Problem, Report


def verify_joined(path: Path, kept: Head | None, archives: Sequence[Path]) -> Report:
    """Verify the log, and each archive before it that can be found. Raises LogForeign, LogNewer, LogUnusable."""
    path = path.expanduser()
    log = verify_file(path, kept)
    report, problems = log.report, list(log.report.problems)
    given = {file.expanduser().absolute(): file for file in archives}
    joined: list[str] = []
    told, later, missing = Told(), log, ""
    while later.after:
        told.add(later.told)
        event = told.of_beginning(later.after, later.hash)
        file = _found(event, path, list(given)) if event is not None else None
        if event is None or file is None:
            missing = event.file if event is not None else ""
            break
        given.pop(file, None)
        sought = kept if kept is not None and event.after < kept.position <= event.position else None
        try:
            later = verify_file(file, sought, log=told)
        except LogError as error:
            problems.append(Problem(where=str(file), what=str(error)))
            break
        problems += _wrong(file, event, later)
        if sought is not None:
            problems = [problem for problem in problems if problem.where != "head"]  # it was looked for there
        joined.append(str(file))
    problems += [
        Problem(where=str(file), what="it is no archive of what was before this log, or before its archives")
        for file in given.values()
    ]
    return msgspec.structs.replace(report, problems=tuple(problems), archives=tuple(joined), elsewhere=missing)


def _found(event: LogArchived, log: Path, given: Sequence[Path]) -> Path | None:
    """The file of which the event speaks: one that was named, the one at the path where it was written, or one beside the log."""
    written = Path(event.file)
    places = [
        *(file for file in given if _ends_at(file, event.position)),
        written,
        log.absolute().with_name(written.name),
    ]
    return next((file for file in places if file.is_file()), None)


def _ends_at(file: Path, position: int) -> bool:
    try:
        with read_only(file) as connection:
            return any(end == position for end, _ in ends(connection))
    except LogError:
        return False


def _wrong(file: Path, event: LogArchived, found: Verified) -> Iterator[Problem]:
    head = found.report.head
    if (found.after, head.position, head.hash) != (event.after, event.position, event.hash):
        yield Problem(where=str(file), what=f"it ends at {head}, and not where the log goes on")
    if _digest(file) != event.digest:
        yield Problem(where=str(file), what="it is not byte for byte the file that was written")
    for problem in found.report.problems:
        yield Problem(where=f"{file}: {problem.where}", what=problem.what)


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ""
