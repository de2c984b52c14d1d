"""Opening a log: what is made, what is refused, and what is said."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from events.log import AppendRefused, EventLog, LogError, LogForeign, LogNewer, LogUnusable, open_log
from events.sqlite import schema
from events.testing.contract import an_event, everything, reasons, refused
from events.verify import verify_log


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "log.db"


async def opening(path: Path, *, read_only: bool = False) -> EventLog:
    async with open_log(path, read_only=read_only) as log:
        return log


async def make_log(path: Path) -> None:
    async with open_log(path) as log:
        await log.append([an_event("kept")])


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.endswith("-shm")}


async def test_files_are_the_users_alone_and_so_is_the_folder(path: Path) -> None:
    before = os.umask(0)
    try:
        async with open_log(path) as log:
            await log.append([an_event()])
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("log.db", "log.db-wal", "log.db-shm", "log.db.lock", "log.db.ballast"), 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_log_is_opened_again_with_all_it_holds(path: Path) -> None:
    await make_log(path)
    async with open_log(path) as log:
        await log.append([an_event("more")])
        assert reasons(await everything(log)) == ["kept", "more"]
    async with open_log(path, read_only=True) as log:
        assert reasons(await everything(log)) == ["kept", "more"]
        assert "reading only" in str(await refused(LogUnusable, log.append([an_event()])))


@pytest.mark.parametrize("name", ["with space?&#%.db", "ünïcode.db", os.fsdecode(b"not-utf8-\xff.db")])
async def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    await make_log(tmp_path / name)
    assert (await verify_log(tmp_path / name)).events == 1


async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n" * 100)
    before = contents(tmp_path)
    for read_only in (False, True):
        error = await refused(LogForeign, opening(path, read_only=read_only))
        assert "no log of swarm" in str(error) and "`--log`" in str(error)
    await refused(LogForeign, verify_log(path))
    assert contents(tmp_path) == before


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
async def test_the_database_of_another_program_is_left_alone(tmp_path: Path, journal: str) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA journal_mode={journal}")
        other.execute("CREATE TABLE t(x)")
        other.execute("INSERT INTO t VALUES (1)")
        other.commit()
        before = contents(tmp_path)
        for read_only in (False, True):
            error = await refused(LogForeign, opening(path, read_only=read_only))
            assert "another program" in str(error) and "`--log`" in str(error)
        await refused(LogForeign, verify_log(path))
        assert contents(tmp_path) == before
        other.execute("INSERT INTO t VALUES (2)")
        other.commit()


async def test_what_a_crash_of_another_program_left_is_left_alone(tmp_path: Path) -> None:
    """Its -wal holds committed data: nobody but that program may move it into the file."""
    first, path = tmp_path / "first.db", tmp_path / "crashed" / "other.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(first)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("CREATE TABLE t(x)")
        other.commit()
        for suffix in ("", "-wal"):
            path.with_name(path.name + suffix).write_bytes(first.with_name(first.name + suffix).read_bytes())
    before = contents(path.parent)
    await refused(LogForeign, opening(path))
    await refused(LogForeign, opening(path, read_only=True))
    assert contents(path.parent) == before


async def test_the_log_of_a_newer_program_says_what_to_install(path: Path) -> None:
    await make_log(path)
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version={schema.SCHEMA + 1}")
    before = path.read_bytes()
    for read_only in (False, True):
        error = await refused(LogNewer, opening(path, read_only=read_only))
        assert f"schema {schema.SCHEMA + 1}" in str(error) and "install the newer swarm" in str(error)
    await refused(LogNewer, verify_log(path))
    assert path.read_bytes() == before


async def test_a_folder_is_no_log(tmp_path: Path) -> None:
    for read_only in (False, True):
        assert "not a regular file" in str(await refused(LogUnusable, opening(tmp_path, read_only=read_only)))
    await refused(LogUnusable, verify_log(tmp_path))


async def test_what_is_to_be_read_must_be_there(path: Path) -> None:
    assert "run a task first" in str(await refused(LogUnusable, opening(path, read_only=True)))
    assert "no such file" in str(await refused(LogUnusable, verify_log(path)))
    assert not path.parent.exists()


async def test_an_empty_file_is_made_a_log_by_a_writer_and_explained_to_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.touch(0o600)
    assert "nothing was ever written" in str(await refused(LogUnusable, opening(path, read_only=True)))
    assert "nothing was ever written" in str(await refused(LogUnusable, verify_log(path)))
    await make_log(path)
    assert (await verify_log(path)).ok


@pytest.mark.parametrize("asked", range(len(schema.FORM) + 1))
async def test_a_log_that_is_made_while_somebody_looks_at_it_is_nobody_elses(asked: int, tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA journal_mode=WAL")  # with which a writer begins
    with closing(sqlite3.connect(path)) as looking:
        form = [looking.execute(query).fetchone()[0] for query in schema.FORM[:asked]]
        await make_log(path)
        form += [looking.execute(query).fetchone()[0] for query in schema.FORM[asked:]]
    assert schema.check_form(form, str(path)) in (0, schema.SCHEMA)


MADE_BY_HALVES = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.executescript("PRAGMA cache_size=1; BEGIN; CREATE TABLE t(x)")
connection.executemany("INSERT INTO t VALUES (zeroblob(3000))", [()] * 100)  # more than its cache holds
os._exit(0)
"""


def carry_out(program: str, path: Path) -> None:
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)


async def test_a_file_whose_maker_died_before_its_first_commit_is_made_a_log_as_an_empty_one_is(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.touch(0o600)
    carry_out(MADE_BY_HALVES, path)
    assert path.stat().st_size > 0
    assert "nothing was ever written" in str(await refused(LogUnusable, opening(path, read_only=True)))
    assert "nothing was ever written" in str(await refused(LogUnusable, verify_log(path)))
    await make_log(path)
    assert (await verify_log(path)).ok


async def test_what_another_program_left_in_the_middle_of_a_change_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE u(x)")
    path.chmod(0o600)
    program = MADE_BY_HALVES.replace("CREATE TABLE t(x)", "CREATE TABLE t(x); INSERT INTO u VALUES (1)")
    carry_out(program, path)
    before = contents(tmp_path)
    await refused(LogUnusable, opening(path))
    assert contents(tmp_path) == before


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
async def test_a_file_that_others_may_write_to_is_refused(path: Path, mode: int) -> None:
    await make_log(path)
    path.chmod(mode)
    assert f"chmod go-w {path}" in str(await refused(LogUnusable, opening(path)))
    assert reasons(await everything(await opened_to_read(path))) == ["kept"]


async def opened_to_read(path: Path) -> EventLog:
    """A memory log with what the file holds, so that it outlives the file's connection."""
    from events.memory import MemoryLog

    copy = MemoryLog(clock=lambda: 0)
    async with open_log(path, read_only=True) as log:
        await copy.append([an_event(reason) for reason in reasons(await everything(log))])
    return copy


@contextmanager
def unprivileged_folder() -> Generator[Path]:
    """A folder of a user whom permissions bind, and that user's rights while it is open."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:
        if root:
            os.chown(name, 65534, 65534)
            os.seteuid(65534)
        try:
            yield Path(name)
        finally:
            Path(name).chmod(0o700)
            if root:
                os.seteuid(0)


@pytest.mark.parametrize(("mode", "read_only"), [(0o000, True), (0o000, False), (0o400, False)])
async def test_a_file_that_may_not_be_used_is_explained(mode: int, read_only: bool) -> None:
    with unprivileged_folder() as folder:
        await make_log(folder / "log.db")
        (folder / "log.db").chmod(mode)
        error = await refused(LogUnusable, opening(folder / "log.db", read_only=read_only))
        assert "permissions" in str(error) and "`--log`" in str(error)
        if mode == 0:
            await refused(LogUnusable, verify_log(folder / "log.db"))


async def test_a_folder_that_may_not_be_used_is_explained() -> None:
    with unprivileged_folder() as folder:
        await make_log(folder / "log.db")
        folder.chmod(0o500)
        for name in ("new.db", "sub/new.db"):
            assert "Permission denied" in str(await refused(LogUnusable, opening(folder / name)))
        assert "permissions" in str(await refused(LogUnusable, opening(folder / "log.db")))
        folder.chmod(0o700)
        (folder / "log.db.lock").chmod(0o000)
        assert "log.db.lock" in str(await refused(LogUnusable, opening(folder / "log.db")))


async def test_a_log_that_another_program_locks_is_explained(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "BUSY_S", 0.05)  # how long SQLite waits for programs that do not know our lock
    await make_log(path)
    async with open_log(path) as log:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            error = await refused(LogUnusable, log.append([an_event("refused")]))
            assert "another program holds it locked" in str(error)
            other.execute("ROLLBACK")
        await log.append([an_event("taken")])
        assert reasons(await everything(log)) == ["kept", "taken"]


async def test_a_number_that_the_file_has_no_room_for_fails_its_append_alone(path: Path) -> None:
    async with open_log(path) as log:
        error = await refused(AppendRefused, log.append([an_event("huge", session=1 << 70)]))
        assert "too large" in str(error)
        await log.append([an_event("small")])
        assert reasons(await everything(log)) == ["small"]
    assert (await verify_log(path)).ok


async def test_a_full_disk_is_explained_and_loses_nothing(path: Path) -> None:
    await make_log(path)
    async with open_log(path) as log:
        with closing(sqlite3.connect(path)) as other:
            pages = other.execute("PRAGMA page_count").fetchone()[0]
        await limit_pages(log, pages)
        error: LogError = await refused(LogUnusable, log.append([an_event("x" * 100_000)]))
        assert "disk is full" in str(error) and "nothing that was acknowledged is lost" in str(error)
        await limit_pages(log, 1 << 30)
        await log.append([an_event("room again")])
        assert reasons(await everything(log)) == ["kept", "room again"]
    assert (await verify_log(path)).ok


async def limit_pages(log: EventLog, pages: int) -> None:
    """Let the file grow to so many pages and no further, as a full disk does."""
    from events.sqlite.log import SqliteLog

    assert isinstance(log, SqliteLog)
    connection: sqlite3.Connection = log._writer._connection  # type: ignore[union-attr]  # pyright: ignore
    connection.execute(f"PRAGMA max_page_count={pages}")
