"""Several processes on one log: they write in turn, die at any moment and are stopped, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from events.log import LogBusy
from events.processes import boot_id, describe, is_dead, is_stopped, started
from events.sqlite.log import open_sqlite
from events.testing.contract import an_event, everything, reasons, refused
from events.verify import verify_log

ROOT = Path(__file__).parents[2]


@contextmanager
def child(*arguments: object) -> Generator[subprocess.Popen[str]]:
    """A process that runs `tests/events/child.py`; it is gone afterwards."""
    command = [sys.executable, "-m", "tests.events.child", *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def until(process: subprocess.Popen[Any], state: int) -> None:
    """Wait for the process to be stopped or to end, and leave it to be reaped."""
    os.waitid(os.P_PID, process.pid, state | os.WNOWAIT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


async def test_four_processes_append_and_every_acknowledged_event_is_there_once(path: Path) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(child("append", path, name, 2000)) for name in "abcd"]
        said = [process.communicate() for process in processes]
    assert [errors for _, errors in said] == [""] * 4
    acknowledged = [reason for lines, _ in said for reason in lines.split()]
    assert len(acknowledged) == 8000
    async with open_sqlite(path, read_only=True) as log:
        stored = reasons(await everything(log))
        head = await log.head()
    assert sorted(stored) == sorted(acknowledged)
    report = await verify_log(path, kept=head)
    assert report.ok and report.events == 8000, report.problems[:3]


async def kill_in_the_middle(path: Path, kills: int) -> None:
    random, acknowledged = Random(7), set[str]()
    for index in range(kills):
        with child("append", path, f"writer{index}", 100_000) as process:
            for _ in range(random.randrange(1, 400)):
                acknowledged.add(line(process))
            process.kill()
            assert process.stdout is not None
            # the last line may be cut; all that are whole were said after the commit
            acknowledged.update(process.stdout.read().splitlines()[:-1])
    async with open_sqlite(path) as log:
        await log.append([an_event("it goes on")])
        stored = reasons(await everything(log))
    assert len(stored) == len(set(stored)) and acknowledged <= set(stored)
    report = await verify_log(path)
    assert report.ok, report.problems[:3]


async def test_a_writer_that_is_killed_loses_nothing_that_was_acknowledged(path: Path) -> None:
    await kill_in_the_middle(path, 20)


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_a_thousand_kills_lose_nothing_that_was_acknowledged(path: Path, request: pytest.FixtureRequest) -> None:
    if "soak" not in str(request.config.getoption("-m")):
        pytest.skip("the long form; run it with -m soak")
    await kill_in_the_middle(path, 1000)


async def test_a_stopped_holder_is_named_with_what_to_do(path: Path) -> None:
    with child("hold", path) as holder:
        assert line(holder) == "held"
        holder.send_signal(signal.SIGSTOP)
        until(holder, os.WSTOPPED)
        async with open_sqlite(path, lock_timeout_s=0.1) as log:
            error = await refused(LogBusy, log.append([an_event("refused")]))
            assert f"process {holder.pid}, which is stopped" in str(error)
            assert f"kill -CONT {holder.pid}" in str(error) and "0.1 s" in str(error)
        holder.send_signal(signal.SIGCONT)
        said, _ = holder.communicate("\n")
        assert said == "let go\n"
        async with open_sqlite(path, lock_timeout_s=20) as log:
            await log.append([an_event("taken")])
            assert reasons(await everything(log)) == ["taken"]


async def test_the_death_of_the_holder_frees_the_log(path: Path) -> None:
    with child("hold", path) as holder:
        assert line(holder) == "held"
        async with open_sqlite(path, lock_timeout_s=0.05) as log:
            busy = await refused(LogBusy, log.append([an_event("refused")]))
            assert f"process {holder.pid}" in str(busy) and "stopped" not in str(busy)
            holder.kill()
            holder.wait()
            await log.append([an_event("free")])
            assert reasons(await everything(log)) == ["free"]


async def test_a_second_opening_in_a_process_does_not_give_its_locks_away(path: Path) -> None:
    """The last one that closes a log removes its -wal: no other process may think that it is the last."""
    async with open_sqlite(path) as log:
        await log.append([an_event("one")])
        async with open_sqlite(path):
            pass
        with child("open", path) as other:
            assert other.communicate() == ("1\n", "")
        assert path.with_name("log.db-wal").exists()
        await log.append([an_event("two")])
        with child("open", path) as other:
            assert other.communicate() == ("2\n", "")
    assert (await verify_log(path)).events == 2


def test_a_process_is_told_from_another_with_its_pid() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert started(other.pid) >= started(os.getpid()) > 0
        assert not is_dead(other.pid) and not is_stopped(other.pid)
        other.kill()
        until(other, os.WEXITED)
        assert is_dead(other.pid) and "just ended" in describe(other.pid)
    assert started(other.pid) == 0 and describe(0) == "another process"
    assert boot_id() == boot_id() != ""
