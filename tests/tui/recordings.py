"""Small recorded histories for the commands and the screen that read a log."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import anyio
import msgspec
import pytest

from events.blobs import Known, Pack
from events.log import EventLog, NewEvent, open_log
from events.processes import boot_id, started
from events.types.any import AnyEvent
from events.types.base import Said
from events.types.call import CallFailed, CallReserved, CallSettled, CallUnknown
from events.types.choice import Candidate, ChoiceMade, Excluded
from events.types.session import SessionClaimed, SessionClosed, SessionOpened
from events.types.task import (
    CheckResult,
    StepAccepted,
    StepDrafted,
    StepPlanned,
    StepRejected,
    TaskAccepted,
    TaskFailed,
    TaskSubmitted,
)
from swarm.connect import Roster
from swarm.plan import Plan

START = 1_795_255_200_000_000  # 2026-11-21 10:00:00 UTC
DAY = "day:2026-11-21@UTC"
EVIL = "\x1b]0;pwned\x07\x1b[31m[bold]red[/] \u202egnol.exe"

SETTINGS = msgspec.json.encode(
    Plan(roster=Roster(models=(), providers=()), day_nanos=500_000_000, session_tokens=10_000)
).decode()
"""What the sessions run with: half a dollar a day, 10,000 tokens a session."""


class Clock:
    """A clock that is set; each look at it takes a second."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        self.now += 1_000_000
        return self.now


class Writer:
    """Appends what a session would, with the shortest arguments."""

    def __init__(self, log: EventLog, session: int = 1) -> None:
        self.log, self.session = log, session

    async def add(self, *events: AnyEvent, topic: str = "", task: str = "", step: int = 0, attempt: int = 0) -> int:
        return await self.pack(Pack(Known()), *events, topic=topic, task=task, step=step, attempt=attempt)

    async def pack(
        self, pack: Pack, *events: AnyEvent, topic: str = "", task: str = "", step: int = 0, attempt: int = 0
    ) -> int:
        """Append and return the position of the first event."""
        new = [
            NewEvent(
                event=event,
                topic=topic or f"session/{self.session}",
                session=self.session,
                task=task,
                step=step,
                attempt=attempt,
            )
            for event in events
        ]
        return (await self.log.append(new, texts=pack.texts)).positions[0]

    async def open(
        self, title: str, *, type: str = "direct", pid: int = 0, schedule: str = "", firing: int = 0
    ) -> None:
        """A session that is owned by a process; by default by this one. `firing` is that of a schedule whose
        run it is."""
        pack, pid = Pack(Known()), pid or os.getpid()
        opened = SessionOpened(
            type=type,
            title=title,
            directory="/srv/project",
            version="0",
            settings=pack.put(SETTINGS),
            schedule=schedule,
            firing=firing,
        )
        await self.pack(pack, opened, topic="sessions")
        claim = SessionClaimed(
            owner=f"ann@host, pid {pid}",
            host=socket.gethostname(),
            boot=boot_id(),
            pid=pid,
            started=started(pid),
            epoch=1,
            valid_until=START,
        )
        await self.add(claim, topic=f"claim/{self.session}")

    async def close(self, *, finished: bool = True) -> None:
        closed = SessionClosed(finished=finished, exit_code=0 if finished else 130)
        await self.add(closed, topic=f"claim/{self.session}")

    async def submit(self, task: str, *, title: str = "", needs: tuple[str, ...] = (), spec: str = "{}") -> None:
        pack = Pack(Known())
        submitted = TaskSubmitted(
            spec=pack.put(spec),
            title=title or f"Do {task}",
            decisions=1,
            type="code",
            complexity="simple",
            needs=needs,
        )
        await self.pack(pack, submitted, task=task)

    async def plan(self, task: str, *titles: str) -> None:
        for number, title in enumerate(titles, 1):
            await self.add(StepPlanned(title=title, total=len(titles)), task=task, step=number)

    async def choose(self, task: str, *, model: str, attempt: int = 1) -> None:
        choice = ChoiceMade(
            role="worker",
            context="worker/code",
            agent="coder",
            model=model,
            tier="free",
            policy="trails",
            seed="7",
            candidates=(
                Candidate(agent="coder", model=model, tier="free", accepted=3.0, rejected=1.0, mean=0.75, weight=0.6),
                Candidate(agent="coder", model="other", tier="cheap", mean=0.7, cost_nanos=120_000, weight=0.2),
            ),
            excluded=(Excluded("gold", "a cheaper tier goes first"),),
        )
        await self.add(choice, task=task, step=1, attempt=attempt)

    async def reserve(
        self,
        task: str,
        *,
        model: str = "qwen",
        tokens: int = 2000,
        nanos: int = 0,
        role: str = "worker",
        attempt: int = 1,
        day: str = DAY,
        skills: tuple[str, ...] = (),
    ) -> int:
        pack = Pack(Known())
        reserved = CallReserved(
            role=role,
            agent="coder",
            model=model,
            tier="paid" if nanos else "free",
            messages=(Said("user", pack.put(f"please {task}")),),
            max_output_tokens=500,
            tokens=tokens,
            cost_nanos=nanos,
            price="settings:1/2",
            scopes=(day, f"s{self.session}", f"s{self.session}/{task}"),
            ordinal=1,
            skills=skills,
        )
        return await self.pack(pack, reserved, topic="ledger", task=task, step=1, attempt=attempt)

    async def settle(
        self,
        reservation: int,
        task: str,
        *,
        tokens: tuple[int, int, int] = (900, 100, 80),
        nanos: int = 0,
        attempt: int = 1,
    ) -> None:
        """`tokens` are input, cached and output."""
        pack, (sent, cached, received) = Pack(Known()), tokens
        settled = CallSettled(
            reservation=reservation,
            answer=pack.put(f"answer {reservation}"),
            finish="stop",
            input_tokens=sent,
            cached_tokens=cached,
            output_tokens=received,
            tokens=sent - cached + received,
            cost_nanos=nanos,
            price="settings:1/2",
            duration_ms=1200,
        )
        await self.pack(pack, settled, task=task, step=1, attempt=attempt)

    async def draft(self, task: str, text: str, *, model: str = "qwen", attempt: int = 1) -> None:
        pack = Pack(Known())
        drafted = StepDrafted(draft=pack.put(text), agent="coder", model=model, tier="free")
        await self.pack(pack, drafted, task=task, step=1, attempt=attempt)

    async def reject(self, task: str, reason: str, feedback: str, *, attempt: int = 1) -> None:
        pack = Pack(Known())
        checks = (CheckResult(name="pytest -q", passed=False, detail="1 failed"),)
        rejected = StepRejected(reason=reason, feedback=pack.put(feedback), checks=checks, judge="judge@llama")
        await self.pack(pack, rejected, task=task, step=1, attempt=attempt)

    async def accept(self, task: str, text: str, *, attempt: int = 1) -> None:
        pack = Pack(Known())
        checks = (CheckResult(name="pytest -q", passed=True),)
        accepted = StepAccepted(
            draft=pack.put(text), checks=checks, judge="judge@llama", score=0.9, reason="it does it"
        )
        await self.pack(pack, accepted, task=task, step=1, attempt=attempt)
        pack = Pack(Known())
        await self.pack(pack, TaskAccepted(result=pack.put(text)), task=task)


async def a_session(writer: Writer) -> None:
    """Four tasks: accepted at the second attempt, failed, at work, and waiting for the one at work."""
    await writer.open(f"Mend the parser {EVIL}")
    await writer.submit("build", title=f"Build it {EVIL}")
    await writer.submit("docs")
    await writer.submit("ship", spec='{"id":"ship","prompt":"p","budget":{"tokens":4000}}')
    await writer.submit("tell", needs=("ship",))
    await writer.plan("build", "Build")
    await writer.choose("build", model="qwen")
    first = await writer.reserve("build", tokens=2000)
    await writer.settle(first, "build")
    await writer.draft("build", "first try")
    await writer.reject("build", "a test fails", "look at line 3\nand at line 4")
    again = await writer.reserve("build", model="sonnet", tokens=3000, nanos=5_000_000, attempt=2)
    await writer.settle(again, "build", tokens=(1200, 0, 300), nanos=1_234_567, attempt=2)
    await writer.draft("build", "second try", model="sonnet", attempt=2)
    await writer.accept("build", f"the result {EVIL}\nits second line", attempt=2)
    await writer.plan("docs", "Write")
    lost = await writer.reserve("docs", model="sonnet", tokens=1000, nanos=3_000_000)
    await writer.add(CallUnknown(reservation=lost, reason="cut off"), task="docs", step=1, attempt=1)
    refused = await writer.reserve("docs", model="sonnet", tokens=1000, nanos=3_000_000)
    failed = CallFailed(reservation=refused, failure="stop", reason="HTTP 401", status=401)
    await writer.add(failed, task="docs", step=1, attempt=1)
    await writer.add(TaskFailed(reason="no model took it", cause="no model"), task="docs")
    await writer.plan("ship", "Ship")
    await writer.reserve("ship", tokens=3500)


@asynccontextmanager
async def recording(path: Path) -> AsyncGenerator[Writer]:
    """A log at the path that is written to with a clock of its own, a second an event."""
    async with open_log(path, clock=Clock()) as log:
        yield Writer(log)


async def record(path: Path) -> None:
    """The log of `a_session`, which its owner has let go."""
    async with recording(path) as writer:
        await a_session(writer)
        await writer.close(finished=False)


async def damaged(path: Path, position: int) -> None:
    """The same log, with an event in it that is not what was written."""
    await record(path)
    damage(path, position)


def damage(path: Path, position: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER event_is_a_fact")
        connection.execute("UPDATE event SET body = '{' WHERE position = ?", (position,))


def recorded_log(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of a log of `a_session`, in a home that holds nothing else; times are shown in UTC."""
    at_home(folder, monkeypatch)
    anyio.run(record, folder / "log.db")
    return str(folder / "log.db")


def at_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(folder / "home"))
    monkeypatch.setenv("SWARM_TIME_ZONE", "UTC")
    monkeypatch.chdir(folder)
