"""`swarm export share`: sessions as a log of its own, without a text that a person or a model wrote."""

from __future__ import annotations

import argparse
import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from events.log import session_name
from swarm.cli.export_sessions import sessions_meant
from swarm.cli.output import counted
from swarm.cli.recorded import log_errors, recorded, settings_of
from swarm.errors import UsageError
from swarm.export.mask import Mask
from swarm.export.share import Shared, share, with_parents
from swarm.keyfile import key_beside

if TYPE_CHECKING:
    from swarm.cli.output import Output

_LONGEST_SHIFT = 104  # weeks: whole ones, so that a weekday stays one


def act(args: argparse.Namespace, output: Output) -> int:
    if args.to in (None, "-"):
        raise UsageError("a log to share is a file; name it with `--to FILE.db`")
    url = settings_of(args).log
    anyio.run(_share, args, output, url, Path(args.to).expanduser(), Path(url).expanduser())
    return 0


async def _share(args: argparse.Namespace, output: Output, url: str, file: Path, home: Path) -> None:
    async with recorded(url) as log:
        meant = await sessions_meant(log, args)
        sessions = await with_parents(log, meant)
        key = _key(home)
        mask = Mask(key, shift_days=-_shift(key) if args.shift_times else 0)
        with log_errors():
            shared = await share(log, sessions, file, mask)
    if output.json:
        output.document("swarm.share/1", _document(shared, file))
        return
    output.line(
        f"{file}: {counted(len(shared.sessions), 'session')}, {counted(shared.events, 'event')}, none of their texts"
    )
    for line in _notes(shared, meant):
        output.note(line)


def _key(log: Path) -> bytes:
    """The key by which texts are replaced, which stays beside the log. Raises UsageError."""
    try:
        return key_beside(str(log))
    except OSError as error:
        raise UsageError(
            f"the key beside {log} cannot be read or made ({error.strerror}); what stands for a text is made with it, so share "
            "from a folder that is yours to write to"
        ) from error


def _shift(key: bytes) -> int:
    """By how many days times go back, always the same for one log: from a week to two years."""
    drawn = int.from_bytes(hmac.digest(key, b"swarm share times", "sha256")[:4], "big")
    return 7 * (1 + drawn % _LONGEST_SHIFT)


def _notes(shared: Shared, meant: Sequence[int]) -> list[str]:
    notes: list[str] = []
    if parents := [session_name(each) for each in shared.sessions if each not in meant]:
        notes.append(f"{', '.join(parents)} went with it: a fork begins with what its parent recorded")
    if shared.open:
        names = ", ".join(map(session_name, shared.open))
        notes.append(f"{names} had not finished: it is shared as far as it stood")
    if shared.unknown:
        notes.append(f"{counted(shared.unknown, 'event')} of kinds that this program does not know stayed at home")
    return [*notes, "read it as any log, such as with `swarm cost --log FILE`; who has it cannot bring the texts back"]


def _document(shared: Shared, file: Path) -> dict[str, object]:
    return {
        "file": str(file),
        "sessions": list(shared.sessions),
        "events": shared.events,
        "texts": shared.texts,
        "unknown": shared.unknown,
        "unfinished": list(shared.open),
    }
