"""The ledger: money is taken in every scope of a call, or the call is not made.

One append takes the reservations of all who wait while a commit is under way, decided in their order. Exactness across
processes is the log's: the append expects the topic `ledger` where this fold has it, and decides again after a conflict.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import anyio
import msgspec

from events.blobs import Text
from events.bus import read_all
from events.log import Ack, Conflict, Entry, EventLog, LogCorrupt, NewEvent
from events.types.call import BudgetMarked, BudgetSet, CallReserved, CallSettled, CallUnknown
from events.views.claims import ClaimsView
from events.views.kept import Start
from events.views.money import Amount, MoneyView
from events.views.overruns import OverrunsView
from events.views.sessions import Claim
from events.views.standing import Standing
from swarm.errors import BudgetExceeded
from swarm.money.caps import Cap, Grant, Need, Wait, due_marks, in_force
from swarm.money.days import Days
from swarm.money.split import decide

TOPIC = "ledger"
CONFLICTS_BEFORE_TURN = 3
TURN_TIMEOUT_S = 10.0
LOOK_S = 0.1  # how often one that waits looks for what other processes settled


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What is appended when a call is granted: `events[reserved]` is its call.reserved."""

    events: Sequence[NewEvent]
    reserved: int
    texts: Sequence[Text]
    durable: bool
    cause: int = 0


class Reserved(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation that stands in the log. `need` is what was decided: as it was asked for, in the periods that have begun."""

    position: int
    need: Need
    grant: Grant
    ack: Ack
    intent: Intent


class Bid(msgspec.Struct, frozen=True, kw_only=True):
    """What one call asks for: what it needs, what is appended where it is granted, its place in the line.

    `claim` is what the append expects of the session's claim: who lost it reserves nothing.
    """

    need: Need
    make: Callable[[Need, Grant], Intent]
    ticket: int
    claim: Mapping[str, int]


class _Request(msgspec.Struct, kw_only=True):
    asked: Need
    need: Need  # as it was decided last; each decision begins with what was asked
    make: Callable[[Need, Grant], Intent]
    ticket: int
    claim: Mapping[str, int]
    future: asyncio.Future[Reserved | Wait]


class _Waiting(msgspec.Struct, frozen=True):
    """One that was told to wait: for which scope, and what was folded when that was decided."""

    scope: str
    seen: int


class Ledger:
    """Reserves for the calls of this process on one log."""

    def __init__(self, log: EventLog, *, lives: Callable[[Claim], bool]) -> None:
        self._log, self._lives = log, lives
        self.money = MoneyView()
        self._overruns, self._days = OverrunsView(), Days()
        self._claims = ClaimsView()
        self._position = 0  # everything up to here is folded
        self._head = 0  # last position on the ledger's topic
        self._line: list[_Request] = []
        self._committing = False
        self._tickets = 0
        self._waiting: dict[int, _Waiting] = {}  # by ticket
        self._caps: dict[str, Cap] = {}  # by scope, as the last call under it named them
        self._settled: set[str] = set()  # capped scopes in which something was settled since their marks were told

    def ticket(self) -> int:
        """A place in the line of those who may have to wait; kept until the call is granted or given up."""
        self._tickets += 1
        return self._tickets

    async def reserve(
        self, need: Need, make: Callable[[Need, Grant], Intent], *, ticket: int, claim: Mapping[str, int]
    ) -> Reserved | Wait:
        """Take what the call needs in all its scopes and append the intent, or say that it has to wait.

        `claim` is what the append expects of the session's claim: who lost it reserves nothing.
        Whoever is told to wait gives its slot back, waits for `room` and asks again with the same ticket.
        Raises BudgetExceeded where waiting cannot help, Conflict where the session's claim is lost.
        """
        (outcome,) = await self.reserve_all([Bid(need=need, make=make, ticket=ticket, claim=claim)])
        if isinstance(outcome, BudgetExceeded):
            raise outcome
        return outcome

    async def reserve_all(self, bids: Sequence[Bid]) -> list[Reserved | Wait | BudgetExceeded]:
        """The same for several calls, decided one beside the other and in one append; a refusal is returned.

        Raises Conflict where the session's claim is lost.
        """
        # a reservation that may be in the log must not be forgotten by a cancelled caller: it is taken, then released
        outcomes: list[Reserved | Wait | Exception] = []
        with anyio.CancelScope(shield=True):
            futures: list[asyncio.Future[Reserved | Wait]] = []
            for bid in bids:
                futures.append(asyncio.get_running_loop().create_future())
                self._line.append(
                    _Request(
                        asked=bid.need,
                        need=bid.need,
                        make=bid.make,
                        ticket=bid.ticket,
                        claim=bid.claim,
                        future=futures[-1],
                    )
                )
            if not self._committing:
                await self._commit_line()
            outcomes = [await _outcome(future) for future in futures]
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, BudgetExceeded):
                raise outcome
        return [each for each in outcomes if isinstance(each, Reserved | Wait | BudgetExceeded)]

    async def room(self, *, ticket: int) -> None:
        """Return when something happened that may have made room, also while the answer was on its way."""
        seen = self._waiting[ticket].seen
        try:
            while not await self._log.wait(seen, timeout=LOOK_S):
                if self._first(ticket):
                    return  # an owner may have died since: that is no event, the decision finds it
        except BaseException:
            self._waiting.pop(ticket, None)
            raise

    def give_up(self, ticket: int) -> None:
        """Leave the line."""
        self._waiting.pop(ticket, None)

    def _first(self, ticket: int) -> bool:
        scope = self._waiting[ticket].scope
        return all(other >= ticket for other, theirs in self._waiting.items() if theirs.scope == scope)

    def marks(self) -> list[BudgetMarked]:
        """The shares of caps that what is spent has passed and that nobody has told yet."""
        scopes = sorted(self._settled)
        caps = in_force([self._caps[scope] for scope in scopes if scope in self._caps], scopes, self.money)
        return [mark for cap in caps for mark in due_marks(cap, self.money.scope(cap.scope))]

    async def _commit_line(self) -> None:
        self._committing = True
        try:
            while self._line:
                batch, self._line = sorted(self._line, key=lambda request: request.ticket), []
                try:
                    await self._commit(batch)
                except Exception as error:
                    for request in batch:
                        if not request.future.done():
                            request.future.set_exception(error)
        finally:
            self._committing = False

    async def _commit(self, batch: list[_Request]) -> None:
        conflicts = 0
        while batch:
            try:
                if conflicts < CONFLICTS_BEFORE_TURN:
                    await self._decide_and_append(batch)
                else:
                    async with self._log.turn(timeout=TURN_TIMEOUT_S):
                        await self.catch_up(force=True)
                        await self._decide_and_append(batch)
                return
            except Conflict as conflict:
                conflicts += 1
                if conflict.topic == TOPIC:
                    await self.catch_up(force=True)
                    if self._head == conflict.expected:  # damaged: what moved the topic on is nowhere in it
                        raise LogCorrupt(
                            url=self._log.url, position=conflict.found, reason=f"its topic is not {TOPIC}"
                        ) from conflict
                else:
                    batch = _without_lost(batch, conflict)

    async def _decide_and_append(self, batch: list[_Request]) -> None:
        await self.catch_up()
        decided = self._decided(batch)
        if any(isinstance(decision, BudgetExceeded) for _, decision in decided):
            # somebody may have raised the cap meanwhile, or settled, in another process; all that goes into one append is
            # decided on one state of the log
            await self.catch_up(force=True)
            decided = self._decided(batch)
        head = self._head  # what is granted holds behind this, whatever is folded before it is appended
        granted: list[tuple[_Request, Grant, Intent]] = []
        for request, decision in decided:
            if isinstance(decision, Grant):
                granted.append((request, decision, request.make(request.need, decision)))
            elif isinstance(decision, Wait):
                request.future.set_result(decision)
            else:
                request.future.set_exception(decision)
        if granted:
            await self._append(granted, head)

    def _decided(self, batch: Sequence[_Request]) -> list[tuple[_Request, Grant | Wait | BudgetExceeded]]:
        """Decide in their order, each beside what those before it were granted."""
        settling = self._settling()
        decided: list[tuple[_Request, Grant | Wait | BudgetExceeded]] = []
        for request in batch:
            if request.future.done():
                continue
            decision = self._decide(request, settling)
            decided.append((request, decision))
            if isinstance(decision, Grant):
                self._take(request.need, decision, 1)
                _add(settling, request.need.scopes, decision.tokens, decision.nanos)
        for request, decision in decided:
            if isinstance(decision, Grant):  # the fold takes them again when they come back from the log
                self._take(request.need, decision, -1)
        return decided

    def _decide(self, request: _Request, settling: Mapping[str, Amount]) -> Grant | Wait | BudgetExceeded:
        need = self._days.in_the_last(request.asked)
        caps = in_force(need.caps, need.scopes, self.money)
        request.need = msgspec.structs.replace(need, caps=caps, bounds=self._overruns.of(need.model))
        decision = decide(request.need, self.money, settling)
        if isinstance(decision, Grant):
            self._days.see(request.need.scopes)  # already for those behind it in the same batch
            capped = {cap.scope for cap in caps}
            if request.need.shares is not None:  # who waits may wait for a share: that is no cap by itself
                capped.update(request.need.scopes)
            ahead = [each.scope for ticket, each in self._waiting.items() if ticket < request.ticket]
            decision = next((Wait(scope) for scope in ahead if scope in capped), decision)
        if isinstance(decision, Wait):  # known at once to those behind it in the same batch
            self._waiting[request.ticket] = _Waiting(decision.scope, self._position)
        else:
            self._waiting.pop(request.ticket, None)
        return decision

    def _settling(self) -> dict[str, Amount]:
        """What of each scope's reservations may still become less: those of living owners."""
        living: dict[int, bool] = {}
        settling: dict[str, Amount] = {}
        for held in self.money.open.values():
            if held.session not in living:
                claim = self._claims.claims.get(held.session)
                living[held.session] = claim is not None and self._lives(claim)
            if living[held.session]:
                _add(settling, held.path, held.tokens, held.nanos)
        return settling

    def _take(self, need: Need, grant: Grant, sign: int) -> None:
        for scope in need.scopes:
            self.money.scope(scope).reserved.add(sign * grant.tokens, sign * grant.nanos)

    async def _append(self, granted: list[tuple[_Request, Grant, Intent]], head: int) -> None:
        events: list[NewEvent] = []
        texts: dict[str, Text] = {}
        expect = {TOPIC: head}
        for request, _, intent in granted:
            self._caps.update((cap.scope, cap) for cap in request.need.caps)
            events += intent.events
            expect.update(request.claim)
            texts.update((text.digest, text) for text in intent.texts)
        first = granted[0][2].events[granted[0][2].reserved]
        for mark in self.marks():  # told by whoever calls next: nothing is spent before
            events.append(
                NewEvent(event=mark, topic=TOPIC, project=first.project, session=first.session, task=first.task)
            )
        cause = granted[0][2].cause if len(granted) == 1 else 0
        durable = any(intent.durable for _, _, intent in granted)
        told, self._settled = self._settled, set()  # what is folded while this is appended has its marks told next
        try:
            ack = await self._log.append(
                events, expect=expect, durable=durable, cause=cause, texts=tuple(texts.values())
            )
        except BaseException:
            self._settled |= told
            raise
        place = 0
        for request, grant, intent in granted:
            position = ack.positions[place + intent.reserved]
            place += len(intent.events)
            held = Reserved(position=position, need=request.need, grant=grant, ack=ack, intent=intent)
            request.future.set_result(held)

    def _is_capped(self, scope: str) -> bool:
        return scope in self._caps or bool(self.money.scope(scope).caps)

    async def catch_up(self, *, force: bool = False) -> None:
        """Fold what was committed since. `force` reads the log itself, for what other processes wrote."""
        known = None if force else self._log.since(self._position)
        if known is not None:
            self.fold(known)
            return
        async for entries in read_all(self._log, after=self._position):
            self.fold(entries)

    def begin(self, start: Start[Standing], own: MoneyView, session: int) -> None:
        """Go on from how things stand, for a session whose `own` events were folded up to the same position."""
        self.money, self._claims, self._overruns = start.view.money, start.view.claims, start.view.overruns
        self.money.own(session, own)
        self._days.see(self.money.scopes)
        self._head, self._position = start.view.ledger, start.position

    def fold(self, entries: Sequence[Entry]) -> None:
        """Take in what the log holds, in its order; from the start, before the first reservation.

        What was folded already is passed over: two may read the same at the same time.
        """
        for entry in entries:
            if entry.position <= self._position:
                continue
            if isinstance(entry.event, CallSettled | CallUnknown):
                held = self.money.open.get(entry.event.reservation)
                self._settled.update(scope for scope in (held.path if held else ()) if self._is_capped(scope))
            elif isinstance(entry.event, BudgetSet):
                self._settled.add(entry.event.scope)
            elif isinstance(entry.event, CallReserved):
                self._days.see(entry.event.scopes)
            self.money.apply(entry)
            self._claims.apply(entry)
            self._overruns.apply(entry)
            if entry.topic == TOPIC:
                self._head = entry.position
            self._position = entry.position


async def _outcome(future: asyncio.Future[Reserved | Wait]) -> Reserved | Wait | Exception:
    try:
        return await future
    except Exception as error:
        return error


def _add(amounts: dict[str, Amount], scopes: Sequence[str], tokens: int, nanos: int) -> None:
    for scope in scopes:
        amounts.setdefault(scope, Amount()).add(tokens, nanos)


def _without_lost(batch: list[_Request], conflict: Conflict) -> list[_Request]:
    """Fail those whose session was taken over, and keep the others."""
    kept: list[_Request] = []
    for request in batch:
        if request.future.done():
            continue
        if conflict.topic in request.claim:
            request.future.set_exception(conflict)
        else:
            kept.append(request)
    return kept
