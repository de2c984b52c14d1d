"""Agents that do nothing but reserve and settle, in the test's own loop or as a process of their own.

python -m tests.ledger_agents crowd LOG SEED COUNT CAP    reserves and settles at random, then says what became of each
python -m tests.ledger_agents hold LOG TOKENS CAP         reserves, says so, and settles at nothing when it is told to
python -m tests.ledger_agents claim LOG                   takes session 1, says whether it has it, and stays until told to go

They say `ready` when they have opened the log, and go on when they read a line.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec

from events.blobs import Pack
from events.bus import read_all
from events.log import Entry, EventLog, NewEvent, open_log, system_clock
from events.scopes import LOG
from events.testing.builders import failed, opened, reserved, settled, unknown
from events.views.base import fold
from events.views.money import MoneyView
from events.views.sessions import Claim, SessionsView
from swarm.alive import lives
from swarm.errors import BudgetExceeded, SessionBusy
from swarm.messages import Price
from swarm.money.caps import Cap, Grant, Need
from swarm.money.ledger import TOPIC, Intent, Ledger, Reserved
from swarm.owner import SESSIONS, Owner, new_event, open_session, take_session

SCOPES = ("day", "s", "t")
PRICE = Price(row="p", input_nanos=10**6, output_nanos=10**6)  # one nano-dollar a token


def a_need(tokens: int, *caps: Cap, least: int | None = None, price: Price = PRICE) -> Need:
    """A call of `tokens` in all, a tenth of them input; what is left is to be had whole, unless `least` says less."""
    given = tokens // 10
    asked = tokens - given
    least_ = asked if least is None else least
    return Need(
        scopes=tuple(cap.scope for cap in caps),
        caps=caps,
        price=price,
        input_tokens=given,
        output_tokens=asked,
        least_output_tokens=least_,
    )


class Agent:
    """One that asks the ledger for money until it has it or is refused."""

    def __init__(self, ledger: Ledger, owner: Owner, need: Need, *, task: str = "t", durable: bool = False) -> None:
        self.ledger, self.owner, self.need, self.task, self.durable = ledger, owner, need, task, durable
        self.waits = anyio.Event()  # set when it was told to wait

    async def reserve(self) -> Reserved:
        ticket = self.ledger.ticket()
        try:
            while True:
                answer = await self.ledger.reserve(self.need, self._intent, ticket=ticket, claim=self.owner.claim)
                if isinstance(answer, Reserved):
                    return answer
                self.waits.set()
                await self.ledger.room(ticket=ticket)
        finally:
            self.ledger.give_up(ticket)

    def _intent(self, need: Need, grant: Grant) -> Intent:
        pack = Pack(self.owner.known)
        call = reserved(tokens=grant.tokens, cost_nanos=grant.nanos, scopes=need.scopes)
        event = self.owner.new(call, task=self.task, topic=TOPIC)
        return Intent(events=[event], reserved=0, texts=pack.texts, durable=self.durable)

    async def settle(self, held: Reserved, tokens: int = 0) -> None:
        await self.append(settled(held.position, tokens=tokens, cost_nanos=tokens))

    async def append(self, event: object) -> None:
        new: NewEvent = self.owner.new(event, task=self.task)  # type: ignore[arg-type]
        await self.owner.append([new])

    async def live(self, luck: random.Random) -> str:
        """Reserve, take a while, and settle, fail or vanish. Returns what became of it."""
        await _dawdle(luck)
        try:
            held = await self.reserve()
        except BudgetExceeded:
            return "refused"
        await _dawdle(luck)
        match luck.choice(["settled", "settled", "settled", "failed", "unknown"]):
            case "settled":
                await self.settle(held, luck.randint(0, held.grant.tokens))
            case "failed":
                await self.append(failed(held.position))
            case _:
                await self.append(unknown(held.position))
        return "granted"


async def _dawdle(luck: random.Random) -> None:
    for _ in range(luck.randint(0, 8)):
        await anyio.lowlevel.checkpoint()


async def crowd(log: EventLog, seed: int, *, count: int, cap: int, durable: bool = False) -> dict[str, int]:
    """Let `count` agents of one session run to their ends under caps that pay for five of their calls; count the ends."""
    luck = random.Random(seed)
    each = cap // 5
    ends = {"granted": 0, "refused": 0}
    async with session(log) as (owner, ledger):

        async def one(number: int) -> None:
            caps = (Cap(scope="day", nanos=cap), Cap(scope="s", tokens=cap), Cap(scope=f"t{number % 3}", tokens=cap))
            need = a_need(luck.randint(each // 2, each), *caps, least=luck.choice([None, 1, each // 4]))
            ends[await Agent(ledger, owner, need, durable=durable).live(luck)] += 1

        async with anyio.create_task_group() as agents:
            for number in range(count):
                agents.start_soon(one, number)
    return ends


async def a_session(log: EventLog) -> Owner:
    """A session without tasks, owned by this process."""

    def opening(number: int) -> list[NewEvent]:
        return [new_event(opened(), number, "", topic=SESSIONS)]

    return await open_session(log, opening, project="", clock=system_clock, texts=())


@asynccontextmanager
async def session(log: EventLog) -> AsyncGenerator[tuple[Owner, Ledger]]:
    """A session of this process, and a ledger that has read the log."""

    def lives_now(claim: Claim) -> bool:
        return lives(claim, system_clock())

    owner = await a_session(log)
    ledger = Ledger(log, lives=lives_now)
    async for entries in read_all(log):
        ledger.fold(entries)
    yield owner, ledger
    await owner.close(finished=True, exit_code=0)


@asynccontextmanager
async def process(*arguments: object) -> AsyncGenerator[asyncio.subprocess.Process]:
    """This module as another process, which has said that it is ready."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.ledger_agents", *map(str, arguments)),
        cwd=Path(__file__).parents[1],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert await said_by(started) == "ready"
        yield started
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


def tell(started: asyncio.subprocess.Process) -> None:
    assert started.stdin is not None
    started.stdin.write(b"go on\n")


async def said_by(started: asyncio.subprocess.Process) -> str:
    assert started.stdout is not None
    return (await started.stdout.readline()).decode().strip()


async def entries_of(log: EventLog) -> list[Entry]:
    return [entry async for page in read_all(log) for entry in page]


async def check_never_over(log: EventLog, cap: int) -> MoneyView:
    """Fold the log event by event: in no scope is more spent and reserved than its cap, in tokens and in money."""
    money = MoneyView()
    for entry in await entries_of(log):
        money.apply(entry)
        capped = (scope for scope in money.scopes.items() if scope[0] != LOG)  # of which nobody said anything
        for name, scope in capped:
            held = (scope.spent.tokens + scope.reserved.tokens, scope.spent.nanos + scope.reserved.nanos)
            assert max(held) <= cap, f"{name} holds {held} of {cap} at position {entry.position}"
    return money


async def _told(say: str = "ready") -> str:
    print(say, flush=True)  # noqa: T201
    return await anyio.to_thread.run_sync(sys.stdin.readline)


async def _claim(log: EventLog) -> str:
    state = (await fold(log, SessionsView())).sessions[1]
    try:
        await take_session(log, state, settings="{}", project="", clock=system_clock, take_over=False)
    except SessionBusy:
        return "busy"
    return "won"


async def _main(what: str, url: str, *numbers: int) -> None:
    async with open_log(url) as log:
        if what == "crowd":
            seed, count, cap = numbers
            await _told()
            print(msgspec.json.encode(await crowd(log, seed, count=count, cap=cap)).decode())  # noqa: T201
            return
        if what == "claim":
            await _told()
            await _told(await _claim(log))
            return
        tokens, cap = numbers
        async with session(log) as (owner, ledger):
            agent = Agent(ledger, owner, a_need(tokens, Cap(scope="day", tokens=cap)))
            held = await agent.reserve()
            await _told()
            await agent.settle(held)


if __name__ == "__main__":
    anyio.run(_main, sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
