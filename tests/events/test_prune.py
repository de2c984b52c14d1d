"""`swarm log prune`: texts of old sessions go, events and digests stay, and the log says so itself."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from events.blobs import EMPTIED, Known, Pack
from events.log import Entry, EventLog, LogUnusable, TextMissing, open_log
from events.testing import builders as make
from events.testing.builders import SetClock, new
from events.testing.contract import everything, refused
from events.types.base import TextRef
from events.types.upkeep import Sessions, TextsPruned
from events.upkeep import prunable, prune
from events.verify import verify_log
from tests.events.aged import aged, entries_of, without_upkeep
from tests.events.golden import LOG
from tests.events.test_processes import child, line
from tui.lines import texts_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


async def missing(log: EventLog, entry: Entry) -> set[str]:
    """The texts of an entry that can no longer be read."""
    gone: set[str] = set()
    for _, ref in texts_of(entry.event):
        try:
            await log.text(ref, at=entry.position)
        except TextMissing:
            gone.add(ref.digest)
    return gone


async def digests_gone(path: Path) -> dict[int, set[str]]:
    """By session: the texts that its events refer to and that cannot be read."""
    gone: dict[int, set[str]] = {}
    async with open_log(path, read_only=True) as log:
        for entry in await everything(log):
            gone.setdefault(entry.session, set()).update(await missing(log, entry))
    return gone


async def test_texts_of_sessions_that_ended_before_are_gone_and_all_others_can_be_read(path: Path) -> None:
    clock = SetClock()
    between = await aged(path, clock)
    events, before = await entries_of(path), await digests_gone(path)
    what = prunable(path, before=between)
    done = prune(path, before=between, clock=clock)
    assert done is not None and done.what == what and what.sessions == (1, 2, 3) and what.texts > 20
    after = await digests_gone(path)
    assert {session: gone for session, gone in after.items() if session > 3} == {
        session: gone for session, gone in before.items() if session > 3
    }
    old = [ref.digest for entry in events if entry.session <= 3 for _, ref in texts_of(entry.event)]
    assert after[1] | after[2] | after[3] == set(old)
    assert without_upkeep(await entries_of(path)) == events


async def test_the_log_says_itself_what_was_dropped_and_verifies(path: Path) -> None:
    clock = SetClock()
    between = await aged(path, clock)
    whole = await verify_log(path)
    done = prune(path, before=between, clock=clock)
    assert done is not None
    said = (await entries_of(path))[-1]
    assert (said.position, said.topic, said.session) == (done.position, "log", 0)
    assert said.event == TextsPruned(
        before=between, sessions=(Sessions(1, 3),), texts=done.what.texts, size=done.what.size
    )
    report = await verify_log(path, kept=whole.head)
    assert report.ok and report.dropped == done.what.texts == whole.texts - report.texts, report.problems


async def test_to_prune_again_changes_nothing(path: Path) -> None:
    clock = SetClock()
    between = await aged(path, clock)
    prune(path, before=between, clock=clock)
    whole = await verify_log(path)
    assert prune(path, before=between, clock=clock) is None and await verify_log(path) == whole


async def test_the_file_gives_its_room_back_where_no_other_process_has_it(path: Path) -> None:
    clock = SetClock()
    async with open_log(path, clock=clock) as log:
        pack = Pack(Known())
        for number in range(100):
            pack.put(Random(number).randbytes(4_000).hex())
        await log.append([new(make.opened()), new(make.closed(), topic="claim/s1")], texts=pack.texts)
    large = path.stat().st_size
    with child("read", path) as reader:
        assert line(reader) == "reading"
        done = prune(path, before=clock.now + 1, clock=clock)
        assert done is not None and not done.shrunk and path.stat().st_size >= large
        reader.communicate("\n")
    async with open_log(path, clock=clock) as log:
        pack = Pack(Known())
        pack.put("x" * 100)
        await log.append(
            [new(make.opened(), session=2), new(make.closed(), session=2, topic="claim/s2")], texts=pack.texts
        )
    done = prune(path, before=clock.now + 1, clock=clock)
    assert done is not None and done.shrunk and path.stat().st_size < large / 4
    assert (await verify_log(path)).ok


async def two_appends(log: EventLog, session: int, *, parent: int = 0, finished: bool = True) -> tuple[TextRef, int]:
    """A session whose second append refers to a text of the first one; returns the reference and where it stands."""
    known, name = Known(), f"claim/s{session}"
    pack = Pack(known)
    pack.put(f"what session {session} was told")
    opened = new(make.opened(parent=parent), session=session, topic="sessions")
    ack = await log.append([opened, new(make.claimed(), session=session, topic=name)], texts=pack.texts)
    known.learn(pack.texts, ack.place)
    ref = Pack(known).put(f"what session {session} was told")
    assert ref.place == ack.place
    position = (await log.append([new(make.drafted(draft=ref), session=session, task="t")])).positions[0]
    if finished:
        await log.append([new(make.closed(), session=session, topic=name)])
    return ref, position


async def test_what_can_still_be_resumed_keeps_all_that_it_refers_to(path: Path) -> None:
    clock = SetClock()
    async with open_log(path, clock=clock) as log:
        gone, kept = await two_appends(log, 1), await two_appends(log, 2, finished=False)
        clock.move(60)
        what = prunable(path, before=clock.now)
        assert what.sessions == (1,) and what.kept == {2: "unfinished"}
        prune(path, before=clock.now, clock=clock)
    async with open_log(path, read_only=True) as log:
        assert await log.text(kept[0], at=kept[1]) == "what session 2 was told"
        assert "no longer in the log" in str(await refused(TextMissing, log.text(gone[0], at=gone[1])))


async def test_what_a_kept_fork_began_with_is_kept(path: Path) -> None:
    clock = SetClock()
    async with open_log(path, clock=clock) as log:
        first, second = await two_appends(log, 1), await two_appends(log, 2, parent=1)
        await two_appends(log, 3)
        clock.move(60)
        between = clock.now
        await two_appends(log, 4, parent=2)
        what = prunable(path, before=between)
        assert what.sessions == (3,) and what.kept == {1: "fork", 2: "fork"}
        prune(path, before=between, clock=clock)
        for ref, position in (first, second):
            assert await log.text(ref, at=position)
        clock.move(60)
        assert prunable(path, before=clock.now).sessions == (1, 2, 4)


async def test_a_session_that_was_taken_up_again_is_not_over(path: Path) -> None:
    clock = SetClock()
    async with open_log(path, clock=clock) as log:
        await two_appends(log, 1)
        await log.append([new(make.claimed(epoch=2), topic="claim/s1")])
    clock.move(60)
    assert prunable(path, before=clock.now).kept == {1: "unfinished"}


@pytest.mark.parametrize(
    ("place", "found"), [("(SELECT max(place) FROM pack)", True), ("(SELECT min(place) FROM pack)", False)]
)
async def test_texts_that_went_without_a_word_are_found(path: Path, place: str, found: bool) -> None:
    clock = SetClock()
    prune(path, before=await aged(path, clock), clock=clock)
    with closing(sqlite3.connect(path)) as connection, connection:
        query = f"UPDATE pack SET codec = ?, checksum = ?, data = ? WHERE place = {place}"
        connection.execute(query, EMPTIED)
    problems = (await verify_log(path)).problems
    assert ["no event says that they were dropped" in problem.what for problem in problems] == [True] * found


async def test_an_emptied_pack_that_still_has_something_in_it_is_found(path: Path) -> None:
    clock = SetClock()
    prune(path, before=await aged(path, clock), clock=clock)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE pack SET data = x'00' WHERE codec = 2 AND place = (SELECT min(place) FROM pack)")
    assert [problem.what for problem in (await verify_log(path)).problems] == ["not the pack of texts that was stored"]


async def test_a_log_of_the_first_schema_is_looked_at_as_it_is_and_pruned_as_any(tmp_path: Path) -> None:
    golden = Path(shutil.copy(LOG, tmp_path / "golden.db"))
    before = golden.read_bytes()
    assert prunable(golden, before=1 << 60).sessions == (1,) and golden.read_bytes() == before
    done = prune(golden, before=1 << 60)
    report = await verify_log(golden)
    assert done is not None and report.ok and report.texts == 0 and report.dropped == done.what.texts > 10


def test_a_log_that_is_not_there_is_not_made(path: Path) -> None:
    with pytest.raises(LogUnusable, match="no such file"):
        prunable(path, before=1)
    assert not path.exists()
