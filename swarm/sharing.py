"""One request for the calls of several tasks: each has a reservation, a settlement and an answer of its own in the record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import NamedTuple

import anyio
import msgspec

from events.blobs import Pack
from events.log import Ack, Conflict, NewEvent
from events.types.call import MISSING, CallFailed, CallReleased, CallUnknown
from swarm.cooldowns import is_down
from swarm.errors import BudgetExceeded, Failure, ProviderError
from swarm.messages import Message, Reply, Request
from swarm.models.limits import Slot
from swarm.money import ledger as money
from swarm.money.apportion import apportioned, bills
from swarm.money.bill import Bill, bill, overrun
from swarm.money.caps import Grant, Need, Wait
from swarm.money.foresight import fitting
from swarm.orders import Answer, Pick
from swarm.prompts.batch import results_in, results_schema, shared_messages
from swarm.reservation import Share
from swarm.text.tokens import likely_tokens, most_tokens, quick_tokens
from swarm.tries import TOO_MANY, Connected, Order, Stopped, Tries, Turn, is_the_end, settlement

Part = tuple[Order, Pick]
"""A call, and who takes it: for all that share a request the same arm."""


class Shared(NamedTuple):
    """What came of a request for one of the calls that it was made for."""

    answer: Answer | None  # None: it is to be made alone
    tries: int  # that are recorded of it


_NOT_MADE = Shared(None, 0)
_Decided = money.Reserved | Wait | BudgetExceeded


class _Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A request for which the money is taken, call by call."""

    orders: Sequence[Order]
    turns: Sequence[Turn]
    held: Sequence[money.Reserved]
    request: Request

    @property
    def model(self) -> str:
        return self.turns[0].pick.arm.model

    def each(self) -> Iterator[tuple[Order, Turn, money.Reserved]]:
        return zip(self.orders, self.turns, self.held, strict=True)


class Sharing(Tries):
    """Makes the tries of one session, those too that several calls share.

    A model whose answer to several brought a result for none of them is not asked several things again.
    """

    @cached_property
    def _unable(self) -> set[str]:
        return set()

    def fitting(self, parts: Sequence[Part], most: int) -> list[list[Part]]:
        """Divide calls of one arm into groups of `most` at the most that its model can read and write at once, and that take fewer tokens
        together than alone: with few of them, what is said to all weighs more than what is said once."""
        groups: list[list[Part]] = []
        for part in parts:
            if groups and len(groups[-1]) < most and self._fit([*groups[-1], part]):
                groups[-1].append(part)
            else:
                groups.append([part])
        return [
            shared
            for group in groups
            for shared in ([group] if self._able(group) and _pays(group) else [[part] for part in group])
        ]

    def _able(self, parts: Sequence[Part]) -> bool:
        return parts[0][1].arm.model not in self._unable

    def _fit(self, parts: Sequence[Part]) -> bool:
        model = self._models[parts[0][1].arm.model]
        output = sum(self._asked_for(order, pick) for order, pick in parts)
        read = most_tokens(shared_messages([order.ask.messages for order, _ in parts]), results_schema(len(parts)))
        return output <= (model.max_output_tokens or output) and read + output <= (
            model.context_tokens or read + output
        )

    async def share(self, parts: Sequence[Part]) -> Sequence[Shared]:
        """Make one try for several calls, in one request. Nothing is sent where one of them is refused money, or has to wait for it."""
        arm = parts[0][1].arm
        connected = self._models[arm.model]
        if self.stopping:
            raise Stopped
        if arm.price is None or not arm.price.is_free:
            await self._confirm(arm)
        messages = shared_messages([order.ask.messages for order, _ in parts])
        turns, needs = self._shares(parts, messages)
        tokens = sum(need.input_tokens + need.output_tokens for need in needs)
        async with connected.limits.slot(tokens=tokens, level=min(order.level for order, _ in parts)) as slot:
            if self.stopping:
                raise Stopped
            orders = [order for order, _ in parts]
            if not all(self._may(order, turns[0]) for order in orders):
                slot.unused()
                return [_NOT_MADE] * len(parts)
            held = await self._reserve_all(orders, turns, needs)
            granted = [each for each in held if isinstance(each, money.Reserved)]
            if len(granted) < len(orders):
                slot.unused()
                return await self._released(orders, held)
            request = Request(
                messages=messages,
                max_output_tokens=sum(each.grant.output_tokens for each in granted),
                temperature=orders[0].ask.temperature,
                answer_schema=results_schema(len(parts)),
            )
            taken = _Taken(orders=orders, turns=turns, held=granted, request=request)
            return [Shared(each, 1) for each in await self._send_all(taken, connected, slot)]

    def _asked_for(self, order: Order, pick: Pick) -> int:
        most = self._models[pick.arm.model].max_output_tokens
        allowed = min(order.ask.output_tokens, most or order.ask.output_tokens)
        foreseen = fitting(pick.foreseen, allowed)
        return foreseen.tokens if foreseen else allowed

    def _shares(self, parts: Sequence[Part], messages: Sequence[Message]) -> tuple[list[Turn], list[Need]]:
        """What is each call's of the request: of its input by what the tasks themselves have of it."""
        schema = results_schema(len(parts))
        own = [most_tokens(order.ask.messages[1:]) for order, _ in parts]
        read = apportioned(most_tokens(messages, schema), own, [1 << 60] * len(parts))
        quick = apportioned(likely_tokens(messages, schema), own, [1 << 60] * len(parts))
        turns: list[Turn] = []
        needs: list[Need] = []
        for number, (order, pick) in enumerate(parts):
            allowed = min(
                order.ask.output_tokens, self._models[pick.arm.model].max_output_tokens or order.ask.output_tokens
            )
            pick = msgspec.structs.replace(pick, foreseen=fitting(pick.foreseen, allowed))
            share = Share(
                part=number + 1,
                parts=len(parts),
                messages=messages,
                answer_schema=schema,
                quick_tokens=quick[number],
            )
            turns.append(Turn(pick, 1, True, share=share))
            needs.append(msgspec.structs.replace(self._need(order, pick, allowed), input_tokens=read[number]))
        return turns, needs

    async def _reserve_all(
        self, orders: Sequence[Order], turns: Sequence[Turn], needs: Sequence[Need]
    ) -> Sequence[_Decided]:
        """What the ledger says to each; nothing waits in line for more."""
        tickets = [self._ledger.ticket() for _ in orders]
        owner = orders[0].attempt.owner
        bids = [
            money.Bid(need=need, make=self._intent(order, turn), ticket=ticket, claim=owner.claim)
            for order, turn, need, ticket in zip(orders, turns, needs, tickets, strict=True)
        ]
        try:
            with self.pauses.beginning(*(order.attempt.state.name for order in orders)):
                found = await self._ledger.reserve_all(bids)
        except Conflict as conflict:
            raise await owner.lost() from conflict
        finally:
            for ticket in tickets:
                self._ledger.give_up(ticket)
        for order, reserved in zip(orders, found, strict=True):
            if isinstance(reserved, money.Reserved):
                owner.known.learn(reserved.intent.texts, reserved.ack.place)
                order.attempt.captures_are_stored()
        return found

    async def _released(self, orders: Sequence[Order], held: Sequence[_Decided]) -> Sequence[Shared]:
        """Give back what was taken, where not all got what they need."""
        events = [
            order.attempt.new(CallReleased(reservation=each.position, reason="another call of its request had no room"))
            for order, each in zip(orders, held, strict=True)
            if isinstance(each, money.Reserved)
        ]
        if events:
            await orders[0].attempt.owner.append(events)
        return [Shared(None, int(isinstance(each, money.Reserved))) for each in held]

    async def _send_all(self, taken: _Taken, connected: Connected, slot: Slot) -> Sequence[Answer | None]:
        began = time.monotonic()
        sent = False
        for _, turn, reserved in taken.each():
            self.in_flight[reserved.position] = turn.pick.arm.tier
        try:
            await anyio.lowlevel.checkpoint()  # the last moment at which nothing was sent
            sent = True
            reply = await connected.model.ask(taken.request)
        except ProviderError as error:
            if not error.sent:
                slot.unused()
            if error.failure is Failure.WAIT and error.status in TOO_MANY:
                slot.refused(by_rate=error.retry_after_s is not None)
            await self._all_failed(taken, error)
            return [None] * len(taken.orders)
        except BaseException:
            with anyio.CancelScope(shield=True):
                why = "interrupted while the answer was awaited" if sent else "interrupted before anything was sent"
                await self._all(taken, partial(CallUnknown if sent else CallReleased, reason=why))
            raise
        finally:
            for reserved in taken.held:
                del self.in_flight[reserved.position]
        slot.answered()
        if reply.usage is not None:
            slot.used(reply.usage.input_tokens + reply.usage.output_tokens)
        return await self._settle_all(taken, reply, int((time.monotonic() - began) * 1000))

    async def _settle_all(self, taken: _Taken, reply: Reply, milliseconds: int) -> Sequence[Answer | None]:
        """Record the answers and what each of them came to, in one append."""
        found = {number: self._redact(text) for number, text in results_in(reply.text, len(taken.orders)).items()}
        if not found:
            self._unable.add(taken.model)
        results = [found.get(number) for number in range(1, len(taken.orders) + 1)]
        pack, raw = Pack(taken.orders[0].attempt.owner.known), self._redact(reply.text)
        events: list[NewEvent] = []
        for (order, _, reserved), text, billed in zip(
            taken.each(), results, self._billed(taken, reply, results), strict=True
        ):
            settled = settlement(
                reserved,
                billed,
                pack.put(raw if text is None else text),
                finish=MISSING if text is None else "stop",
                answered_by="" if reply.model == taken.model else self._redact(reply.model),
                milliseconds=milliseconds,
            )
            overran = overrun(reserved.position, reserved.need, reserved.grant, billed)
            events.append(order.attempt.new(settled))
            events += [order.attempt.new(overran, topic=money.TOPIC)] if overran else []
        owner = taken.orders[0].attempt.owner
        durable = any(not reserved.need.price.is_free for reserved in taken.held)
        with anyio.CancelScope(shield=True):
            await owner.append(events, texts=pack.texts, durable=durable)
        return [
            None if text is None else _answer(order, turn, reserved, text)
            for (order, turn, reserved), text in zip(taken.each(), results, strict=True)
        ]

    def _billed(self, taken: _Taken, reply: Reply, results: Sequence[str | None]) -> Sequence[Bill]:
        needs, grants = [each.need for each in taken.held], [each.grant for each in taken.held]
        need = msgspec.structs.replace(needs[0], input_tokens=sum(each.input_tokens for each in needs))
        grant = Grant(
            sum(each.output_tokens for each in grants),
            sum(each.tokens for each in grants),
            sum(each.nanos for each in grants),
        )
        whole = bill(need, grant, reply, taken.request.messages)
        return bills(whole, needs, grants, [quick_tokens(text or "") + 1 for text in results])

    async def _all_failed(self, taken: _Taken, error: ProviderError) -> None:
        """The try came to nothing for all of them, and each is made alone; a model that is down cools down."""
        first, reason, model = taken.orders[0].attempt, self._redact(str(error)), taken.model
        cooled = None
        if is_down(error) and is_the_end(error, last=False):
            cooled = self._cooldowns.after(model, error, self.reason(model, error), tried=False)
        more = [first.new(cooled, topic=self._cooldowns.topic(model))] if cooled is not None else []
        if error.charged:
            ack = await self._all(taken, partial(CallUnknown, reason=reason), more)
        else:
            failed = partial(CallFailed, failure=error.failure, reason=reason, status=error.status or 0)
            ack = await self._all(taken, failed, more)
        if cooled is not None:
            self._cooldowns.take(model, cooled, ack.positions[-1])

    async def _all(
        self,
        taken: _Taken,
        outcome: Callable[..., CallUnknown | CallFailed | CallReleased],
        more: Sequence[NewEvent] = (),
    ) -> Ack:
        events = [order.attempt.new(outcome(reservation=held.position)) for order, _, held in taken.each()]
        return await taken.orders[0].attempt.owner.append([*events, *more])


RESULT_TOKENS = 5
"""About what a result takes beside its text: number, quotes and escapes (`python -m bench.batch`: 1,000 for 200)."""


def _pays(parts: Sequence[Part]) -> bool:
    asked = [order.ask.messages for order, _ in parts]
    together = likely_tokens(shared_messages(asked), results_schema(len(parts))) + RESULT_TOKENS * len(parts)
    return len(parts) == 1 or together < sum(likely_tokens(messages) for messages in asked)


def _answer(order: Order, turn: Turn, reserved: money.Reserved, text: str) -> Answer:
    arm = turn.pick.arm
    return Answer(
        text=text,
        finish="stop",
        agent=arm.agent,
        model=arm.model,
        tier=arm.tier,
        limit=reserved.grant.output_tokens,
        why=turn.pick.why,
        ordinal=order.ordinal,
    )
