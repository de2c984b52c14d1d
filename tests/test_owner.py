"""One owner a session: whoever has the claim writes, and nobody else, be it in another process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from events import processes
from events.log import EventLog, open_log, system_clock
from events.testing.builders import MORNING, SetClock
from events.types.session import SessionClaimed
from events.types.task import TaskCancelled
from events.views.base import fold
from events.views.sessions import Claim, SessionState, SessionsView
from swarm.alive import boot_id, exists, lives, owner_of
from swarm.errors import OwnerLost, SessionBusy
from swarm.owner import VALID_S, Owner, take_session
from tests.ledger_agents import a_session, entries_of, process, said_by, tell


@pytest.fixture(params=["memory", "sqlite"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[EventLog]:
    async with open_log("memory:" if request.param == "memory" else tmp_path / "log.db") as opened:
        yield opened


async def state_of(log: EventLog, session: int = 1) -> SessionState:
    return (await fold(log, SessionsView())).sessions[session]


async def take(log: EventLog, *, take_over: bool = False, state: SessionState | None = None) -> Owner:
    state = state or await state_of(log)
    return await take_session(log, state, settings="{}", project="", clock=system_clock, take_over=take_over)


def my_claim(**changes: Any) -> Claim:
    """The claim of this very process, valid until a minute after MORNING."""
    given: Mapping[str, Any] = {
        "position": 1,
        "owner": "ada@host, process 7",
        "host": socket.gethostname(),
        "boot": boot_id(),
        "pid": os.getpid(),
        "started": processes.started(os.getpid()),
        "epoch": 1,
        "valid_until": MORNING + 60_000_000,
    }
    return Claim(**{**given, **changes})


async def test_sessions_that_are_opened_at_the_same_time_get_numbers_of_their_own(log: EventLog) -> None:
    owners: list[Owner] = []

    async def one() -> None:
        owners.append(await a_session(log))

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(one)
    assert sorted(owner.session for owner in owners) == list(range(1, 9))
    sessions = (await fold(log, SessionsView())).sessions
    assert {number: state.claim.position for number, state in sessions.items() if state.claim} == {
        owner.session: owner.position for owner in owners
    }


async def test_a_session_with_a_living_owner_is_not_taken_and_the_error_says_how_it_could_be(log: EventLog) -> None:
    await a_session(log)
    with pytest.raises(SessionBusy) as caught:
        await take(log)
    assert str(caught.value) == (
        f"session s1 is being run by process {os.getpid()}; look at it with `swarm watch s1`, or take it over with "
        "`swarm resume s1 --take-over`"
    )
    assert caught.value.exit_code == 2


async def test_whoever_was_replaced_cannot_write_one_more_event(log: EventLog) -> None:
    first = await a_session(log)
    second = await take(log, take_over=True)
    assert (first.epoch, second.epoch) == (1, 2)
    before = await log.head()
    for act in (first.append([first.new(TaskCancelled(reason="no"), task="t")]), first.renew(MORNING)):
        with pytest.raises(OwnerLost, match="session s1 was taken over by"):
            await act
    with pytest.raises(OwnerLost):
        await first.close(finished=True, exit_code=0)
    assert await log.head() == before
    await second.append([second.new(TaskCancelled(reason="yes"), task="t")])


async def test_a_session_that_was_let_go_is_taken_by_the_next(log: EventLog) -> None:
    first = await a_session(log)
    await first.close(finished=False, exit_code=3)
    second = await take(log)
    assert (second.session, second.epoch) == (1, 2)
    with pytest.raises(OwnerLost):
        await first.renew(MORNING)


async def test_of_two_that_take_a_session_at_the_same_moment_one_has_it(log: EventLog) -> None:
    await (await a_session(log)).close(finished=False, exit_code=130)
    state = await state_of(log)
    await take(log, state=state)
    with pytest.raises(SessionBusy):
        await take(log, state=state)
    assert sum(isinstance(entry.event, SessionClaimed) for entry in await entries_of(log)) == 2


async def test_of_two_processes_that_take_a_session_one_has_it(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with open_log(path) as log:
        await (await a_session(log)).close(finished=False, exit_code=130)
    with anyio.fail_after(50):
        async with process("claim", path) as one, process("claim", path) as two:
            tell(one)
            tell(two)
            assert sorted([await said_by(one), await said_by(two)]) == ["busy", "won"]


async def test_a_session_whose_owner_was_killed_is_taken_without_force(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with process("hold", path, 10, 100) as other:
        other.kill()
        await other.wait()
        async with open_log(path) as log:
            assert (await take(log)).epoch == 2


async def test_renewing_moves_the_end_of_the_claim_and_takes_nothing_from_it(log: EventLog) -> None:
    owner = await a_session(log)
    await owner.renew(MORNING)
    state = await state_of(log)
    assert state.claim is not None
    assert state.claim.valid_until == MORNING + VALID_S * 1_000_000
    await owner.append([owner.new(TaskCancelled(reason="still mine"), task="t")])


def a_dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


@pytest.mark.parametrize(
    "changes",
    [{"started": 1}, {"boot": "another boot"}],
    ids=["the pid belongs to another process now", "the machine was started anew"],
)
def test_an_owner_is_known_by_pid_start_time_and_boot(changes: dict[str, Any]) -> None:
    assert exists(my_claim(), MORNING)
    assert lives(my_claim(), MORNING)
    assert not exists(my_claim(**changes), MORNING)
    assert not lives(my_claim(**changes), MORNING)


def test_an_owner_whose_process_has_ended_is_gone() -> None:
    claim = my_claim(pid=a_dead_pid())
    assert not exists(claim, MORNING)
    assert owner_of(claim) == f"a process that has just ended (pid {claim.pid})"


def test_an_owner_that_does_not_renew_exists_but_is_not_waited_for() -> None:
    clock = SetClock()
    clock.move(61)
    assert exists(my_claim(), clock())
    assert not lives(my_claim(), clock())


def test_an_owner_on_another_machine_counts_as_living_until_its_claim_ends() -> None:
    clock = SetClock()
    claim = my_claim(host="elsewhere", pid=a_dead_pid())
    assert exists(claim, clock())
    assert lives(claim, clock())
    assert owner_of(claim) == "ada@host, process 7"
    clock.move(61)
    assert not exists(claim, clock())
