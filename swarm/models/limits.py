"""What a provider lets through: calls at a time, requests and tokens a minute, and pauses; first come, first served."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import anyio
import msgspec

WINDOW_S = 60.0
MAX_PAUSE_S = 3_600.0
"""Nobody waits longer for a provider that asked for silence; the next try will hear it again."""

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


class Admission(msgspec.Struct, gc=False):
    """One call that was let in: when, and for how many tokens it counts."""

    at: float
    tokens: int


class Gate:
    """Decides who may pass. Pure: the time comes in as an argument and never goes back."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._at_once = 0
        self._recent: deque[Admission] = deque()  # of the last minute, oldest first
        self._tokens = 0  # their sum
        self._paused_until = -math.inf

    def wait_s(self, now: float, tokens: int) -> float:
        """Return how long a call of `tokens` has to wait: 0 to pass now, inf for as long as nobody leaves.

        A call that is larger than a whole minute's tokens passes when the minute before it was empty.
        """
        self._forget(now)
        if self._at_once >= self._allowance.at_once:
            return math.inf
        return max(0.0, self._paused_until - now, self._minute_s(now, tokens))

    def take(self, now: float, tokens: int) -> Admission:
        """Let a call in; the caller has asked `wait_s`."""
        admission = Admission(now, tokens)
        self._at_once += 1
        if self._allowance.requests_a_minute is not None or self._allowance.tokens_a_minute is not None:
            self._recent.append(admission)
            self._tokens += tokens
        return admission

    def leave(self) -> None:
        """One call is over."""
        self._at_once -= 1

    def correct(self, admission: Admission, tokens: int | None) -> None:
        """Count a call for what it was: the tokens that it really used, or None where nothing was sent."""
        if not any(each is admission for each in self._recent):
            return
        self._tokens += (tokens or 0) - admission.tokens
        admission.tokens = tokens or 0
        if tokens is None:
            self._recent = deque(each for each in self._recent if each is not admission)

    def pause(self, now: float, until: float) -> None:
        """Let nobody in before `until`, at most MAX_PAUSE_S from now; a longer pause that holds already stays."""
        self._paused_until = max(self._paused_until, min(until, now + MAX_PAUSE_S))

    def _minute_s(self, now: float, tokens: int) -> float:
        allowance, wait = self._allowance, 0.0
        requests, held = len(self._recent), self._tokens
        for each in self._recent:
            fits = allowance.requests_a_minute is None or requests < allowance.requests_a_minute
            if fits and (allowance.tokens_a_minute is None or held + tokens <= allowance.tokens_a_minute):
                break
            wait = each.at + WINDOW_S - now
            requests, held = requests - 1, held - each.tokens
        return max(0.0, wait)

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0].at + WINDOW_S <= now:
            self._tokens -= self._recent.popleft().tokens


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
        self._line: deque[anyio.Event] = deque()  # who waits; the first of them watches the gate
        self._changed = anyio.Event()

    def slot(self, *, tokens: int = 0) -> Slot:
        """Return a slot for one call of about `tokens` (input and output); `async with` takes it and gives it back."""
        return Slot(self, tokens)

    def pause(self, until: float) -> None:
        """Let nobody in before `until` on the clock `now`, at most for MAX_PAUSE_S: what a 429 with Retry-After asks for."""
        self._gate.pause(self.now(), until)
        self._changed.set()

    async def admit(self, tokens: int) -> Admission:
        """Wait in line and pass. Slots do this; whoever is let in calls `release` once."""
        if not self._line and self._gate.wait_s(self.now(), tokens) <= 0:
            return self._gate.take(self.now(), tokens)
        turn = anyio.Event()
        self._line.append(turn)
        try:
            if self._line[0] is not turn:
                await turn.wait()
            while (wait_s := self._gate.wait_s(self.now(), tokens)) > 0:
                self._changed = anyio.Event()
                await self._wait(wait_s, self._changed)
            return self._gate.take(self.now(), tokens)
        finally:
            self._line.remove(turn)
            if self._line:
                self._line[0].set()

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

    def recount(self, admission: Admission, tokens: int | None) -> None:
        """Count a call for what it was; see `Gate.correct`."""
        self._gate.correct(admission, tokens)
        self._changed.set()


class Slot:
    """A place for one call. It can be given back and taken again: leave the block and enter it anew, at the line's end."""

    def __init__(self, limits: Limits, tokens: int) -> None:
        self._limits, self._tokens = limits, tokens
        self._admission: Admission | None = None

    async def __aenter__(self) -> Self:
        if self._admission is not None:
            raise RuntimeError("a slot is taken twice at once; make one slot for each call")
        self._admission = await self._limits.admit(self._tokens)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admission = None
        self._limits.release()

    def used(self, tokens: int) -> None:
        """Count the call for the tokens that it really used. Inside the block."""
        self._recount(tokens)

    def unused(self) -> None:
        """Nothing was sent: the call does not count against the minute. Inside the block."""
        self._recount(None)

    def _recount(self, tokens: int | None) -> None:
        if self._admission is not None:
            self._limits.recount(self._admission, tokens)
