"""Power loss: what was acknowledged as durable is there when the power is back, and the log ends between two batches."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Literal, get_args

import pytest

from events.log import Ack, LogError, NewEvent, open_log
from events.rows import encode_append
from events.sqlite import writer as writer_module
from events.sqlite.schema import prepare_file
from events.sqlite.writer import Append, Committed, Turn, Writer
from events.testing.builders import SetClock, a_text, new
from events.testing.contract import everything
from events.types.task import TaskCancelled
from events.verify import verify_log
from tests.soak.disk import Disk, Luck, Sync, connect, plugged_in

pytestmark = pytest.mark.soak

ANSWER_S = 60  # a machine may stand still for a while; the writer never does
APPENDS = 60
MOST_STEPS = 700  # a life that is not cut short takes some 600
CHECKPOINT_PAGES = 120  # so that several fall into one life


class Sent:
    """One append: what it holds, and what became of it."""

    def __init__(self, events: list[NewEvent], text: str, *, durable: bool) -> None:
        self.events, self.durable = events, durable
        self.texts = [a_text(text)] if text else []
        self.outcome: Ack | LogError | None = None

    @property
    def ids(self) -> list[bytes]:
        return [event.id for event in self.events]

    def append(self) -> Append:
        bodies = encode_append(self.events, self.texts, url="test")
        return Append(
            events=self.events,
            bodies=bodies,
            expect={},
            durable=self.durable,
            cause=0,
            texts=self.texts,
            size=sum(map(len, bodies)) + sum(len(text.text) for text in self.texts),
            future=self,
        )


class Life:
    """What the writer was given between a start and a power cut, and what it committed, batch by batch."""

    def __init__(self, found: list[bytes]) -> None:
        self.sent: list[Sent] = []
        self.batches = [found]  # ids in their order
        self.last: list[Sent] = []  # what was handed in last: it may have been committed without a word

    def group(self, random: Random) -> list[Sent]:
        """The next appends. Now and then one is made again, durable now: its first acknowledgement may have been lost."""
        self.last = [a_new_one(random) for _ in range(random.choice((1, 1, 2, 4)))]
        if self.sent and random.random() < 0.2:
            again = Sent(random.choice((self.sent[-1], random.choice(self.sent))).events, "", durable=True)
            self.last = [again] if random.random() < 0.5 else [*self.last, again]
        self.sent += self.last
        return self.last

    def take(self, committed: Committed) -> int:
        for append in committed.appends:
            append.future.outcome = append.outcome
        self.batches.append([entry.id for entry in committed.entries])
        return len(committed.appends)

    def lost(self, found: list[bytes]) -> str:
        """Say what is not as it must be in the log that was found; "" where all is right."""
        there = set(found)
        for sent in self.sent:
            if sent.durable and isinstance(sent.outcome, Ack) and not there.issuperset(sent.ids):
                return f"a durable append is gone: {sent.outcome}"
        durable = max(
            (each.outcome.positions[-1] for each in self.sent if each.durable and isinstance(each.outcome, Ack)),
            default=0,
        )
        if len(found) < max(durable, len(self.batches[0])):
            return f"{len(found)} events, and {durable} were durable"
        committed = [id_ for batch in self.batches for id_ in batch]
        if found[: len(committed)] != committed[: len(found)]:
            return "its events are not those that were committed"
        ends = {sum(map(len, self.batches[: number + 1])) for number in range(len(self.batches))}
        if len(found) <= len(committed):
            return "" if len(found) in ends else f"it ends inside a batch, at {len(found)} of {sorted(ends)}"
        more = set(found[len(committed) :])
        whole = [sent.ids for sent in self.last if more.intersection(sent.ids)]
        return "" if sorted(more) == sorted(id_ for ids in whole for id_ in ids) else "a part of an append is there"


def a_new_one(random: Random) -> Sent:
    events = [
        new(
            TaskCancelled(reason="x" * random.choice((1, 10, 500))),
            topic=f"t{random.randrange(4)}",
            id=random.randbytes(16),
        )
        for _ in range(random.choice((1, 1, 2, 5)))
    ]
    text = random.randbytes(random.randrange(1, 3000)).hex() if random.random() < 0.5 else ""
    return Sent(events, text, durable=random.random() < 1 / 7)


@contextmanager
def writing(path: Path, disk: Disk, sync: Sync) -> Generator[tuple[Writer, queue.SimpleQueue[Committed | Turn]]]:
    """The log's own writer thread, on a connection to the disk."""
    told: queue.SimpleQueue[Committed | Turn] = queue.SimpleQueue()
    thread = Writer(
        prepare_file(path, read_only=False),
        clock=SetClock(),
        publish=told.put,
        lock_timeout_s=5,
        connect=partial(connect, disk=disk, sync=sync),
    )
    thread.start()
    try:
        yield thread, told
    finally:
        disk.cut()  # before the checkpoint of a log that is closed
        thread.put(None)
        thread.join()


def live(path: Path, disk: Disk, random: Random, found: list[bytes], sync: Sync) -> Life:
    """Append until the power goes."""
    life = Life(found)
    with contextlib.ExitStack() as stack:
        try:
            thread, told = stack.enter_context(writing(path, disk, sync))
        except LogError:
            assert disk.is_off, "it fails for no other reason"
            return life
        while len(life.sent) < APPENDS and not disk.is_off:
            awaited = life.group(random)
            thread.put([sent.append() for sent in awaited])
            answered = 0
            while answered < len(awaited):
                committed = told.get(timeout=ANSWER_S)
                assert isinstance(committed, Committed)
                answered += life.take(committed)
        for sent in life.sent:
            assert isinstance(sent.outcome, Ack) or disk.is_off, sent.outcome
    return life


async def ids_in(path: Path) -> list[bytes]:
    async with open_log(path) as log:
        return [entry.id for entry in await everything(log)]


async def lost_in_two_lives(
    folder: Path, luck: Luck, seed: int, monkeypatch: pytest.MonkeyPatch, sync: Sync = "as asked"
) -> str:
    """Cut the power twice, the second time also while the log recovers from the first; say what is wrong then."""
    random = Random(seed)
    monkeypatch.setattr(writer_module, "CHECKPOINT_PAGES", CHECKPOINT_PAGES)
    found: list[bytes] = []
    path = folder / "0" / "log.db"
    for number in (1, 2):
        disk = Disk(power_until=random.randint(1, MOST_STEPS))
        with plugged_in(disk, path, monkeypatch):
            life = live(path, disk, random, found, sync)
        path = folder / str(number) / "log.db"
        disk.found(path.parent, luck, random)
        try:
            if not path.exists():
                path.touch(0o600)
            found = await ids_in(path)
            wrong = life.lost(found) or str((await verify_log(path)).problems or "")
        except LogError as error:
            wrong = str(error)
        if wrong:
            return wrong
    return ""


@pytest.mark.cases(10, 300)
@pytest.mark.parametrize("luck", get_args(Luck))
async def test_a_power_cut_takes_nothing_that_was_durable_and_leaves_whole_batches(
    luck: Luck, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await lost_in_two_lives(tmp_path, luck, seed, monkeypatch) == ""


@pytest.mark.parametrize("sync", ["never", "never in full"])
async def test_a_log_that_does_not_sync_is_found_out(
    sync: Literal["never", "never in full"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were it not so, the test above would prove nothing."""
    lost = [await lost_in_two_lives(tmp_path / str(seed), "random", seed, monkeypatch, sync) for seed in range(8)]
    assert sum(map(bool, lost)) >= 4, lost


async def test_events_that_were_not_durable_may_go(tmp_path: Path) -> None:
    """The disk really forgets what was not synced."""
    disk, random = Disk(power_until=10**9), Random(1)
    path, sent = tmp_path / "0" / "log.db", [a_new_one(random), a_new_one(random)]
    sent[0].durable, sent[1].durable = True, False
    with writing(path, disk, "as asked") as (thread, told):
        for each in sent:
            thread.put([each.append()])
            told.get(timeout=ANSWER_S)
    disk.found(tmp_path / "1", "none", random)
    assert await ids_in(tmp_path / "1" / "log.db") == sent[0].ids
