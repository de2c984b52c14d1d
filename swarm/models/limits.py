"""What a provider lets through: calls at a time, requests and tokens a minute, and pauses; the urgent first, nobody for ever last.

What settings allow is the most. Below that the gate goes by what the provider says: it halves the calls at a time when one is
refused and adds to them with each answer, keeps to the pace at which it was refused, and to what the headers say is left.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Literal, Self

import anyio
import msgspec

from swarm.task import NORMAL

WINDOW_S = 60.0
MAX_PAUSE_S = 3_600.0
"""Nobody waits longer for a provider that asked for silence; the next try will hear it again."""

QUIET_S = 600.0
"""After as long without a refusal a learned pace is forgotten."""

STRIDE = 8
"""A call of one level goes before STRIDE later calls of the next: so it waits for at most STRIDE times its level of later ones."""

_SHORTEST_S = 0.001  # a wait that rounding has left over would not move the clock


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider allows. None is no limit."""

    at_once: int = 8
    requests_a_minute: int | None = None
    tokens_a_minute: int | None = None

    def __post_init__(self) -> None:
        for name in ("at_once", "requests_a_minute", "tokens_a_minute"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}; it has to be at least 1")


class Left(msgspec.Struct, frozen=True, gc=False):
    """What the provider says that it still takes before `reset_s` seconds are over."""

    unit: Literal["requests", "tokens"]
    amount: int
    reset_s: float
    span: str = ""  # of the limit, where the provider has several: "minute", "hour", "day"


class Admission(msgspec.Struct, gc=False):
    """One call that was let in: when, and for how many tokens it counts."""

    at: float
    tokens: int
    requests: int = 1  # 0: it was not sent
    taken: int = 1  # 0: nor was it taken


class _Quota(msgspec.Struct, gc=False):
    left: int
    until: float


class Gate:
    """Decides whether a call may pass. Pure: the time comes in as an argument and never goes back.

    What is learned is learned of the whole provider, though some count by model: it is then more careful than it had to be.
    """

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._at_once = 0
        self._window = float(allowance.at_once)  # as many may be inside: from 1 to what is allowed
        self._narrowed = -math.inf  # when it was halved last
        self._recent: deque[Admission] = deque()  # of the last minute, oldest first
        self._requests, self._taken, self._tokens = 0, 0, 0  # their sums
        self._pace: float | None = None  # requests a minute, as learned from refusals
        self._grown = 0.0  # when the pace was set or grew last
        self._refused = -math.inf  # when a call was refused last
        self._quotas: dict[tuple[str, str], _Quota] = {}  # by unit and span
        self._paused_until = -math.inf

    @property
    def at_once(self) -> int:
        """How many calls may be inside at this moment."""
        return int(self._window)

    @property
    def pace(self) -> int | None:
        """How many requests a minute it takes, as far as refusals have told."""
        return None if self._pace is None else int(self._pace)

    def wait_s(self, now: float, tokens: int) -> float:
        """Return how long a call of `tokens` has to wait: 0 to pass now, inf for as long as nobody leaves.

        A call that is larger than a whole minute's tokens passes when the minute before it was empty.
        """
        self._forget(now)
        if self._at_once >= self.at_once:
            return math.inf
        return max(0.0, self._paused_until - now, self._minute_s(now, tokens), self._quota_s(now, tokens))

    def take(self, now: float, tokens: int) -> Admission:
        """Let a call in; the caller has asked `wait_s`."""
        admission = Admission(now, tokens)
        self._at_once += 1
        self._recent.append(admission)
        self._requests += 1
        self._taken += 1
        self._tokens += tokens
        self._spend(1, tokens)
        return admission

    def leave(self) -> None:
        """One call is over."""
        self._at_once -= 1

    def correct(self, admission: Admission, tokens: int | None) -> None:
        """Count a call for what it was: the tokens that it really used, or None where nothing was sent."""
        if tokens is None:
            self._spend(-admission.requests, -admission.tokens)
        if self._holds(admission):
            self._requests -= admission.requests if tokens is None else 0
            self._taken -= admission.taken if tokens is None else 0
            self._tokens += (tokens or 0) - admission.tokens
        admission.tokens = tokens or 0
        if tokens is None:
            admission.requests = admission.taken = 0

    def pause(self, now: float, until: float) -> None:
        """Let nobody in before `until`, at most MAX_PAUSE_S from now; a longer pause that holds already stays."""
        self._paused_until = max(self._paused_until, min(until, now + MAX_PAUSE_S))

    def answered(self) -> None:
        """A call had an answer: a few more may be inside."""
        self._window = min(float(self._allowance.at_once), self._window + 1 / self._window)

    def refused(self, now: float, admission: Admission, *, by_rate: bool) -> None:
        """The provider takes no more for now. What it took of a burst halves once what may be inside, not once for each call.

        `by_rate` says that it named a time at which it takes more: what it took in the last minute is then its pace.
        """
        self._forget(now)
        self._refused = now
        if admission.at >= self._narrowed:
            self._window, self._narrowed = max(1.0, self._window / 2), now
        if self._holds(admission):
            self._taken -= admission.taken
        admission.taken = 0
        if by_rate and self._taken:
            self._pace, self._grown = float(self._taken), now

    def hear(self, now: float, left: Left) -> None:
        """Keep to what the provider says is left, for a minute at most: what it takes longer for, a refusal will tell."""
        self._quotas[left.unit, left.span] = _Quota(left.amount, now + min(left.reset_s, WINDOW_S))

    def _holds(self, admission: Admission) -> bool:
        """Whether it is of the last minute that is counted."""
        return bool(self._recent) and self._recent[0].at <= admission.at

    def _minute_s(self, now: float, tokens: int) -> float:
        allowed, most, pace = self._allowance.requests_a_minute, self._allowance.tokens_a_minute, self.pace
        if allowed is None and most is None and pace is None:
            return 0.0
        wait, requests, taken, held = 0.0, self._requests, self._taken, self._tokens
        for each in self._recent:
            fits = (allowed is None or requests < allowed) and (pace is None or taken < pace)
            if not requests or (fits and (most is None or held + tokens <= most)):
                break
            wait = each.at + WINDOW_S - now
            requests, taken, held = requests - each.requests, taken - each.taken, held - each.tokens
        return max(0.0, wait)

    def _quota_s(self, now: float, tokens: int) -> float:
        needs = {"requests": 1, "tokens": tokens}
        waits = (each.until - now for (unit, _), each in self._quotas.items() if each.left < needs[unit])
        return max(waits, default=0.0)

    def _spend(self, requests: int, tokens: int) -> None:
        for (unit, _), quota in self._quotas.items():
            quota.left -= requests if unit == "requests" else tokens

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0].at + WINDOW_S <= now:
            gone = self._recent.popleft()
            self._requests -= gone.requests
            self._taken -= gone.taken
            self._tokens -= gone.tokens
        for key in [key for key, quota in self._quotas.items() if quota.until <= now]:
            del self._quotas[key]
        if self._pace is not None:
            self._grow(now)

    def _grow(self, now: float) -> None:
        """Try a little more each minute that goes by without a refusal, and forget the pace after many."""
        if now - self._refused >= QUIET_S:
            self._pace = None
            return
        while self._pace is not None and now - self._grown >= WINDOW_S:
            self._grown += WINDOW_S
            self._pace += 1 + self._pace / 10


class _Waiting:
    """One in the line. It is due after those that came before it and were as urgent, and some that come later and are more so."""

    def __init__(self, number: int, level: int) -> None:
        self.due = (number + STRIDE * level, number)
        self.turn = anyio.Event()

    def __lt__(self, other: _Waiting) -> bool:
        return self.due < other.due


class Limits:
    """The way in to one provider, or to one tier of it. `now` and `sleep` are of one clock."""

    def __init__(
        self,
        allowance: Allowance,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._gate = Gate(allowance)
        self.now, self._sleep = now, sleep
        self._line: list[_Waiting] = []  # a heap: its first watches the gate
        self._came = 0
        self._changed = anyio.Event()

    def slot(self, *, tokens: int = 0, level: int = NORMAL) -> Slot:
        """Return a slot for one call of about `tokens` (input and output); `async with` takes it and gives it back.

        `level` is how urgent it is, from 0 to 9: 0 goes first.
        """
        return Slot(self, tokens, level)

    def pause(self, until: float) -> None:
        """Let nobody in before `until` on the clock `now`, at most for MAX_PAUSE_S: what a 429 with Retry-After asks for."""
        self._gate.pause(self.now(), until)
        self._changed.set()

    def hear(self, left: Iterable[Left]) -> None:
        """Keep to what the provider says is left."""
        for each in left:
            self._gate.hear(self.now(), each)
        self._changed.set()

    async def admit(self, tokens: int, level: int = NORMAL) -> Admission:
        """Wait in line and pass. Slots do this; whoever is let in calls `release` once."""
        if not self._line and self._gate.wait_s(self.now(), tokens) <= 0:
            return self._gate.take(self.now(), tokens)
        self._came += 1
        waiting = _Waiting(self._came, level)
        heapq.heappush(self._line, waiting)
        self._changed.set()  # who watched the gate may not be the first any more
        try:
            while True:
                if self._line[0] is not waiting:
                    waiting.turn = anyio.Event()
                    await waiting.turn.wait()
                elif (wait_s := self._gate.wait_s(self.now(), tokens)) > 0:
                    self._changed = anyio.Event()
                    await self._wait(wait_s, self._changed)
                else:
                    return self._gate.take(self.now(), tokens)
        finally:
            if self._line[0] is waiting:
                heapq.heappop(self._line)
            else:  # it gave up
                self._line.remove(waiting)
                heapq.heapify(self._line)
            if self._line:
                self._line[0].turn.set()

    async def _wait(self, seconds: float, changed: anyio.Event) -> None:
        """Return when `changed` is set or the time is over."""
        if math.isinf(seconds):
            await changed.wait()
            return

        async def ring() -> None:
            await self._sleep(max(seconds, _SHORTEST_S))
            changed.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ring)
            await changed.wait()
            tasks.cancel_scope.cancel()

    def release(self) -> None:
        """Give a place back."""
        self._gate.leave()
        self._changed.set()

    def answered(self) -> None:
        """A call had an answer; see `Gate.answered`."""
        self._gate.answered()
        self._changed.set()

    def refused(self, admission: Admission, *, by_rate: bool) -> None:
        """A call was refused; see `Gate.refused`."""
        self._gate.refused(self.now(), admission, by_rate=by_rate)

    def recount(self, admission: Admission, tokens: int | None) -> None:
        """Count a call for what it was; see `Gate.correct`."""
        self._gate.correct(admission, tokens)
        self._changed.set()


class Slot:
    """A place for one call. It can be given back and taken again: leave the block and enter it anew, at the line's end."""

    def __init__(self, limits: Limits, tokens: int, level: int = NORMAL) -> None:
        self._limits, self._tokens, self._level = limits, tokens, level
        self._admission: Admission | None = None

    async def __aenter__(self) -> Self:
        if self._admission is not None:
            raise RuntimeError("a slot is taken twice at once; make one slot for each call")
        self._admission = await self._limits.admit(self._tokens, self._level)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admission = None
        self._limits.release()

    def used(self, tokens: int) -> None:
        """Count the call for the tokens that it really used. Inside the block."""
        self._recount(tokens)

    def answered(self) -> None:
        """The call had an answer."""
        self._limits.answered()

    def refused(self, *, by_rate: bool) -> None:
        """The provider takes no more for now; `by_rate`: it named a time at which it does. Inside the block."""
        if self._admission is not None:
            self._limits.refused(self._admission, by_rate=by_rate)

    def unused(self) -> None:
        """Nothing was sent: the call does not count against the minute. Inside the block."""
        self._recount(None)

    def _recount(self, tokens: int | None) -> None:
        if self._admission is not None:
            self._limits.recount(self._admission, tokens)
