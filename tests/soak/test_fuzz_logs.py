"""Log files that something has damaged: they are read, verified, folded and written to, or refused with a clear error."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import anyio
import pytest

from events.log import LogCorrupt, LogError, open_log
from events.testing.builders import new
from events.testing.contract import everything
from events.testing.histories import EXCERPT, history
from events.types.base import TextRef
from events.types.task import TaskCancelled
from events.verify import verify_log
from events.views.attempts import AttemptsView
from events.views.base import View, fold
from events.views.cost import CostView
from events.views.money import MoneyView
from events.views.sessions import SessionsView
from events.views.tasks import TasksView
from events.views.trails import TrailsView
from swarm.errors import SwarmError
from swarm.replay import replay
from tests.running import Cast, run, serving
from tests.soak.mutations import luck, told

pytestmark = pytest.mark.soak

GOLDEN = Path(__file__).parents[1] / "data" / "golden-1.db"
VIEWS: tuple[Callable[[], View], ...] = (MoneyView, TasksView, CostView, SessionsView, TrailsView, AttemptsView)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Logs that nothing has happened to: an old one, one of two sessions, one of a run, and one whose tail is in its WAL."""
    folder = tmp_path_factory.mktemp("sound")
    return anyio.run(_make, folder)


async def _make(folder: Path) -> list[Path]:
    old, told_, ran, open_ = (folder / f"{name}.db" for name in ("old", "told", "ran", "open"))
    shutil.copy(GOLDEN, old)
    async with open_log(told_) as log:
        for events, texts in history(Random(1), sessions=2):
            await log.append(events, texts=texts)
    (folder / "project").mkdir()
    file = f"tasks:\n  a: {{prompt: Plan. {EXCERPT * 9}, explore: true}}\n  b: {{prompt: Do., needs: a}}\n"
    async with open_log(ran) as log, serving(Cast()) as (_, plan):
        await run(log, file, plan, folder / "project")
    async with open_log(folder / "source.db") as log:
        for events, texts in history(Random(2), sessions=1):
            await log.append(events, texts=texts)
        for ending in ("", "-wal"):
            shutil.copy(folder / f"source.db{ending}", f"{open_}{ending}")
    return [old, told_, ran, open_]


def damage(content: bytes, random: Random) -> bytes:
    said = bytearray(content)
    match random.randrange(8):
        case 0:
            del said[random.randrange(len(said)) :]
        case 1:
            said += random.randbytes(random.choice((1, 100, 5000)))
        case 2:
            page = 2048 * random.randrange(max(1, len(said) // 2048))
            said[page : page + 2048] = bytes(len(said[page : page + 2048]))
        case 3:
            one, other = (2048 * random.randrange(max(1, len(said) // 2048)) for _ in range(2))
            said[one : one + 2048], said[other : other + 2048] = said[other : other + 2048], said[one : one + 2048]
        case 4:
            for _ in range(random.choice((1, 3))):
                said[random.randrange(min(100, len(said)))] ^= 1 << random.randrange(8)
        case 5:
            at = random.randrange(len(said))
            said[at : at + 20] = random.choice((b"\x00", b"\xff", b"[", b'"', b"\xc3")) * 20
        case _:
            for _ in range(random.choice((1, 1, 1, 10, 200))):
                said[random.randrange(len(said))] ^= random.randrange(1, 256)
    return bytes(said)


async def use(path: Path, random: Random) -> None:
    """Do with the log what programs do; nothing but LogError may come of it."""
    async with open_log(path, read_only=True) as log:
        await log.head()
        entries = await everything(log)
        for view in VIEWS:
            await fold(log, view())
        for entry in entries[:5]:
            await log.last(entry.topic)
            await log.text(TextRef("x"), at=entry.position)
    if random.random() < 0.5:
        async with open_log(path) as log:
            await log.append([new(TaskCancelled(reason="more"), topic="s1")], durable=True)
            await log.head()


@pytest.mark.cases(2, 60)
async def test_a_damaged_log_is_read_and_written_to_or_refused_with_a_reason(
    seed: int, tmp_path: Path, sound: list[Path]
) -> None:
    for number, random in luck(seed):
        source = random.choice(sound)
        copy = tmp_path / f"{number}.db"
        wal = source.with_name(source.name + "-wal")
        hit = random.choice((source, wal)) if wal.exists() else source
        for each in (source, wal):
            if each.exists():
                content = each.read_bytes()
                copy.with_name(each.name.replace(source.name, copy.name)).write_bytes(
                    damage(content, random) if each == hit and content else content
                )
        copy.chmod(0o600)
        with told(seed=seed, number=number, source=source.name, hit=hit.name):
            try:
                report = await verify_log(copy)
                for problem in report.problems:
                    (problem.where + problem.what).encode()
            except LogError as error:
                check(error)
            try:
                await use(copy, random)
            except LogError as error:
                check(error)


def check(error: SwarmError | LogError) -> None:
    said = str(error)
    said.encode()
    assert said.strip() and "Traceback" not in said


@pytest.mark.cases(1, 20)
async def test_a_run_or_a_replay_on_a_damaged_log_ends_with_a_result_or_a_reason(
    seed: int, tmp_path: Path, sound: list[Path]
) -> None:
    (tmp_path / "project").mkdir()
    for number, random in luck(seed):
        source = random.choice(sound[:3])
        copy = tmp_path / f"{number}.db"
        copy.write_bytes(damage(source.read_bytes(), random))
        copy.chmod(0o600)
        with told(seed=seed, number=number, source=source.name):
            try:
                async with open_log(copy) as log, serving(Cast()) as (_, plan):
                    if source.stem == "ran":
                        await replay(log, 1)
                    with anyio.fail_after(20):
                        await run(log, "prompt: Write.\n", plan, tmp_path / "project")
            except (LogError, SwarmError) as error:
                check(error)


@pytest.mark.parametrize("topic", ["ledger", "sessions"])
async def test_a_log_that_contradicts_itself_is_said_to_be_damaged_and_not_asked_for_ever(
    topic: str, tmp_path: Path
) -> None:
    path, root = tmp_path / "log.db", tmp_path / "project"
    root.mkdir()
    async with serving(Cast()) as (_, plan):
        for _ in range(2):
            async with open_log(path) as log:
                await run(log, "prompt: Write.\n", plan, root)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("DROP TRIGGER event_is_a_fact")
            connection.execute(  # its first event seems to be its last
                "UPDATE event SET previous = 1000000 WHERE position = (SELECT min(position) FROM event"
                " WHERE topic = (SELECT id FROM name WHERE text = ?))",
                (topic,),
            )
            connection.commit()
        async with open_log(path) as log:
            with anyio.fail_after(20), pytest.raises(LogCorrupt, match="swarm verify"):
                await run(log, "prompt: Write.\n", plan, root)
