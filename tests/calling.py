"""Calls of one attempt on a log of its own, with time that passes only where somebody sleeps."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel

from events.log import Entry, EventLog, open_log, system_clock
from events.testing.builders import submitted
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.views.base import fold
from events.views.money import MoneyView
from events.views.sessions import Claim
from events.views.tasks import TasksView
from swarm.alive import lives
from swarm.calls import Calls
from swarm.errors import ConfirmationNeeded
from swarm.journal import Attempt, Recorded
from swarm.messages import FREE, Arm, Message, Price
from swarm.models.base import Model
from swarm.models.limits import Allowance, Limits
from swarm.money.caps import Cap
from swarm.money.ledger import Ledger
from swarm.orders import Answer as Said
from swarm.orders import Ask, Call, Pick, Terms
from swarm.owner import Owner
from swarm.text.tokens import most_tokens
from swarm.tries import Connected
from tests.ledger_agents import a_session, entries_of
from tests.running import DEAR

ASK = Ask(messages=(Message("system", "Be brief."), Message("user", "Say hello.")), output_tokens=100)
INPUT = most_tokens(ASK.messages)
MOST = INPUT + 100
"""What a try of ASK reserves."""


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []
        self.then: Callable[[float], None] = lambda _: None  # what happens while somebody sleeps for so long

    def __call__(self) -> float:
        return self.now

    def micros(self) -> int:
        return round(self.now * 1_000_000)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.then(seconds)
        await anyio.lowlevel.checkpoint()


def arm(model: str, price: Price | None = FREE) -> Arm:
    return Arm(agent="maker", model=model, tier="free" if price == FREE else "paid", price=price)


def in_order(*arms: Arm) -> Any:
    """Picks the first arm that is not excluded."""

    def pick(excluded: Mapping[str, str], nth: int, input_tokens: int) -> Pick | None:
        return next((Pick(each, why="the first") for each in arms if each.model not in excluded), None)

    return pick


class Desk:
    """Calls of one attempt after another, on one log."""

    def __init__(
        self, log: EventLog, owner: Owner, ledger: Ledger, models: Mapping[str, Connected], clock: Clock, **more: Any
    ) -> None:
        self.log, self.owner, self.ledger, self.clock = log, owner, ledger, clock
        self.caps: tuple[Cap, ...] = (Cap(scope="day"), Cap(scope="s1"))
        self.asked_about: list[str] = []
        self.questions: list[str] = []
        self.yes: bool | None = None  # what a person says to them; None: nobody can be asked
        self.recorded = Recorded()

        async def confirm(arm: Arm) -> None:
            self.asked_about.append(arm.model)

        async def ask(question: str) -> bool:
            self.questions.append(question)
            if self.yes is None:
                raise ConfirmationNeeded(question, remedy="sit down at a terminal")
            return self.yes

        given: dict[str, Any] = {"tries": 3, "on_unknown": "repeat", "confirm": confirm, "ask": ask, "redact": str}
        given |= {"clock": clock.micros, "sleep": clock.sleep}
        self.calls = Calls(ledger=ledger, models=models, **(given | more))

    async def call(self, *arms: Arm, ask: Ask = ASK, pick: Any = None, turns: int | None = None, **more: Any) -> Said:
        """One call, its settlement appended."""
        call, attempt = await self.begun(turns=turns, **more)
        try:
            return await call(ask, pick=pick or in_order(*arms))
        finally:
            with anyio.CancelScope(shield=True):
                await attempt.flush()

    async def begun(self, **more: Any) -> tuple[Call, Attempt]:
        """An attempt, and how it calls."""
        tasks = (await fold(self.log, TasksView())).of(self.owner.session)
        attempt = Attempt(self.owner, tasks["t"], step=1, attempt=1, role="worker", recorded=self.recorded)

        def terms() -> Terms:
            return Terms(named=("day", "s1"), caps=self.caps)

        return self.calls.for_attempt(attempt, terms, **more), attempt

    async def money(self) -> MoneyView:
        return await fold(self.log, MoneyView())

    async def tries(self) -> list[tuple[str, int, str]]:
        """Model, number of the try and its end, in the order of the reservations."""
        ends: dict[int, str] = {}
        entries = await entries_of(self.log)
        for entry in entries:
            if isinstance(entry.event, CallSettled | CallFailed | CallReleased | CallUnknown):
                ends[entry.event.reservation] = entry.kind.removeprefix("call.")
        return [
            (entry.event.model, entry.event.nth, ends[entry.position])
            for entry in entries
            if isinstance(entry.event, CallReserved) and entry.topic == "ledger" and entry.event.role == "worker"
        ]

    async def only(self, kind: type) -> list[Entry]:
        return [entry for entry in await entries_of(self.log) if isinstance(entry.event, kind)]


@asynccontextmanager
async def desk(
    models: Sequence[Model],
    *,
    price: Price = DEAR,
    at_once: int = 8,
    tokens_a_minute: int | None = None,
    beside: Desk | None = None,
    **more: Any,
) -> AsyncGenerator[Desk]:
    """A desk for models: the first is free, the others have a price. `beside` another it has a session of its own on that one's
    log, with its clock."""

    def lives_now(claim: Claim) -> bool:
        return lives(claim, system_clock())

    clock = beside.clock if beside else Clock()
    async with AsyncExitStack() as stack:
        log = beside.log if beside else await stack.enter_async_context(open_log("memory:"))
        connected: dict[str, Connected] = {}
        for number, model in enumerate(models):
            await stack.enter_async_context(model)
            allowance = Allowance(at_once=at_once, tokens_a_minute=tokens_a_minute)
            limits = Limits(allowance, now=clock, sleep=clock.sleep)
            connected[model.name] = Connected(model, limits, price=price if number else FREE)
        owner = await a_session(log)
        await owner.append([owner.new(submitted(), task="t")])
        ledger = Ledger(log, lives=lives_now)
        ledger.fold(await entries_of(log))
        found = Desk(log, owner, ledger, connected, clock, **more)
        await found.calls.cooldowns.recall(log)
        yield found
