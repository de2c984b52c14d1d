"""A provider's limits: never passed, first come first served, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import heapq
import math

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.models.limits import MAX_PAUSE_S, QUIET_S, STRIDE, WINDOW_S, Admission, Allowance, Gate, Left, Limits
from swarm.task import PRIORITIES


class Clock:
    """Time that passes only when everybody waits."""

    def __init__(self) -> None:
        self.time = 1_000.0
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._count = 0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        self._count += 1
        heapq.heappush(self._sleepers, (self.time + seconds, self._count, event))
        await event.wait()

    async def run(self) -> None:
        """Wake the sleepers in order until the task group that this runs in is cancelled."""
        while True:
            for _ in range(20):  # longer than any chain of wake-ups here
                await checkpoint()
            if not self._sleepers:
                continue
            at, _, event = heapq.heappop(self._sleepers)
            self.time = max(self.time, at)
            event.set()


def limits_of(clock: Clock, **allowed: int) -> Limits:
    return Limits(Allowance(**allowed), now=clock.now, sleep=clock.sleep)


async def test_no_more_calls_are_let_in_than_may_run_at_once_and_in_the_order_they_came() -> None:
    limits, inside, order, most = Limits(Allowance(at_once=2)), 0, list[int](), 0

    async def call(number: int) -> None:
        nonlocal inside, most
        async with limits.slot():
            order.append(number)
            inside += 1
            most = max(most, inside)
            await checkpoint()
            inside -= 1

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(call, number)
    assert (order, most, inside) == (list(range(20)), 2, 0)


async def test_a_slot_is_given_back_and_taken_again_at_the_end_of_the_line() -> None:
    limits, order = Limits(Allowance(at_once=1)), list[str]()

    async def other() -> None:
        async with limits.slot():
            order.append("other")

    slot = limits.slot()
    async with anyio.create_task_group() as tasks:
        async with slot:
            tasks.start_soon(other)
            await anyio.wait_all_tasks_blocked()
            order.append("first")
        async with slot:
            order.append("again")
    assert order == ["first", "other", "again"]


async def test_a_slot_cannot_be_taken_twice_at_once() -> None:
    async with Limits(Allowance()).slot() as slot:
        with pytest.raises(RuntimeError, match="one slot for each call"):
            async with slot:
                pass


async def test_who_is_cancelled_in_the_line_or_inside_leaves_no_trace() -> None:
    limits = Limits(Allowance(at_once=1))

    async def hold() -> None:
        async with limits.slot():
            await anyio.sleep_forever()

    for _ in range(3):
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(hold)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
    with anyio.fail_after(5):
        async with limits.slot():
            pass
    assert await limits.admit(0), "and the next one, too"


async def test_a_failure_inside_gives_the_slot_back() -> None:
    limits = Limits(Allowance(at_once=1))
    for _ in range(3):
        with pytest.raises(ValueError, match="inside"):
            async with limits.slot():
                raise ValueError("inside")


async def test_when_the_first_of_the_line_gives_up_the_next_one_goes_on() -> None:
    limits, passed = Limits(Allowance(at_once=1)), anyio.Event()

    async def wait(scope: anyio.CancelScope) -> None:
        with scope:
            async with limits.slot():
                passed.set()

    async with anyio.create_task_group() as tasks:
        first, second = anyio.CancelScope(), anyio.CancelScope()
        async with limits.slot():
            tasks.start_soon(wait, first)
            tasks.start_soon(wait, second)
            await anyio.wait_all_tasks_blocked()
            first.cancel()
            await anyio.wait_all_tasks_blocked()
            assert not passed.is_set()
        with anyio.fail_after(5):
            await passed.wait()


async def test_a_pause_holds_everybody_back_until_its_end_and_a_shorter_one_does_not_end_it() -> None:
    clock = Clock()
    limits = limits_of(clock)
    limits.pause(clock.time + 30)
    limits.pause(clock.time + 5)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.run)
        async with limits.slot():
            assert clock.time == 1_030
        limits.pause(math.inf)
        async with limits.slot():
            assert clock.time == 1_030 + MAX_PAUSE_S
        tasks.cancel_scope.cancel()


async def test_a_call_that_was_not_sent_or_used_less_makes_room_for_the_next() -> None:
    clock = Clock()
    limits = limits_of(clock, requests_a_minute=2, tokens_a_minute=100)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.run)
        async with limits.slot(tokens=100) as slot:
            slot.used(40)
        async with limits.slot(tokens=60) as slot:
            slot.unused()
        async with limits.slot(tokens=60):
            assert clock.time == 1_000
        async with limits.slot(tokens=1):
            assert clock.time == 1_060
        tasks.cancel_scope.cancel()


async def test_a_call_larger_than_a_whole_minute_passes_alone() -> None:
    clock = Clock()
    limits = limits_of(clock, tokens_a_minute=10)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.run)
        async with limits.slot(tokens=10_000):
            assert clock.time == 1_000
        async with limits.slot(tokens=10_000):
            assert clock.time == 1_060
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("name", ["at_once", "requests_a_minute", "tokens_a_minute"])
def test_an_allowance_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0"):
        Allowance(**{name: 0})


@given(
    at_once=st.integers(1, 3),
    requests=st.integers(1, 5),
    tokens=st.integers(1, 100),
    calls=st.lists(st.tuples(st.floats(0, 40), st.integers(0, 150)), min_size=1, max_size=30),
)
def test_the_gate_names_a_time_at_which_the_call_may_pass_and_keeps_every_minute(
    at_once: int, requests: int, tokens: int, calls: list[tuple[float, int]]
) -> None:
    gate = Gate(Allowance(at_once=at_once, requests_a_minute=requests, tokens_a_minute=tokens))
    now, passed = 0.0, list[tuple[float, int]]()
    for step, size in calls:
        now += step
        wait = gate.wait_s(now, size)
        assert wait <= WINDOW_S + 1e-6
        now += wait + 1e-6
        assert gate.wait_s(now, size) == 0
        gate.take(now, size)
        gate.leave()
        passed.append((now, size))
        minute = [each for at, each in passed if at > now - WINDOW_S]
        assert len(minute) <= requests
        assert sum(minute) <= tokens or minute == [size] or sum(minute) == size


@settings(max_examples=60, deadline=None)
@given(
    at_once=st.integers(1, 4),
    requests=st.none() | st.integers(1, 6),
    tokens=st.none() | st.integers(1, 100),
    calls=st.lists(
        st.tuples(st.floats(0, 90), st.integers(0, 150), st.floats(0, 20), st.booleans(), st.integers(0, 2)),
        min_size=1,
        max_size=14,
    ),
    pauses=st.lists(st.floats(0, 100), max_size=3),
)
def test_under_any_load_the_limits_hold_and_everybody_comes_through(
    at_once: int,
    requests: int | None,
    tokens: int | None,
    calls: list[tuple[float, int, float, bool, int]],
    pauses: list[float],
) -> None:
    clock = Clock()
    limits = Limits(
        Allowance(at_once=at_once, requests_a_minute=requests, tokens_a_minute=tokens), now=clock.now, sleep=clock.sleep
    )
    inside, entered, finished = 0, list[float](), 0

    async def call(start: float, size: int, takes: float, gives_up: bool, ends: int) -> None:
        nonlocal inside, finished
        await clock.sleep(start)
        async with anyio.create_task_group() as tasks:
            if gives_up:
                tasks.start_soon(give_up, tasks.cancel_scope, takes)
            async with limits.slot(tokens=size) as slot:
                inside += 1
                assert inside <= at_once
                entered.append(clock.time)
                try:
                    await clock.sleep(takes)
                    if ends == 1:
                        slot.used(size // 2)
                finally:
                    inside -= 1
            tasks.cancel_scope.cancel()
        finished += 1

    async def give_up(scope: anyio.CancelScope, after: float) -> None:
        await clock.sleep(after)
        scope.cancel()

    async def simulate() -> None:
        async with anyio.create_task_group() as driving:
            driving.start_soon(clock.run)
            with anyio.fail_after(30):
                async with anyio.create_task_group() as waiting:
                    for each in calls:
                        waiting.start_soon(call, *each)
                    for pause in pauses:
                        limits.pause(clock.time + pause)
            driving.cancel_scope.cancel()

    asyncio.run(simulate())
    assert (finished, inside) == (len(calls), 0)
    if requests is not None:
        for at in entered:
            assert sum(at <= other < at + WINDOW_S - 1e-6 for other in entered) <= requests
    if pauses and entered:
        assert min(entered) >= 1_000 + max(pauses) - 1e-6


HAPPENINGS = st.lists(
    st.tuples(st.floats(0, 30), st.sampled_from(["call", "call", "call", "answer", "refuse", "refuse by rate"])),
    max_size=80,
)


@given(most=st.integers(1, 12), happenings=HAPPENINGS)
def test_whatever_happens_the_gate_lets_in_one_at_least_and_never_more_than_is_allowed(
    most: int, happenings: list[tuple[float, str]]
) -> None:
    gate, now, inside = Gate(Allowance(at_once=most)), 0.0, list[Admission]()
    for step, what in happenings:
        now += step
        if what == "call" and gate.wait_s(now, 1) == 0:
            inside.append(gate.take(now, 1))
        elif what != "call" and inside:
            gate.leave()
            call = inside.pop(0)
            if what == "answer":
                gate.answered()
            else:
                gate.refused(now, call, by_rate=what == "refuse by rate")
        assert 1 <= gate.at_once <= most
        assert len(inside) <= most
    for _ in inside:
        gate.leave()
    assert gate.wait_s(now, 1) <= WINDOW_S + 1e-6, "nobody is locked out"


def test_a_burst_that_is_refused_halves_the_calls_at_a_time_once_and_answers_add_to_them_again() -> None:
    gate = Gate(Allowance(at_once=8))
    burst = [gate.take(0.0, 1) for _ in range(8)]
    for each in burst:
        gate.leave()
        gate.refused(1.0, each, by_rate=False)
    assert gate.at_once == 4
    again = gate.take(2.0, 1)
    gate.leave()
    gate.refused(3.0, again, by_rate=False)
    assert gate.at_once == 2
    for _ in range(40):
        gate.answered()
    assert gate.at_once == 8


@given(taken=st.integers(1, 20), refused=st.integers(1, 5), minutes=st.integers(0, 8))
def test_the_pace_is_what_was_taken_in_the_minute_before_a_refusal_and_grows_with_each_quiet_minute(
    taken: int, refused: int, minutes: int
) -> None:
    gate = Gate(Allowance(at_once=100))
    calls = [gate.take(0.0, 1) for _ in range(taken + refused)]
    for _ in calls:
        gate.leave()
    for each in calls[taken:]:
        gate.refused(1.0, each, by_rate=True)
    assert gate.pace == taken
    now = 1.0 + minutes * WINDOW_S
    passed = 0
    gate.wait_s(now, 1)
    pace = gate.pace
    assert pace is not None and pace >= taken + minutes
    while gate.wait_s(now, 1) == 0 and passed <= 1_000:
        gate.take(now, 1)
        gate.leave()
        passed += 1
    assert passed == (0 if not minutes else pace)
    assert 0 < gate.wait_s(now, 1) <= WINDOW_S + 1e-6
    gate.wait_s(1.0 + QUIET_S, 1)
    assert gate.pace is None


def test_a_refusal_that_names_no_time_and_one_of_which_nothing_was_taken_teach_no_pace() -> None:
    gate = Gate(Allowance())
    only = gate.take(0.0, 1)
    gate.leave()
    gate.refused(0.5, only, by_rate=True)
    assert gate.pace is None
    gate.take(1.0, 1)
    gate.refused(1.5, gate.take(1.0, 1), by_rate=False)
    assert gate.pace is None


@given(left=st.integers(0, 10), reset_s=st.floats(0.1, 300), tries=st.integers(1, 20))
def test_no_more_calls_pass_than_the_provider_said_it_takes_until_its_time_is_over(
    left: int, reset_s: float, tries: int
) -> None:
    gate = Gate(Allowance(at_once=100))
    gate.hear(0.0, Left("requests", left, reset_s))
    passed = 0
    for _ in range(tries):
        if gate.wait_s(0.0, 1) == 0:
            gate.take(0.0, 1)
            passed += 1
    assert passed == min(left, tries)
    if passed < tries:
        assert gate.wait_s(0.0, 1) == pytest.approx(min(reset_s, WINDOW_S))
        assert gate.wait_s(min(reset_s, WINDOW_S), 1) == 0


def test_tokens_that_are_left_are_for_calls_of_as_many_and_one_that_was_not_sent_takes_none() -> None:
    gate = Gate(Allowance(at_once=100))
    gate.hear(0.0, Left("tokens", 100, 20.0))
    assert gate.wait_s(0.0, 101) == 20.0
    call = gate.take(0.0, 60)
    assert (gate.wait_s(0.0, 41), gate.wait_s(0.0, 40)) == (20.0, 0.0)
    gate.correct(call, None)
    assert gate.wait_s(0.0, 100) == 0


def test_of_several_spans_of_a_limit_each_holds() -> None:
    gate = Gate(Allowance(at_once=100))
    gate.hear(0.0, Left("requests", 0, 20.0, "minute"))
    gate.hear(0.0, Left("requests", 5_000, 80_000.0, "day"))
    assert (gate.wait_s(0.0, 1), gate.wait_s(20.0, 1)) == (20.0, 0.0)


@settings(max_examples=60, deadline=None)
@given(levels=st.lists(st.integers(0, 9), min_size=2, max_size=60), at_once=st.integers(1, 3), pace=st.integers(0, 3))
def test_whoever_waits_passes_after_a_bounded_number_of_those_that_came_later(
    levels: list[int], at_once: int, pace: int
) -> None:
    """For each waiting call one of another level may come each time that one leaves: the worst that can be."""
    passed: list[int] = []

    async def simulate() -> None:
        limits, go = Limits(Allowance(at_once=at_once)), anyio.Event()

        async def call(number: int) -> None:
            async with limits.slot(level=levels[number]):
                passed.append(number)
                await checkpoint()

        async def holder() -> None:
            async with limits.slot():
                await go.wait()

        async with anyio.create_task_group() as tasks:
            for _ in range(at_once):
                tasks.start_soon(holder)
            await anyio.wait_all_tasks_blocked()
            for number in range(len(levels)):
                tasks.start_soon(call, number)
                if number % (pace + 1) == 0:
                    await checkpoint()
            await anyio.wait_all_tasks_blocked()
            go.set()

    asyncio.run(simulate())
    assert sorted(passed) == list(range(len(levels)))
    for place, number in enumerate(passed):
        later = sum(other > number for other in passed[:place])
        assert later <= STRIDE * levels[number], (number, levels[number], later)
        if at_once == 1:
            for other in passed[place + 1 :]:
                assert not (other < number and levels[other] <= levels[number]), "equals in the order of their coming"


async def test_an_urgent_call_goes_before_those_that_wait_and_a_later_one_of_the_same_level_behind_it() -> None:
    limits, passed = Limits(Allowance(at_once=1)), list[str]()

    async def call(name: str, level: int) -> None:
        async with limits.slot(level=level):
            passed.append(name)

    async with anyio.create_task_group() as tasks, limits.slot():
        for name in ("low", "normal", "high", "critical", "high"):
            tasks.start_soon(call, name, PRIORITIES[name])
            await anyio.wait_all_tasks_blocked()
    assert passed == ["critical", "high", "high", "normal", "low"]


@pytest.mark.parametrize("level", [0, 1, 5, 9])
async def test_a_crowd_of_urgent_calls_does_not_keep_another_for_ever(level: int) -> None:
    limits, passed = Limits(Allowance(at_once=1)), list[int]()

    async def call(number: int, level: int) -> None:
        async with limits.slot(level=level):
            passed.append(number)

    async with anyio.create_task_group() as tasks, limits.slot():
        for number in range(120):
            tasks.start_soon(call, number, 0 if number else level)
        await anyio.wait_all_tasks_blocked()
    assert passed.index(0) == max(0, STRIDE * level - 1)
