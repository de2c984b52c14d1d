"""A record of `swarm demo` that says nothing of the machine on which it was made: `python -m tests.demo_record` plays it anew."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, cast

import anyio
import msgspec

from events.blobs import Known, Pack
from events.bus import read_all
from events.fresh import write_log
from events.log import Entry, NewEvent, open_log
from events.types.any import AnyEvent
from events.types.base import TextRef, Unknown
from events.types.session import SessionClaimed
from swarm.cli.demo import PAUSE_S, demo_plan, task_file, unpack
from swarm.redact import Secrets
from swarm.session import run_file
from tests.pictures import DEMO
from tests.running import faces

FOLDER, PROJECT = "/srv/kettle", "kettle"
"""Where the project lies, as the record tells it."""


async def record_demo(to: Path, *, pause_s: float = PAUSE_S) -> None:
    """Play the demo, and write what it recorded to a new file. The models of the demo take `pause_s` for an answer."""
    with tempfile.TemporaryDirectory() as made:
        folder, kept = Path(made).resolve() / PROJECT, Path(made) / "log.db"
        folder.mkdir()
        unpack(folder)
        async with open_log(kept) as log:
            await run_file(
                log,
                task_file(folder, python="python3"),
                demo_plan(folder, pause_s=pause_s),
                root=folder,
                environ={},
                faces=faces(),
                secrets=Secrets([]),
                type_="demo",
            )
        await copy_clean(kept, to, folder)


async def copy_clean(log: Path, to: Path, folder: Path) -> None:
    """Write the events of a log to a new file, with another folder in the place of theirs, and another owner."""
    clock = _Clock()
    async with open_log(log, read_only=True) as source, write_log(to, clock=clock) as target:
        entries = [entry async for page in read_all(source) for entry in page]
        known = Known()
        for (clock.now, cause), group in groupby(entries, key=lambda entry: (entry.at, entry.cause)):
            pack, news = Pack(known), list[NewEvent]()
            for entry in group:
                texts = {ref: await source.text(ref, at=entry.position) for ref in refs_of(entry.event)}
                clean = {ref: pack.put(text.replace(str(folder), FOLDER)) for ref, text in texts.items()}
                news.append(_new(entry, partial(_clean, clean, str(folder))))
            ack = await target.append(news, texts=pack.texts, cause=cause)
            known.learn(pack.texts, ack.place)


class _Clock:
    """Tells the time of the record."""

    now = 0

    def __call__(self) -> int:
        return self.now


def _new(entry: Entry, clean: Callable[[Any], Any]) -> NewEvent:
    assert not isinstance(entry.event, Unknown), "this program has just written it"
    event: AnyEvent = clean(entry.event)
    if isinstance(event, SessionClaimed):
        event = msgspec.structs.replace(event, owner="ann@host, pid 4711", host="host", boot="", pid=4711, started=0)
    return NewEvent(
        event=event,
        topic=entry.topic,
        project=entry.project,
        session=entry.session,
        task=entry.task,
        step=entry.step,
        attempt=entry.attempt,
        id=entry.id,
    )


def refs_of(value: Any) -> Iterator[TextRef]:
    """The texts that a value refers to."""
    match value:
        case TextRef():
            yield value
        case tuple():
            for each in cast("Sequence[Any]", value):
                yield from refs_of(each)
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from refs_of(getattr(value, name))
        case _:
            pass


def _clean(texts: Mapping[TextRef, TextRef], folder: str, value: Any) -> Any:
    """The value with other texts and another folder."""
    match value:
        case TextRef():
            return texts[value]
        case str():
            return value.replace(folder, FOLDER)
        case tuple():
            return tuple(_clean(texts, folder, each) for each in cast("Sequence[Any]", value))
        case msgspec.Struct():
            fields = {name: _clean(texts, folder, getattr(value, name)) for name in value.__struct_fields__}
            return msgspec.structs.replace(value, **fields)
        case _:
            return value


def main() -> int:
    DEMO.unlink(missing_ok=True)
    anyio.run(record_demo, DEMO)
    sys.stderr.write(
        f"written: {DEMO.name}, {DEMO.stat().st_size:,} bytes; draw the pictures with `python -m tests.pictures`\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
