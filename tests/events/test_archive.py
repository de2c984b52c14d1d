"""`swarm log archive`: a beginning is cut off into a file of its own; both verify, and nothing that is summed changes."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import aclosing, closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.bus import follow
from events.log import Conflict, Entry, EventLog, LogError, LogUnusable, open_log
from events.sqlite.archive import find_cut
from events.sqlite.log import open_sqlite
from events.sqlite.readonly import read_only
from events.testing import builders as make
from events.testing.builders import SetClock, new
from events.testing.contract import an_event, everything, refused
from events.types.base import Unknown
from events.types.session import FileTrusted
from events.types.tool import ApprovalGiven
from events.types.upkeep import LedgerCarried, LogArchived
from events.upkeep import Archived, ArchiveInTheWay, NothingToArchive, archivable, archive, prune
from events.verify import verify_log
from events.views.approvals import PROJECTS
from events.views.base import fold
from events.views.cost import Cost, CostView, Payer
from events.views.money import MoneyView
from events.views.sessions import SessionsView
from events.views.trails import TrailsView
from tests.events.aged import DAY, aged, entries_of, live, without_upkeep
from tests.events.test_processes import child, line, until

Summed = dict[tuple[str, ...], Cost]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@dataclass
class Sums:
    """What an archive must not change: money by scope, trails, and cost by everything but session and task."""

    money: Any
    trails: Any
    cost: Summed
    open: Any


def shared(money: MoneyView) -> Any:
    """The scopes that outlive a session."""
    return {name: state for name, state in money.scopes.items() if not re.fullmatch(r"s[0-9]+(/.*)?", name)}


async def sums(log: EventLog) -> Sums:
    money, cost = await fold(log, MoneyView()), await fold(log, CostView())
    trails = (await fold(log, TrailsView())).learned
    by: Summed = {}
    for payer, each in cost.costs.items():
        by.setdefault((payer.day, payer.role, payer.agent, payer.model, payer.tier), Cost()).add(each)
    return Sums(shared(money), trails, by, (sorted(money.open), sorted(money.unknown)))


async def sums_of(path: Path) -> Sums:
    async with open_log(path, read_only=True) as log:
        return await sums(log)


async def test_the_archive_and_the_rest_are_all_that_there_was(path: Path) -> None:
    clock = SetClock()
    between = await aged(path, clock)
    whole, before = await entries_of(path), await sums_of(path)
    done = archive(path, before=between, clock=clock)
    archived, rest = await entries_of(Path(done.file)), await entries_of(path)
    assert archived + without_upkeep(rest) == whole
    assert archived[-1].at < between <= rest[0].at and {entry.session for entry in archived} - {0} == {1, 2, 3}
    assert await sums_of(path) == before
    assert Path(done.file) == path.with_name(f"log-1-{archived[-1].position}.db")


async def test_both_verify_alone_and_together_and_against_a_head_from_before(path: Path) -> None:
    clock = SetClock()
    between = await aged(path, clock)
    first = (await verify_log(path)).head
    done = archive(path, before=between, clock=clock)
    for kept in (None, first):
        report = await verify_log(path, kept=kept)
        assert report.ok and report.archives == (done.file,) and not report.elsewhere, report.problems
    report = await verify_log(done.file)
    assert report.ok and report.events == done.cut.events and report.head.hash == done.cut.hash


async def test_a_head_that_was_kept_before_the_cut_is_found_in_the_archive(path: Path) -> None:
    clock = SetClock()
    async with open_log(path, clock=clock) as log:
        await live(log, clock, Random(1), first=1, sessions=1)
        kept = await log.head()
        await live(log, clock, Random(2), first=2, sessions=1)
    clock.move(DAY)
    done = archive(path, before=clock.now, clock=clock)
    assert done.cut.position > kept.position and (await verify_log(path, kept=kept)).ok
    wrong = type(kept)(position=kept.position, hash="0" * 64)
    assert "rewritten" in (await verify_log(path, kept=wrong)).problems[0].what
    Path(done.file).rename(path.with_name("elsewhere.db"))
    assert "look for it in the archive" in (await verify_log(path, kept=kept)).problems[0].what


async def test_the_log_says_where_what_was_before_has_gone(path: Path, tmp_path: Path) -> None:
    clock = SetClock()
    between = await aged(path, clock)
    done = archive(path, before=between, clock=clock)
    moved = tmp_path / "moved.db"
    Path(done.file).rename(moved)
    report = await verify_log(path)
    assert report.ok and report.elsewhere == done.file and not report.archives
    report = await verify_log(path, archives=[moved])
    assert report.ok and report.archives == (str(moved),)
    await aged(tmp_path / "other.db", SetClock())
    report = await verify_log(path, archives=[moved, tmp_path / "other.db"])
    assert [problem.what for problem in report.problems] == [
        "it is no archive of what was before this log, or before its archives"
    ]


async def test_a_changed_archive_is_found_from_the_log(path: Path) -> None:
    clock = SetClock()
    done = archive(path, before=await aged(path, clock), clock=clock)
    file = Path(done.file)
    whole, random = file.read_bytes(), Random(3)
    for _ in range(40):
        offset = random.randrange(len(whole))
        file.write_bytes(whole[:offset] + bytes([whole[offset] ^ random.randrange(1, 256)]) + whole[offset + 1 :])
        assert not (await verify_log(path)).ok, offset
    file.write_bytes(whole)
    assert (await verify_log(path)).ok


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DELETE FROM start", "its hash is not that of its events"),
        ("UPDATE start SET hash = zeroblob(32)", "its hash is not that of its events"),
        ("UPDATE start SET position = position - 1", "it says that it begins at"),
        ("INSERT INTO start VALUES (1, zeroblob(32))", "where nothing was cut off"),
        ("DELETE FROM pack WHERE place = (SELECT max(place) FROM pack)", "its hash is not that of its events"),
    ],
)
async def test_a_beginning_that_somebody_changed_is_found(path: Path, statement: str, what: str) -> None:
    clock = SetClock()
    archive(path, before=await aged(path, clock), clock=clock)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
    assert any(what in problem.what for problem in (await verify_log(path)).problems)


async def test_a_log_of_which_somebody_cut_the_beginning_off_is_found(path: Path) -> None:
    clock = SetClock()
    between = await aged(path, clock)
    with read_only(path) as connection:
        cut = find_cut(connection, between)
    with closing(sqlite3.connect(path)) as connection, connection:
        guard = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'event_stays'").fetchone()[0]
        connection.execute("DROP TRIGGER event_stays")
        for table, place in (("event", "position"), ("batch", "position"), ("pack", "place")):
            connection.execute(f"DELETE FROM {table} WHERE {place} <= ?", (cut.position,))
        connection.execute("INSERT INTO start VALUES (?, ?)", (cut.position, bytes.fromhex(cut.hash)))
        connection.execute(guard)
    assert [problem.where for problem in (await verify_log(path)).problems] == ["start"]


async def test_one_archive_follows_the_other_and_nothing_that_is_summed_changes(path: Path) -> None:
    clock, files = SetClock(), list[Archived]()
    async with open_log(path, clock=clock) as log:
        for part in range(4):
            await live(log, clock, Random(part), first=1 + 2 * part, sessions=2)
            clock.move(DAY)
            before, whole = await sums(log), without_upkeep(await everything(log))
            if part % 2:  # what was new at the archive before is now old; that one's own event may go with it
                files.append(archive(path, before=clock.now - 2 * DAY * (part == 1), clock=clock))
                assert await sums(log) == before
                rest = without_upkeep(await everything(log))
                assert without_upkeep(await entries_of(Path(files[-1].file))) + rest == whole
    report = await verify_log(path)
    assert report.ok and report.archives == (files[1].file, files[0].file), report.problems
    for file in files:
        assert (await verify_log(file.file)).ok
        assert (await sums_of(Path(file.file))).cost  # an archive is summed by itself


async def test_an_unfinished_session_blocks_and_is_named(path: Path) -> None:
    clock = SetClock()
    async with open_log(path, clock=clock) as log:
        await live(log, clock, Random(1), first=1, sessions=1)
        start = (await log.head()).position
        await log.append(
            [new(make.opened(), session=2, topic="sessions"), new(make.claimed(), session=2, topic="claim/s2")]
        )
        await live(log, clock, Random(2), first=3, sessions=1)
        clock.move(DAY)
        cut = archivable(path, before=clock.now)
        assert (cut.position, cut.sessions, cut.blocking) == (start, (1,), (2,))
        archive(path, before=clock.now, clock=clock)
        with pytest.raises(NothingToArchive, match=r"s2 can still be resumed; .*`swarm cancel s2`"):
            archive(path, before=clock.now, clock=clock)
        await log.append([new(make.closed(), session=2, topic="claim/s2")])
        clock.move(DAY)
        assert archive(path, before=clock.now, clock=clock).cut.sessions == (2, 3)


async def test_no_session_stands_on_both_sides_and_none_is_parted_from_its_forks(path: Path) -> None:
    clock = SetClock()

    async def some(session: int, *, parent: int = 0) -> int:
        opened, closed = make.opened(parent=parent), new(make.closed(), session=session, topic=f"claim/s{session}")
        await log.append([new(opened, session=session, topic="sessions")])
        return (await log.append([closed])).positions[0]

    async with open_log(path, clock=clock) as log:
        first = await some(1)
        await some(2)
        await log.append([new(make.opened(), session=3, topic="sessions")])
        await some(4)
        clock.move(DAY)
        between = clock.now
        await log.append([new(make.closed(), session=3, topic="claim/s3")])
        assert archivable(path, before=between).sessions == (1, 2)
        await some(5, parent=2)
        cut = archivable(path, before=between)
        assert (cut.position, cut.sessions, cut.blocking) == (first, (1,), ())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1 << 32), share=st.floats(0.0, 1.0), again=st.floats(0.0, 1.0))
async def test_whatever_is_cut_off_where_the_sums_are_those_of_the_whole_log(
    tmp_path: Path, seed: int, share: float, again: float
) -> None:
    path, clock, random = tmp_path / f"{seed}-{share}-{again}.db", SetClock(), Random(seed)
    async with open_log(path, clock=clock) as log:
        for part in range(6):
            await live(log, clock, random, first=1 + part, sessions=1)
        begin = (await everything(log))[0].at
        before, whole = await sums(log), await everything(log)
        gone: list[Entry] = []
        for where in (share, again):
            moment = begin + round((clock.now - begin) * where)
            try:
                done = archive(path, before=moment, clock=clock)
            except NothingToArchive:
                continue
            gone += await entries_of(Path(done.file))
            assert all(entry.at < moment for entry in gone)
        assert without_upkeep(gone) + without_upkeep(await everything(log)) == whole
        assert await sums(log) == before
    assert (await verify_log(path)).ok


async def test_scopes_of_archived_sessions_and_their_numbers_go_with_them(path: Path) -> None:
    clock = SetClock()
    async with open_log(path, clock=clock) as log:
        scopes = ("log", "day:2026-09-21@UTC", "s1", "s1/build")
        ack = await log.append([new(make.reserved(scopes=scopes), topic="ledger", task="build")])
        await log.append([new(make.unknown(ack.positions[0])), new(make.closed(), topic="claim/s1")])
        clock.move(DAY)
        archive(path, before=clock.now, clock=clock)
        money, cost = await fold(log, MoneyView()), await fold(log, CostView())
        assert set(money.scopes) == {"log", "month:2026-09@UTC", "day:2026-09-21@UTC"}
        assert money.scopes["log"].maybe_paid.nanos == 2_000
        payer = Payer(
            day="2026-09-21",
            session=0,
            task="",
            role="worker",
            agent="maker",
            model="small",
            tier="free",
            price="small-1",
        )
        assert set(cost.costs) == {payer}
        await log.append([new(make.settled(ack.positions[0], tokens=5, cost_nanos=7), session=0, topic="bills")])
        money, cost = await fold(log, MoneyView()), await fold(log, CostView())  # the bill came after all
        assert money.scopes["log"].spent.nanos == cost.total().nanos == 7 and not cost.total().maybe_paid


async def test_who_has_the_log_open_goes_on_and_knows_nothing_that_is_gone(path: Path) -> None:
    clock = SetClock()
    between = await aged(path, clock)
    async with open_sqlite(path, clock=clock) as writer, open_sqlite(path, clock=clock) as other:
        ledger = (await writer.append([new(make.reserved(), session=9, topic="ledger")])).positions[0]
        clock.move(DAY)
        await other.append([an_event("topic of its own", topic="lonely", session=9)])
        archive(path, before=between, clock=clock)
        assert await other.last("claim/s1") is None and await writer.read(after=0, topic="claim/s1") == []
        conflict = await refused(Conflict, writer.append([an_event(session=9)], expect={"ledger": ledger}))
        assert isinstance((await writer.read(after=conflict.found - 1, limit=1))[0].event, LedgerCarried)
        one, two = (an_event(reason, topic="claim/s1", session=9) for reason in ("one", "two"))
        first = await writer.append([one], expect={"claim/s1": 0, "ledger": conflict.found})
        second = await other.append([two], expect={"claim/s1": first.positions[0]})
        assert second.positions[0] == first.positions[0] + 1
        assert (await everything(writer))[-1] == (await everything(other))[-1]
    assert (await verify_log(path)).ok


async def test_a_follower_sees_what_comes_behind_the_cut(path: Path) -> None:
    clock = SetClock()
    between = await aged(path, clock)
    async with open_log(path, clock=clock) as log:
        head = (await log.head()).position
        async with aclosing(follow(log, after=head, poll_s=0.01)) as following:
            done = archive(path, before=between, clock=clock)
            seen = await anext(following)
            assert seen[0].position == done.position and isinstance(seen[0].event, LogArchived)


class _CutsMeanwhile(msgspec.Struct):
    """A view in whose fold, at a certain entry, the beginning of the log goes."""

    money: MoneyView

    def apply(self, entry: Entry) -> None:
        self.money.apply(entry)
        act = _acts.pop(entry.position, None)
        if act is not None:
            act()


_acts: dict[int, Callable[[], object]] = {}


async def test_a_fold_from_which_the_log_is_cut_meanwhile_begins_again(path: Path) -> None:
    clock = SetClock()
    random = Random(1)
    async with open_log(path, clock=clock) as log:
        for part in range(15):
            await live(log, clock, random, first=1 + 6 * part, sessions=6)
        clock.move(DAY)
        between = clock.now
        await live(log, clock, random, first=500, sessions=2)
        before = await fold(log, MoneyView())
        assert archivable(path, before=between).position > 1000, "a page of the fold ends before the cut"
        _acts[900] = lambda: archive(path, before=between, clock=clock)
        view = await fold(log, _CutsMeanwhile(MoneyView()))
    assert not _acts and shared(view.money) == shared(before)


async def test_what_a_person_confirmed_holds_as_before(path: Path) -> None:
    clock = SetClock()
    trusted = [FileTrusted(digest=digest, path="task.yaml", commands=("make",)) for digest in ("one", "two", "one")]
    async with open_log(path, clock=clock) as log:
        for each in trusted:
            await log.append([new(each, session=0, topic="trust")])
        await live(log, clock, Random(1), first=1, sessions=1)
        clock.move(DAY)
        archive(path, before=clock.now, clock=clock)
        assert [entry.event for entry in await log.read(topic="trust")] == trusted[:2]


async def test_a_persons_word_that_is_remembered_for_a_project_holds_as_before(path: Path) -> None:
    clock = SetClock()

    def word(directory: str, pattern: str, allowed: bool) -> ApprovalGiven:
        return ApprovalGiven(asked=1, allowed=allowed, remember="project", directory=directory, pattern=pattern)

    words = [word("/a", "run", True), word("/b", "run", True), word("/a", "edit", False), word("/a", "run", False)]
    async with open_log(path, clock=clock) as log:
        for each in words:
            await log.append([new(each, session=0, topic=PROJECTS)])
        await live(log, clock, Random(1), first=1, sessions=1)
        clock.move(DAY)
        archive(path, before=clock.now, clock=clock)
        assert [entry.event for entry in await log.read(topic=PROJECTS)] == words[1:]


async def test_an_archive_is_read_by_itself_and_nothing_is_appended_to_it(path: Path, tmp_path: Path) -> None:
    clock = SetClock()
    done = archive(path, before=await aged(path, clock), to=tmp_path / "old.db", clock=clock)
    before = (tmp_path / "old.db").read_bytes()
    async with open_log(tmp_path / "old.db", read_only=True) as log:
        assert set((await fold(log, SessionsView())).sessions) == {1, 2, 3}
        assert (await log.head()).position == done.cut.position and await log.archived() is None

    async def write() -> None:
        async with open_log(tmp_path / "old.db"):
            pass

    assert "it is an archive" in str(await refused(LogUnusable, write()))
    for act in (archive, prune):
        with pytest.raises(LogUnusable, match="it is an archive"):
            act(tmp_path / "old.db", before=clock.now, clock=clock)
    assert (tmp_path / "old.db").read_bytes() == before
    assert sorted(file.name for file in tmp_path.glob("old.db*")) == ["old.db"]


async def test_texts_that_were_dropped_before_are_dropped_in_the_archive_and_vouched_for_by_the_log(path: Path) -> None:
    clock = SetClock()
    between = await aged(path, clock)
    dropped = prune(path, before=between, clock=clock)
    done = archive(path, before=between, clock=clock)
    report = await verify_log(done.file)
    assert dropped is not None and report.ok and report.dropped == dropped.what.texts and report.texts == 0
    assert (await verify_log(path)).ok


async def test_nothing_that_is_there_is_written_over(path: Path, tmp_path: Path) -> None:
    clock = SetClock()
    between = await aged(path, clock)
    (tmp_path / "notes").write_text("mine")
    for to, why in (
        (tmp_path / "notes", "is there already"),
        (path, "is there already"),
        (tmp_path / "no" / "x", "its folder"),
    ):
        with pytest.raises(ArchiveInTheWay, match=why):
            archive(path, before=between, to=to, clock=clock)
    assert (tmp_path / "notes").read_text() == "mine" and (await verify_log(path)).ok
    assert not list(tmp_path.glob("*.part"))


async def test_what_this_program_does_not_know_it_does_not_cut_off(path: Path) -> None:
    clock = SetClock()
    async with open_log(path, clock=clock) as log:
        await log.append([new(Unknown("moon.landed", b"{}")), new(make.closed(), topic="claim/s1")])
        clock.move(DAY)
        with pytest.raises(LogUnusable, match=r"moon\.landed.*newer swarm"):
            archive(path, before=clock.now, clock=clock)


@pytest.mark.parametrize("step", ["write", "verify", "place", "cut", "shrink"])
async def test_a_death_at_any_step_loses_nothing_and_the_next_try_goes_through(path: Path, step: str) -> None:
    clock = SetClock()
    between = await aged(path, clock)
    whole, before = await entries_of(path), await sums_of(path)
    with child("archive", path, between, step) as dying:
        dying.wait()
        assert dying.returncode == -signal.SIGKILL
    report = await verify_log(path)
    assert report.ok and await sums_of(path) == before, report.problems
    if step != "shrink":
        assert await entries_of(path) == whole
        archive(path, before=between, clock=clock)
    (file,) = path.parent.glob("log-1-*.db")
    assert await entries_of(file) + without_upkeep(await entries_of(path)) == whole
    assert not list(path.parent.glob("*.part")) and (await verify_log(path)).ok


@pytest.mark.parametrize("act", [prune, archive])
async def test_a_damaged_log_ends_in_a_sentence_and_nothing_is_lost_by_it(
    path: Path, tmp_path: Path, act: Callable[..., object]
) -> None:
    clock, random = SetClock(), Random(9)
    between = await aged(path, clock, sessions=2)
    whole, copy = path.read_bytes(), tmp_path / "copy" / "log.db"
    for _ in range(60):
        shutil.rmtree(copy.parent, ignore_errors=True)
        copy.parent.mkdir()
        damaged = bytearray(whole)
        for _ in range(random.choice((1, 3, 40))):
            damaged[random.randrange(100, len(damaged))] ^= random.randrange(1, 256)
        copy.write_bytes(damaged)
        copy.chmod(0o600)
        with contextlib.suppress(LogError):
            act(copy, before=between, clock=clock)
        assert not list(copy.parent.glob("*.part"))


async def test_another_process_appends_while_the_log_is_cut(path: Path) -> None:
    clock = SetClock()
    between = await aged(path, clock, first=2)  # theirs are of session 1
    with child("append", path, "theirs", 100_000) as other:
        said = {line(other) for _ in range(50)}
        archive(path, before=between, clock=clock)
        said |= {line(other) for _ in range(300)}
        other.kill()
        until(other, 4)
    stored = {getattr(entry.event, "reason", "") for entry in await entries_of(path)}
    assert said <= stored and (await verify_log(path)).ok
