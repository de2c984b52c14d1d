"""The one place where a model is called: given back from the journal, or made, try for try.

A call is given back where its answer is recorded. Else it gets the answer of an earlier one that asked the same, where the
session may (`swarm/repeats.py`), or it is made (`swarm/tries.py`): slot, then money, then the request; its
answer and the settlement are one append, made before anything acts on the answer. Each try has a reservation of its own.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import anyio
import msgspec

from events.log import Clock, EventLog, system_clock
from events.types.call import CallFailed, CallSettled, CallUnknown
from swarm.cooldowns import Cooldowns
from swarm.errors import BudgetExceeded, ConfirmationNeeded, Failure, NoModelAvailable, ProviderError, SwarmError
from swarm.journal import Attempt, Try
from swarm.messages import Arm, Message, Tier, ToolCall
from swarm.money import ledger as money
from swarm.orders import Answer, Ask, Call, NotWorthIt, Pick, Picker, Terms, answer_to
from swarm.pauses import Pauses
from swarm.sharing import Sharing
from swarm.task import NORMAL
from swarm.text.tokens import likely_tokens
from swarm.tries import LONGEST_PAUSE_S, Connected, Order, Seat, Turn, is_the_end

if TYPE_CHECKING:
    from swarm.repeats import Repeats

FIRST_PAUSE_S = 0.5
NOT_CONFIRMED = "it is paid, and nobody confirmed paid calls"
PATIENCE_S = 60.0
"""Where all models cool down, a call waits as long for one of them."""
MOST_RETURNS = 4
"""So often a call comes back to a model that cooled down in between."""

REFUSES_ALL = (401, 403, 404)  # key, no such model: where nothing but a person helps


async def _no_more(_: BudgetExceeded) -> bool:
    return False


class Calls:
    """Makes the calls of one session."""

    def __init__(
        self,
        *,
        ledger: money.Ledger,
        models: Mapping[str, Connected],
        redact: Callable[[str], str],
        tries: int,
        on_unknown: Literal["repeat", "ask", "fail"],
        confirm: Callable[[Arm], Awaitable[None]],
        ask: Callable[[str], Awaitable[bool]],
        time_zone: str = "",
        patience_s: float = PATIENCE_S,
        repeats: Repeats | None = None,
        clock: Clock = system_clock,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._models, self._tries, self._on_unknown, self._ask = models, tries, on_unknown, ask
        self._patience_s, self._clock, self._sleep, self._repeats = patience_s, clock, sleep, repeats
        servers = {name: each.server for name, each in models.items()}
        self.cooldowns = Cooldowns(servers, clock=clock, time_zone=time_zone)
        self._try = Sharing(ledger=ledger, models=models, cooldowns=self.cooldowns, redact=redact, confirm=confirm)
        self._out: dict[str, str] = {}  # models that will not answer in this session, and why

    @property
    def sharing(self) -> Sharing:
        """What makes one request for the calls of several tasks."""
        return self._try

    @property
    def in_flight(self) -> Mapping[int, Tier]:
        """By reservation the tiers of the models that are to answer."""
        return self._try.in_flight

    @property
    def stopping(self) -> bool:
        """Whether no new call is started."""
        return self._try.stopping

    @stopping.setter
    def stopping(self, stopping: bool) -> None:
        self.pauses.stopping = stopping
        self.pauses.look()

    @property
    def pauses(self) -> Pauses:
        """Where a call waits that would begin while its task is paused."""
        return self._try.pauses

    def for_attempt(
        self,
        attempt: Attempt,
        terms: Callable[[], Terms],
        *,
        turns: int | None = None,
        level: int = NORMAL,
        more: Callable[[BudgetExceeded], Awaitable[bool]] = _no_more,
        seat: Seat | None = None,
    ) -> Call:
        """The call as a role gets it. `level` is how urgent it is, from 0 to 9: 0 goes first. `more` says at a refusal whether
        there is more room by now: then it is made after all. At a `seat` the first one may be made with those of other tasks."""

        async def call(ask: Ask, *, pick: Picker) -> Answer:
            await attempt.flush()
            ordinal, recorded = attempt.next_call()
            answer = await self._given_back(attempt, recorded)
            if answer is None:
                if turns is not None and ordinal > turns:
                    raise SwarmError(f"the attempt has used its {turns} turns")
                first = seat if not recorded else None  # what was tried before is made alone
                if first is None and seat is not None:
                    seat.leave()
                order = Order(
                    attempt=attempt, ask=ask, ordinal=ordinal, terms=terms, more=more, level=level, seat=first
                )
                answer = await self._live(order, pick, recorded)
            attempt.agent = answer.agent
            return answer

        return call

    async def _given_back(self, attempt: Attempt, recorded: Sequence[Try]) -> Answer | None:
        for each in recorded:
            if isinstance(each.outcome, CallSettled) and each.outcome.has_answer:
                return await settled_answer(attempt.log, each, each.outcome)
        return None

    async def _live(self, order: Order, pick: Picker, recorded: Sequence[Try]) -> Answer:
        await self._repeatable(order, recorded)
        tried: dict[str, str] = {}  # models that do not take this request
        lost: Counter[str] = Counter()  # how often a model was given up, which then may have answered others
        nth, patience_s = len(recorded), self._patience_s
        refused: ConfirmationNeeded | None = None
        order, current = await self._pick_of_record(order, recorded) or (order, None)
        while True:
            await self._unpaused(order)
            current = current or self._who(order, pick, tried, nth + 1)
            if current is None:
                if order.seat is not None:
                    order.seat.leave()  # nobody is made to wait with it
                try:
                    patience_s -= await self._wait_for_one(order, pick, tried, nth + 1, patience_s)
                except (NoModelAvailable, NotWorthIt) as nobody:
                    raise refused or nobody from None
                continue
            model = current.arm.model
            try:
                told = msgspec.structs.replace(order, ask=order.ask.told(current.arm.agent))
                outcome, nth = await self._asked(told, current, nth)
            except ConfirmationNeeded as error:
                tried[model], refused = NOT_CONFIRMED, error
                pick, current = _fresh(pick), None
                continue
            current = None
            if isinstance(outcome, Answer):
                return outcome
            if outcome is None:
                continue
            lost[model] += 1
            if self.cooldowns.is_well(model) or lost[model] > MOST_RETURNS:
                out = self._out if _is_out(outcome) else tried
                out[model] = self._try.reason(model, outcome)

    async def _unpaused(self, order: Order) -> None:
        """Wait while the task is paused; nobody waits with it. Raises Stopped."""
        task = order.attempt.state.name
        if order.seat is not None and self.pauses.hold(task):
            order.seat.leave()
        await self.pauses.passed(task)

    def _who(self, order: Order, pick: Picker, tried: Mapping[str, str], nth: int) -> Pick | None:
        """The arm that takes the call. Where all others are barred, that may be one which cools down and costs nothing to ask.

        None also where nobody who is left is worth its cost: one that cools down may be, once it is back.
        """
        barred = {**self._out, **tried}
        found = _worth_it(pick, {**self.cooldowns.bars(), **barred}, nth, order)
        for model in self.cooldowns.worth_asking() if found is None else ():
            found = found or _worth_it(pick, {**self.cooldowns.bars(but=model), **barred}, nth, order)
        return found

    async def _wait_for_one(
        self, order: Order, pick: Picker, tried: Mapping[str, str], nth: int, patience_s: float
    ) -> float:
        """Wait until a model that cools down may be asked again, or until more is known; return the patience that this took.

        What another call is about to find out is waited for in any case. Raises NoModelAvailable where the wait is longer than
        patience or the task's time allow; NotWorthIt where there is nobody to wait for, and those who are left cost too much.
        """
        barred = {**self._out, **tried}

        def is_allowed(model: str) -> bool:
            return _worth_it(pick, {**self.cooldowns.bars(but=model), **barred}, nth, order) is not None

        trial_s, wait_s = self.cooldowns.trial_s(is_allowed), self.cooldowns.wait_s(is_allowed)
        if trial_s is not None:
            await self.cooldowns.changed(self._sleep, trial_s)
            return 0.0
        left_s = anyio.current_effective_deadline() - anyio.current_time()
        if wait_s is None or wait_s > min(patience_s, left_s):
            reasons = {**self.cooldowns.bars(), **barred}
            back = self.cooldowns.first_back(is_allowed)
            if not back:  # waiting does not help: that nobody is worth it comes before that nobody is left
                _pick(pick, reasons, nth, order)
            raise NoModelAvailable(role=order.attempt.role, reasons=reasons, back=back)
        began = self._clock()
        await self.cooldowns.changed(self._sleep, wait_s)
        return (self._clock() - began) / 1_000_000

    async def _asked(self, order: Order, pick: Pick, nth: int) -> tuple[Answer | ProviderError | None, int]:
        """What comes of asking one arm: the answer of an earlier call, where there is one that may be given again."""
        if self._repeats is None or self._try.stopping:
            return await self._with_others(order, pick, nth)
        found = await self._repeats.answer(order, pick, lambda keyed: self._with_others(keyed, pick, nth))
        return (found, nth) if isinstance(found, Answer) else found

    async def _with_others(self, order: Order, pick: Pick, nth: int) -> tuple[Answer | ProviderError | None, int]:
        """Try one arm: at first together with calls of other tasks, where the order has a seat among them."""
        if order.seat is not None and self.cooldowns.trial(pick.arm.model) is None:
            # what is asked beside other questions is not what is asked alone: nobody else is given the answer
            answer, tries = await order.seat.join(msgspec.structs.replace(order, key=None), pick)
            if answer is not None:
                return answer, nth + tries
            if tries:
                nth, pick = nth + tries, msgspec.structs.replace(pick, choice=None)
        return await self._tries_of(order, pick, nth)

    async def _tries_of(self, order: Order, pick: Pick, nth: int) -> tuple[Answer | ProviderError | None, int]:
        """Try one arm as often as its failures are worth waiting for; return what came of it and the number of the last try.

        None where nothing can be said of it: its model cools down by what another call found. One that cools down is tried once.
        """
        model = pick.arm.model
        trial = self.cooldowns.trial(model)
        last = nth + (self._tries if trial is None else 1)
        try:
            while True:
                outcome = await self._try.make(order, Turn(pick, nth + 1, nth + 1 == last, trial))
                if outcome is None:
                    return None, nth
                nth += 1
                if isinstance(outcome, Answer) or is_the_end(outcome, nth == last):
                    return outcome, nth
                pick = msgspec.structs.replace(pick, choice=None)  # it was made once, and stands before the first try
                await self._pause(pick.arm, outcome, nth)
        finally:
            if trial is not None:
                self.cooldowns.end_trial(model)

    async def _repeatable(self, order: Order, recorded: Sequence[Try]) -> None:
        """Return where a call whose last try may have been paid can be made again, by whichever model."""
        if not recorded or not isinstance(recorded[-1].outcome, CallUnknown) or self._on_unknown == "repeat":
            return
        doubt = f"a call of {recorded[-1].reserved.model} for {order.attempt.key} may have been paid and has no answer"
        if self._on_unknown == "fail":
            raise SwarmError(f'{doubt}, and the settings say `on_unknown = "fail"`: it is not made again')
        question = f"{doubt[0].upper()}{doubt[1:]}. Make it again?"
        try:
            allowed = await self._ask(question)
        except ConfirmationNeeded:
            allowed = False
        if not allowed:
            raise ConfirmationNeeded(question, remedy="to make it again, resume with `--yes`")

    async def _pick_of_record(self, order: Order, recorded: Sequence[Try]) -> tuple[Order, Pick] | None:
        """The request and the arm of the last recorded try: a resume takes a recorded request, it never builds it again."""
        if not recorded:
            return None
        last = recorded[-1]
        model = last.reserved.model
        if model not in self._models or model in self._out or self._models[model].price is None:
            return None
        if model in self.cooldowns.bars():
            return None
        if isinstance(last.outcome, CallFailed) and last.outcome.failure != Failure.WAIT:
            return None
        call = last.reserved
        if call.follows:
            messages = (
                order.ask.messages
            )  # it was put together from the record: the calls before it, and what tools said
        else:
            texts = [await order.attempt.log.text(said.text, at=last.position) for said in call.messages]
            messages = tuple(
                Message(said.speaker, text)  # type: ignore[arg-type]  # the log holds what a Message held
                for said, text in zip(call.messages, texts, strict=True)
            )
        asked = msgspec.structs.replace(
            order.ask, messages=messages, by_agent={**order.ask.by_agent, call.agent: messages}
        )
        arm = Arm(agent=call.agent, model=model, tier=call.tier, price=self._models[model].price)  # type: ignore[arg-type]
        why = call.why or "asked again after an interruption"
        return msgspec.structs.replace(order, ask=asked), Pick(arm, why=why, foreseen=call.foreseen)

    async def _pause(self, arm: Arm, error: ProviderError, nth: int) -> None:
        """Wait as the provider asks, else with doubling, jittered pauses."""
        if error.retry_after_s is not None:
            limits = self._models[arm.model].limits
            limits.pause(limits.now() + error.retry_after_s)
            return
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (nth - 1))
        await self._sleep(pause * (0.5 + random.random() / 2))


async def settled_answer(log: EventLog, recorded: Try, settled: CallSettled) -> Answer:
    """The recorded answer to a call."""
    text = await log.text(settled.answer, at=recorded.outcome_at)
    calls: tuple[ToolCall, ...] = ()
    if settled.calls is not None:
        calls = msgspec.json.decode(await log.text(settled.calls, at=recorded.outcome_at), type=tuple[ToolCall, ...])
    return answer_to(recorded.reserved, text, settled.finish, calls)


def _is_out(error: ProviderError) -> bool:
    """Whether the model will answer no call of this session, whatever is asked and however long one waits."""
    return error.failure is Failure.STOP and error.status in REFUSES_ALL


def _fresh(pick: Picker) -> Picker:
    """Picks as the other does, but nobody whose draft of the work was rejected: a person may still allow whom that stands in for."""

    def fresh(excluded: Mapping[str, str], nth: int, input_tokens: int) -> Pick | None:
        found = pick(excluded, nth, input_tokens)
        rejected = {each.arm for each in found.choice.tried} if found is not None and found.choice is not None else ()
        return found if found is not None and found.arm.name not in rejected else None

    return fresh


def _worth_it(pick: Picker, excluded: Mapping[str, str], nth: int, order: Order) -> Pick | None:
    """Who is picked; None where nobody is, no window holds the prompt, or none of them is worth its cost."""
    try:
        return _pick(pick, excluded, nth, order)
    except (NoModelAvailable, NotWorthIt):
        return None


def _pick(pick: Picker, excluded: Mapping[str, str], nth: int, order: Order) -> Pick | None:
    ask = order.ask
    return pick(excluded, nth, likely_tokens(ask.messages, ask.answer_schema, ask.tools))
