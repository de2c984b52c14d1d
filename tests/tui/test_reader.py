"""The feed of the live view over a log to which anything is done while it is read. Each case is a real file."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from bench.fill import filled
from events.log import Entry, EventLog, LogLocked, LogUnusable, open_log
from events.memory import MemoryLog
from events.presence import presence_of
from events.scopes import SHARED, session_of
from events.testing.builders import SetClock
from events.testing.contract import an_event
from events.upkeep import archive
from events.views.base import fold
from events.views.money import MoneyView, ScopeState
from tests.events.aged import aged
from tests.events.test_faults import small_disk
from tests.tui.recordings import damage, record
from tests.tui.test_app import caught_up, screen, watching
from tui.live import Cap, Live
from tui.patient import WAITS, PatientLog
from tui.playback import Playback
from tui.reader import PAGE, CapOf, Reader
from tui.record import read_record

EVENTS = PAGE + 500  # two pages, so that there is a log to be damaged between them


async def no_cap(scope: str, live: Live) -> Cap | None:
    return None


@asynccontextmanager
async def reading(log: EventLog, cap_of: CapOf = no_cap) -> AsyncGenerator[Reader]:
    """A reader at work, until the block ends."""
    reader = Reader(log, Live(1), cap_of=cap_of, present=presence_of(log.url))
    task = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        task.cancel()
        await asyncio.wait({task})


async def until(seen: Callable[[], object]) -> None:
    while not seen():  # noqa: ASYNC110  # what is looked at has no event of its own
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
async def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two logs, `log.db` and the longer `other.db`."""
    folder = tmp_path_factory.mktemp("logs")
    for name, events in (("log.db", EVENTS), ("other.db", EVENTS + 700)):
        await filled(folder / name, events)
    return folder


@pytest.fixture
def folder(logs: Path, tmp_path: Path) -> Path:
    for name in ("log.db", "other.db"):
        shutil.copyfile(logs / name, tmp_path / name)
    return tmp_path


def cut(share: float) -> Callable[[Path, Path], object]:
    return lambda path, _: os.truncate(path, int(path.stat().st_size * share))


def by_text(path: Path, _: Path) -> None:
    path.with_name("text").write_text("no database\n" * 10_000)
    path.with_name("text").replace(path)


def by_folder(path: Path, _: Path) -> None:
    path.unlink()
    path.mkdir()


def anew(path: Path, other: Path) -> None:
    path.unlink()
    shutil.copyfile(other, path)


def over(path: Path, other: Path) -> None:
    shutil.copyfile(other, path)


def over_by_database(path: Path, other: Path) -> None:
    with closing(sqlite3.connect(path.with_name("foreign"))) as made, made:
        made.executescript("CREATE TABLE t(x); INSERT INTO t VALUES (randomblob(300000))")
    shutil.copyfile(path.with_name("foreign"), path)


TROUBLES: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "cut to nothing": (cut(0), r"was cut from [\d,]+ bytes to 0 while it was read; .*swarm verify"),
    "cut to half": (cut(0.5), r"was cut from [\d,]+ bytes to [\d,]+ while it was read; .*swarm verify"),
    "deleted": (lambda path, _: path.unlink(), r"was moved or deleted .*--log"),
    "moved": (lambda path, _: path.rename(path.with_name("moved")), r"was moved or deleted .*--log"),
    "deleted and made anew": (anew, r"was replaced by another log .*swarm ps"),
    "another log moved there": (lambda path, other: other.replace(path), r"was replaced by another log .*swarm ps"),
    "a text moved there": (by_text, r"was replaced by a file that is no log of swarm .*--log"),
    "a folder in its place": (by_folder, r"was replaced by a folder .*--log"),
    "overwritten by another log": (over, r"was overwritten by another log .*swarm ps"),
    "overwritten by a text": (
        lambda path, _: path.write_text("no database\n" * 100_000),
        r"was overwritten by a file that is no log of swarm .*--log",
    ),
    "overwritten by a database": (over_by_database, r"was (cut|overwritten|changed) .*(--log|swarm verify)"),
}


@pytest.mark.parametrize("halfway", [False, True])
@pytest.mark.parametrize("name", TROUBLES)
async def test_a_log_in_trouble_is_told_and_never_mixed_with_another(name: str, halfway: bool, folder: Path) -> None:
    path, (trouble, said) = folder / "log.db", TROUBLES[name]
    async with open_log(path, read_only=True) as log:
        own = {entry.position: entry.id for entry in await log.read(limit=2 * EVENTS)}

        async def strike(scope: str, live: Live) -> Cap | None:
            if halfway and not done:
                done.append(live.position)
                trouble(path, folder / "other.db")
            return None

        done: list[int] = []
        async with reading(log, strike) as reader:
            await until(lambda: reader.trouble or reader.live.position == max(own))
            if not halfway:
                done.append(reader.live.position)
                trouble(path, folder / "other.db")
            await until(lambda: reader.trouble)
            live = reader.live
        assert re.search(f"^the log {re.escape(str(path))} {said}", reader.trouble), reader.trouble
        assert live.position >= done[0] and live.rows, "what was read stays"
        assert all(own[entry.position] == entry.id for entry in (live.ring[row] for row in range(len(live.ring))))


async def test_what_stands_before_a_damaged_event_is_shown_whatever_page_it_is_in(folder: Path) -> None:
    damage(folder / "log.db", PAGE + 77)
    async with open_log(folder / "log.db", read_only=True) as log, reading(log) as reader:
        await until(lambda: reader.trouble)
        assert f"is damaged at position {PAGE + 77}" in reader.trouble and "swarm verify" in reader.trouble
        assert reader.live.position == PAGE + 76


async def test_permissions_that_are_taken_away_do_not_matter_to_who_has_it_open(folder: Path) -> None:
    path = folder / "log.db"
    async with open_log(path, read_only=True) as log, reading(log) as reader, open_log(path) as writer:
        path.chmod(0)
        end = (await writer.append([an_event(str(number)) for number in range(3)])).positions[-1]
        await until(lambda: reader.trouble or reader.live.position == end)
        assert not reader.trouble


LOCKS = """
import fcntl, struct, sys
shared = open(sys.argv[1] + "-shm", "r+b")
fcntl.fcntl(shared, fcntl.F_SETLK, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 120, 8, 0))  # all eight locks of the write-ahead log
print("held", flush=True)
sys.stdin.readline()
"""


async def test_a_log_that_is_locked_is_waited_for_and_read_on_when_the_lock_ends(folder: Path) -> None:
    path = folder / "log.db"
    async with open_log(path) as writer, open_log(path, read_only=True) as log, reading(log) as reader:
        await until(lambda: reader.caught_up)
        words = [sys.executable, "-c", LOCKS, str(path)]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as locker:
            assert locker.stdout is not None
            assert locker.stdout.readline() == "held\n"
            await until(lambda: reader.behind(reader.live.at) == WAITS)
            assert not reader.trouble and reader.live.rows
            locker.communicate("let go\n")
        end = (await writer.append([an_event("it goes on")])).positions[-1]
        await until(lambda: reader.live.position == end and not reader.behind(reader.live.at))
        assert not reader.trouble


class LockedAtFirst(MemoryLog):
    """A log in memory that is locked when it is read the first two times."""

    locks = 2

    async def read(
        self, *, after: int = 0, limit: int = 500, topic: str | None = None, session: int | None = None
    ) -> list[Entry]:
        if self.locks:
            self.locks -= 1
            raise LogLocked(url=self.url)
        return await super().read(after=after, limit=limit, topic=topic, session=session)


async def test_a_lock_that_outlasts_the_patience_of_the_database_is_asked_again() -> None:
    log = LockedAtFirst(clock=SetClock())
    await log.append([an_event("one")])
    patient = PatientLog(log)
    assert [entry.position for entry in await patient.read()] == [1]
    assert log.locks == 0 and not patient.waits


async def archived(path: Path) -> int:
    """Make a log of two ages, more than a page each; return the moment between them."""
    between = await aged(path, SetClock(), sessions=30)
    async with open_log(path, read_only=True) as log:
        (first,) = [entry for entry in await log.read(after=PAGE) if entry.at < between][:1]
        assert first.position > PAGE, "the archive goes beyond the first page"
    return between


def shared(money: MoneyView) -> dict[str, ScopeState]:
    return {name: state for name, state in money.scopes.items() if session_of(name) == SHARED}


@pytest.mark.parametrize("halfway", [False, True])
async def test_what_an_archive_took_stays_spent_on_its_days(halfway: bool, tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    between = await archived(path)
    async with open_log(path, read_only=True) as log:
        whole = await fold(log, MoneyView())
    if not halfway:
        archive(path, before=between)

    async def cut_off(scope: str, live: Live) -> Cap | None:
        if halfway and not path.with_name("old.db").exists():
            assert live.position == PAGE
            archive(path, before=between, to=path.with_name("old.db"))
        return None

    async with open_log(path, read_only=True) as log:
        end = (await log.head()).position + halfway  # the word that it was archived is an event
        async with reading(log, cut_off) as reader:
            await until(lambda: reader.trouble or (reader.caught_up and reader.live.position >= end))
        assert not reader.trouble
        assert shared(reader.live.money) == shared(await fold(log, MoneyView())) == shared(whole)
        assert any(state.spent.nanos for state in shared(whole).values())


async def test_the_screen_keeps_what_it_showed_of_a_log_that_is_gone_and_q_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    await record(path)
    async with (
        open_log(path, read_only=True) as log,
        watching(log, size=(80, 24), present=presence_of(log.url)) as (app, pilot),
    ):
        path.unlink()
        while not app.reader.trouble:
            await pilot.pause()
        await caught_up(app, pilot)
        shown = screen(app)
        assert "✘ the log" in shown and "was moved or deleted" in " ".join(shown.split())
        assert "✔ accepted" in shown and len(shown.splitlines()) == 24
        await pilot.press("q")
        await pilot.pause()
        assert not app.is_running and app.return_code == 0


@pytest.mark.parametrize("name", [name for name in TROUBLES if name != "overwritten by a database"])
async def test_a_replay_of_a_log_in_trouble_tells_it_and_keeps_the_last_state(name: str, folder: Path) -> None:
    path, (trouble, said) = folder / "log.db", TROUBLES[name]
    async with open_log(path, read_only=True) as log:
        found, _ = await read_record(log, 1)
        playback = Playback(log, found, cap_of=no_cap, present=presence_of(log.url))
        task = asyncio.create_task(playback.run())
        await until(lambda: playback.is_settled and playback.timeline.built == found.positions[-1])
        before, shown = playback.live, playback.shown
        trouble(path, folder / "other.db")
        playback.playing.go(len(found) - 1)
        playback.settle()
        await until(lambda: playback.trouble)
        assert re.search(f"^the log {re.escape(str(path))} {said}", playback.trouble), playback.trouble
        assert (playback.live, playback.shown) == (before, shown)
        task.cancel()
        await asyncio.wait({task})


async def test_a_disk_that_is_full_stops_the_writer_and_not_who_looks(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with small_disk(tmp_path, 4 << 20):
        async with open_log(path) as writer, open_log(path, read_only=True) as log, reading(log) as reader:
            (tmp_path / "others").write_bytes(bytes(shutil.disk_usage(tmp_path).free - 300_000))
            end = 0
            with pytest.raises(LogUnusable, match="disk is full"):
                while True:
                    end = (await writer.append([an_event("x" * 10_000)])).positions[-1]
            assert end
            await until(lambda: reader.trouble or reader.live.position == end)
            assert not reader.trouble
            (tmp_path / "others").unlink()
            end = (await writer.append([an_event("there is room again")])).positions[-1]
            await until(lambda: reader.trouble or reader.live.position == end)
            assert not reader.trouble
