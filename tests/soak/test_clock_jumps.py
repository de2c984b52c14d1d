"""A clock that jumps: an hour back, a day forward, over midnight and the change of summer time. Nothing reopens, nothing is lost."""

from __future__ import annotations

import signal
from datetime import datetime
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import anyio
import pytest

from events.log import EventLog, open_log
from events.testing.builders import SetClock
from events.types.call import CallReserved, CallSettled
from events.verify import verify_log
from events.views.base import fold
from events.views.money import MoneyView
from events.views.sessions import SessionsView
from swarm.errors import SessionBusy
from swarm.owner import take_session
from swarm.plan import Plan
from swarm.redact import Secrets
from swarm.replay import replay
from swarm.session import Result, resume_session
from tests.ledger_agents import entries_of, process, said_by, tell
from tests.provider import Answer
from tests.running import DEAR, PASS, Cast, faces, model, money_of, run, serving, state_of

pytestmark = pytest.mark.soak

ZONE = "Europe/Berlin"
DAY_NANOS = 2_600_000  # pays for some of the calls, not for all
FILE = """
tasks:
  a: {prompt: Plan the garden., limits: {attempts: 3}}
  b: {prompt: Plant the garden., needs: a, limits: {attempts: 3}}
  c: {prompt: Water the garden., needs: a, accept: It is wet., limits: {attempts: 3}}
  d: {prompt: Reap the garden., needs: [b, c], limits: {attempts: 3}}
"""


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp() * 1e6)


BEGINNINGS = tuple(
    map(
        at,
        ("2026-11-21T12:00", "2026-11-21T23:59:59.9", "2026-10-25T02:59:59", "2026-03-29T01:59:59", "2026-12-31T23:59"),
    )
)
JUMPS_S = (-3600, -3600, 3600, 86_400, -86_400, 40_000, -40_000, 366 * 86_400, -2, 0.1)


class Jumping(SetClock):
    """A clock that goes on by a millisecond when it is read, and jumps now and then."""

    def __init__(self, random: Random) -> None:
        super().__init__(random.choice(BEGINNINGS))
        self._random, self._still = random, random.choice((0.7, 0.9, 0.97))

    def __call__(self) -> int:
        self.move(0.001 if self._random.random() < self._still else self._random.choice(JUMPS_S))
        return super().__call__()


async def check(log: EventLog, result: Result) -> None:
    """Each call counts in the day in which it was reserved, and no day passes its cap, whichever comes after which."""
    money = MoneyView()
    days: dict[int, str] = {}
    spent: dict[str, int] = {}
    for entry in await entries_of(log):
        money.apply(entry)
        if isinstance(entry.event, CallReserved):
            (day,) = (scope for scope in entry.event.scopes if scope.startswith("day:"))
            days[entry.position] = day
            assert money.scope(day).spent.nanos + money.scope(day).reserved.nanos <= DAY_NANOS, entry
        elif isinstance(entry.event, CallSettled):
            day = days[entry.event.reservation]
            spent[day] = spent.get(day, 0) + entry.event.cost_nanos
    assert not money.open
    assert {day: money.scope(day).spent.nanos for day in spent} == spent
    assert result.cost_nanos == sum(spent.values())
    assert (await replay(log, 1)).divergence is None


async def go_on(log: EventLog, plan: Plan, clock: SetClock) -> Result:
    return await resume_session(
        log, await state_of(log), plan, environ={}, faces=faces(), secrets=Secrets([]), clock=clock
    )


@pytest.mark.cases(12, 600)
async def test_a_run_under_a_clock_that_jumps_ends_and_keeps_to_the_cap_of_each_day(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    clock, stop = Jumping(random), anyio.Event()
    calls = random.randint(1, 8)

    def line(_: object) -> str:
        nonlocal calls
        calls -= 1
        if not calls:
            stop.set()  # as Ctrl-C: what is left is for a resume, when the clock has jumped again
        return PASS

    cast = Cast(worker=[lambda body: line(body) and Answer("A fine result.")], validator=[line])
    paid = model("m1", "paid", price=DEAR)
    async with open_log(tmp_path / "log.db", clock=clock) as log:
        async with serving(cast, paid, day_nanos=DAY_NANOS, time_zone=ZONE, session_tokens=10**6) as (_, plan):
            with anyio.fail_after(30):
                result = await run(log, FILE, plan, tmp_path, looks=faces(stop=stop), clock=clock)
                for _ in range(20):
                    if result.exit_code == 0:
                        break
                    assert result.exit_code in (3, 130), result.tasks
                    clock.move(random.choice((86_400, 86_400 * 3)))  # a day whose cap is reached is waited for
                    result = await go_on(log, plan, clock)
        await check(log, result)
        assert [task.status for task in result.tasks] == ["accepted"] * 4
    assert (await verify_log(tmp_path / "log.db")).ok


async def test_a_day_that_comes_again_is_not_opened_again(tmp_path: Path) -> None:
    clock, asked = SetClock(at("2026-11-21T12:00")), list[int]()
    output = DAY_NANOS * 10**6 // DEAR.output_nanos - 1  # one of them costs as much as four of input
    all_of_it = Answer("Fine.", usage={"prompt_tokens": 4, "completion_tokens": output})
    async with open_log(tmp_path / "log.db", clock=clock) as log:
        paid = model("m1", "paid", price=DEAR)
        async with serving(Cast(worker=[all_of_it]), paid, day_nanos=DAY_NANOS, time_zone=ZONE) as (server, plan):
            for moved in (0, -1, +1, -1, +2, -2):
                clock.move(moved * 86_400)
                before = len(server.requests)
                result = await run(log, "prompt: Write.\nbudget: 1M\n", plan, tmp_path, clock=clock)
                assert (result.exit_code, result.tasks[0].status) == (3, "halted")
                asked.append(len(server.requests) - before)
        money = await money_of(log)
        spent = {name: money.scope(name).spent.nanos for name in money.scopes if name.startswith("day:")}
        assert spent == {f"day:2026-11-2{number}@{ZONE}": DAY_NANOS for number in (1, 2)}
    assert asked == [1, 0, 0, 0, 1, 0], "once on each of the days that began, never on the 20th after the 21st"


@pytest.mark.parametrize("jump_s", [-86_400, -3_600, 0, 3_600, 86_400, 400 * 86_400])
async def test_whether_an_owner_lives_is_no_matter_of_the_clock(jump_s: float, tmp_path: Path) -> None:
    path, clock = tmp_path / "log.db", SetClock(at("2026-11-21T12:00"))
    async with open_log(path, clock=clock) as log, serving(Cast(worker=[]), model("m1")) as (_, plan):
        stop = anyio.Event()
        stop.set()
        await run(log, "prompt: Write.\n", plan, tmp_path, looks=faces(stop=stop), clock=clock)
        async with process("claim", path) as owner:
            tell(owner)
            assert await said_by(owner) == "won"
            clock.move(jump_s)
            with anyio.fail_after(20):
                with pytest.raises(SessionBusy, match=f"process {owner.pid}"):
                    await take(log, clock)
                owner.send_signal(signal.SIGKILL)
                await owner.wait()
                await take(log, clock)
    assert (await verify_log(path)).ok


async def take(log: EventLog, clock: SetClock) -> None:
    state = (await fold(log, SessionsView())).sessions[1]
    await take_session(log, state, settings="{}", project="", clock=clock, take_over=False)
