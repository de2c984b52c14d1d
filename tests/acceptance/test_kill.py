"""A run that is killed goes on from its log: same result, no recorded answer is paid twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from events.log import Entry, open_log
from events.types.call import CallReserved, CallSettled, CallUnknown
from events.verify import verify_log
from events.views.base import fold
from events.views.money import MoneyView
from events.views.sessions import SessionsView
from events.views.tasks import TasksView
from swarm.replay import replay
from tests import forked
from tests.provider import Provider, provider_thread
from tests.team import asked_more_than_once, play, swarm

SCRIPT = Path(__file__).with_name("three_tasks.py")
NEVER = 10_000
LAST = 34  # events of the run; `test_the_run_has_no_event_that_is_not_tried` sees that it is right


def run_until(position: int, folder: Path, provider: Provider) -> int:
    """Run the three tasks in a process that kills itself at a position; return its exit code."""
    done = forked.run(
        [str(SCRIPT), str(folder / "log.db"), provider.url, str(position)],
        cwd=folder,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(SCRIPT.parents[2])},
        timeout=50,
    )
    assert done.returncode in (0, -9), done.stderr
    return done.returncode


def resumed(folder: Path) -> dict[str, Any]:
    done = swarm("resume", "--json", "--log", str(folder / "log.db"), home=folder, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout else {}


async def entries_of(folder: Path) -> list[Entry]:
    async with open_log(folder / "log.db", read_only=True) as log:
        return await log.read(limit=1000)


async def result_of(folder: Path) -> dict[str, tuple[str, str]]:
    async with open_log(folder / "log.db", read_only=True) as log:
        view = await fold(log, TasksView())
        return {
            name: (task.status, await log.text(task.result.ref, at=task.result.at) if task.result else "")
            for name, task in view.of(1).items()
        }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A run that nobody disturbed, and how many requests it made."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with provider_thread(play) as provider:
        assert run_until(NEVER, folder, provider) == 0
        return folder, len(provider.requests)


async def test_the_run_has_no_event_that_is_not_tried(undisturbed: tuple[Path, int]) -> None:
    folder, _ = undisturbed
    assert len(await entries_of(folder)) == LAST


@pytest.mark.parametrize("position", range(2, LAST + 1))
async def test_a_run_killed_after_any_event_ends_with_the_same_result_and_pays_for_no_answer_twice(
    position: int, tmp_path: Path, undisturbed: tuple[Path, int]
) -> None:
    reference, requests = undisturbed
    with provider_thread(play) as provider:
        assert run_until(position, tmp_path, provider) == -9
        resumed(tmp_path)
        assert len(provider.requests) == requests
        assert asked_more_than_once(provider.requests) == {}
    assert await result_of(tmp_path) == await result_of(reference)
    assert (tmp_path / "garden.txt").read_text() == (reference / "garden.txt").read_text()
    async with open_log(tmp_path / "log.db", read_only=True) as log:
        money = await fold(log, MoneyView())
        sessions = await fold(log, SessionsView())
        played = await replay(log, 1)
    assert not money.open
    assert sessions.sessions[1].finished
    assert played.divergence is None
    assert (await verify_log(tmp_path / "log.db")).ok


@pytest.mark.parametrize("nth", [1, 2, 4])
async def test_a_call_in_flight_at_a_kill_stays_charged_and_is_asked_again_under_a_second_reservation(
    nth: int, tmp_path: Path, undisturbed: tuple[Path, int]
) -> None:
    _, requests = undisturbed
    running: list[subprocess.Popen[bytes]] = []

    def kill_at_nth(body: dict[str, Any]) -> Any:
        if len(provider.requests) == nth and running[0].poll() is None:
            running[0].kill()
        return play(body)

    with provider_thread(kill_at_nth) as provider:
        environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(SCRIPT.parents[2])}
        words = [sys.executable, "-P", str(SCRIPT), str(tmp_path / "log.db"), provider.url, str(NEVER)]
        with subprocess.Popen(words, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL) as process:
            running.append(process)
            assert process.wait(50) == -9
        told = resumed(tmp_path)
        assert len(provider.requests) == requests + 1
        assert list(asked_more_than_once(provider.requests).values()) == [2]
    assert sum(task["maybe_paid"] for task in told["tasks"]) == 1
    entries = await entries_of(tmp_path)
    unknown = [entry.event for entry in entries if isinstance(entry.event, CallUnknown)]
    reserved = {entry.position: entry.event for entry in entries if isinstance(entry.event, CallReserved)}
    settled = [entry.event for entry in entries if isinstance(entry.event, CallSettled)]
    assert len(unknown) == 1
    lost = reserved[unknown[0].reservation]
    again = [call for call in reserved.values() if call.messages == lost.messages]
    assert sorted(call.nth for call in again) == [1, 2]
    async with open_log(tmp_path / "log.db", read_only=True) as log:
        money = await fold(log, MoneyView())
    spent = money.scope("s1").spent
    assert spent.nanos == lost.cost_nanos + sum(call.cost_nanos for call in settled)
    assert spent.tokens == lost.tokens + sum(call.tokens for call in settled)
    assert money.scope("s1").maybe_paid.nanos == lost.cost_nanos > 0
    shown = swarm("show", "s1", "--log", str(tmp_path / "log.db"), home=tmp_path, cwd=tmp_path)
    assert "maybe paid" in shown.stdout
