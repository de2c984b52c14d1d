"""Views over generated histories: followed live or folded from the start they say the same, and their sums agree."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.bus import next_entries
from events.log import Entry, EventLog, open_log
from events.memory import MemoryLog
from events.scopes import path_of
from events.testing import builders as make
from events.testing.builders import MORNING, SetClock
from events.testing.contract import everything
from events.testing.histories import Append, history, scenes
from events.trails import EVERYWHERE, HALF_LIFE_S, USE, Trail, places
from events.types.any import AnyEvent
from events.types.call import BudgetSet, CallFailed, CallOverran, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.session import SessionRenewed
from events.types.task import (
    AttemptAbandoned,
    Overruled,
    StepAccepted,
    StepRejected,
    TaskHalted,
    TaskReopened,
    TaskSubmitted,
)
from events.views.base import View, fold
from events.views.claims import ClaimsView
from events.views.cost import CostView
from events.views.estimates import EstimatesView
from events.views.history import HistoryView
from events.views.inputs import InputsView
from events.views.money import Amount, MoneyView, ScopeState, SetCap
from events.views.requests import RequestsView
from events.views.sessions import SessionsView
from events.views.sizes import SizesView
from events.views.standing import Standing
from events.views.tasks import TaskState, TasksView, advance
from events.views.trails import TrailsView

VIEWS: tuple[Callable[[], View], ...] = (
    ClaimsView,
    CostView,
    EstimatesView,
    HistoryView,
    InputsView,
    MoneyView,
    RequestsView,
    SessionsView,
    SizesView,
    Standing,
    TasksView,
    TrailsView,
)
seeds = st.integers(min_value=0, max_value=1 << 32)


async def write(log: EventLog, appends: Sequence[Append]) -> None:
    for events, texts in appends:
        await log.append(events, texts=texts)


async def follow_while(log: EventLog, write: Callable[[], object], count: int) -> list[View]:
    """The views of a follower that runs while the log is written."""
    views, position, seen = [view() for view in VIEWS], 0, 0
    writing = asyncio.ensure_future(write())  # type: ignore[call-overload]
    while seen < count:
        for entry in await next_entries(log, position, limit=3, poll_s=0.01):
            for view in views:
                view.apply(entry)
            position, seen = entry.position, seen + 1
    await writing
    return views


async def check_followed_and_folded(log: EventLog, appends: Sequence[Append]) -> None:
    count = sum(len(append.events) for append in appends)
    followed = await follow_while(log, lambda: write(log, appends), count)
    folded = [await fold(log, view()) for view in VIEWS]
    assert followed == folded
    half = [await fold(log, view(), until=count // 2) for view in VIEWS]
    assert [await fold(log, view, after=count // 2) for view in half] == folded


@given(seeds)
def test_a_view_followed_live_equals_the_view_folded_from_the_start(seed: int) -> None:
    async def check() -> None:
        await check_followed_and_folded(MemoryLog(clock=SetClock(), ring=8), history(Random(seed)))

    anyio.run(check)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_the_same_holds_for_a_log_in_a_file_and_both_hold_the_same_entries(seed: int) -> None:
    async def check() -> None:
        appends, memory = history(Random(seed)), MemoryLog(clock=SetClock())
        await write(memory, appends)
        with TemporaryDirectory() as folder:
            async with open_log(Path(folder) / "log.db", clock=SetClock()) as log:
                await check_followed_and_folded(log, appends)
                assert await everything(log) == await everything(memory)

    anyio.run(check)


def entries_of(seed: int) -> list[Entry]:
    """A history as it stands in a log, a while between any two appends; ids apart, which are random."""
    random, clock = Random(seed), SetClock()
    log = MemoryLog(clock=clock)

    async def play() -> list[Entry]:
        scene = scenes(random)
        append = next(scene)
        while True:
            clock.move(random.expovariate(1 / 3600))
            positions = (await log.append(append.events, texts=append.texts)).positions
            try:
                append = scene.send(positions)
            except StopIteration:
                return [msgspec.structs.replace(entry, id=b"") for entry in await everything(log)]

    return anyio.run(play)


def folded(view: View, entries: Sequence[Entry]) -> None:
    for entry in entries:
        view.apply(entry)


@given(seeds)
def test_money_by_scope_is_the_sum_of_its_calls_and_never_negative(seed: int) -> None:
    entries, view = entries_of(seed), MoneyView()
    for entry in entries:
        view.apply(entry)
        for state in view.scopes.values():
            for amount in (state.spent, state.reserved, state.maybe_paid, state.overran):
                assert amount.tokens >= 0 and amount.nanos >= 0
    assert view.scopes == recomputed(entries)


def recomputed(entries: Sequence[Entry]) -> dict[str, ScopeState]:
    """Each call by itself: what its last event says."""
    scopes: dict[str, ScopeState] = {}
    for entry in entries:
        if isinstance(entry.event, CallOverran):
            for name in entry.event.scopes:
                scope = scopes.setdefault(name, ScopeState())
                scope.overran.add(entry.event.tokens, entry.event.cost_nanos)
                scope.overran_by = entry.event.reservation
        if isinstance(entry.event, BudgetSet):
            caps = {"tokens": entry.event.tokens, "nanos": entry.event.nanos}
            held = scopes.setdefault(entry.event.scope, ScopeState()).caps
            for unit, most in caps.items():
                if most is not None:
                    held[unit] = SetCap(most=most, by=entry.event.by, at=entry.at, position=entry.position)
        if not isinstance(entry.event, CallReserved):
            continue
        call, state = entry.event, ScopeState(calls=1)
        ends = [other.event for other in entries if getattr(other.event, "reservation", 0) == entry.position]
        match [end for end in ends if not isinstance(end, CallOverran)][-1:]:
            case [CallSettled(tokens=tokens, cost_nanos=nanos)]:
                state.spent.add(tokens, nanos)
            case [CallUnknown()]:
                state.spent.add(call.tokens, call.cost_nanos)
                state.maybe_paid.add(call.tokens, call.cost_nanos)
            case [CallFailed() | CallReleased()]:
                pass
            case _:
                state.reserved.add(call.tokens, call.cost_nanos)
        for name in path_of(call.scopes, project=entry.project, role=call.role, agent=call.agent):
            scope = scopes.setdefault(name, ScopeState())
            scope.calls += 1
            for field in ("spent", "reserved", "maybe_paid"):
                amount: Amount = getattr(state, field)
                getattr(scope, field).add(amount.tokens, amount.nanos)
    return scopes


@given(seeds)
def test_cost_tasks_and_money_tell_the_same_sums(seed: int) -> None:
    entries = entries_of(seed)
    cost, money, tasks = CostView(), MoneyView(), TasksView()
    for view in (cost, money, tasks):
        folded(view, entries)
    total, log = cost.total(), money.scope("log")
    assert (total.nanos, total.maybe_paid_nanos, total.calls) == (log.spent.nanos, log.maybe_paid.nanos, log.calls)
    assert all(min(msgspec.structs.astuple(amounts)) >= 0 for amounts in cost.costs.values())
    of_tasks = [task for tasks_of in tasks.tasks.values() for task in tasks_of.values()]
    assert sum(task.cost_nanos for task in of_tasks) == total.nanos
    assert sum(task.tokens for task in of_tasks) == log.spent.tokens
    assert sum(task.open_calls for task in of_tasks) == total.open == len(money.open)
    assert sum(task.maybe_paid for task in of_tasks) == total.maybe_paid == len(money.unknown)
    for (session, name), task in {(task.session, task.name): task for task in of_tasks}.items():
        scope = money.scope(f"s{session}/{name}")
        assert (task.tokens, task.cost_nanos, task.calls) == (scope.spent.tokens, scope.spent.nanos, scope.calls)


def placed(*events: AnyEvent) -> list[Entry]:
    """The events as entries 1, 2, ... of one attempt."""

    async def play() -> list[Entry]:
        log = MemoryLog(clock=SetClock())
        await log.append([make.new(event, task="build", step=1, attempt=1) for event in events])
        return await everything(log)

    return anyio.run(play)


def test_a_call_that_is_unknown_twice_is_charged_once_and_corrected_when_its_bill_comes() -> None:
    call = make.reserved(tokens=1000, cost_nanos=2000)
    doubt: list[AnyEvent] = [make.submitted(), call, make.unknown(2), make.unknown(2)]
    cost, money, tasks = CostView(), MoneyView(), TasksView()
    entries = placed(*doubt, make.settled(2, tokens=500, cost_nanos=900), make.settled(2), make.released(2))
    for view in (cost, money, tasks):
        folded(view, entries[: len(doubt)])
    task = tasks.of(1)["build"]
    assert (cost.total().nanos, cost.total().maybe_paid, cost.total().open) == (2000, 1, 0)
    assert money.scope("log").spent == money.scope("log").maybe_paid == Amount(1000, 2000)
    assert (task.tokens, task.cost_nanos, task.maybe_paid, task.open_calls) == (1000, 2000, 1, 0)
    for view in (cost, money, tasks):
        folded(view, entries[len(doubt) :])
    assert (cost.total().nanos, cost.total().maybe_paid, cost.total().maybe_paid_nanos) == (900, 0, 0)
    assert money.scope("log").spent == Amount(500, 900) and money.scope("log").maybe_paid == Amount()
    assert (task.tokens, task.cost_nanos, task.maybe_paid, task.open_calls) == (500, 900, 0, 0)


@given(seeds)
def test_a_task_advances_by_its_own_events_as_the_view_says(seed: int) -> None:
    entries, view = entries_of(seed), TasksView()
    alone: dict[tuple[int, str], TaskState] = {}
    for entry in entries:
        view.apply(entry)
        if isinstance(entry.event, TaskSubmitted):
            first = TasksView()
            first.apply(entry)
            alone[entry.session, entry.task] = first.of(entry.session)[entry.task]
        elif entry.task:
            advance(alone[entry.session, entry.task], entry)
    for (session, name), state in alone.items():
        whole = view.of(session)[name]
        for field in ("status", "steps", "total", "result", "unjudged", "reason", "cause", "ended_at", "abandoned"):
            assert getattr(state, field) == getattr(whole, field), field
        if whole.status == "accepted":
            assert whole.step is None and len(whole.steps) == whole.total and whole.result is not None


def test_a_reopened_task_is_open_again_with_the_steps_it_had() -> None:
    view = TasksView()
    halted = TaskHalted(reason="the cap is reached", scope="session", unit="tokens", used=9, cap=10, needed=5)
    folded(view, placed(make.submitted(), make.planned(), make.drafted(), make.rejected(), halted))
    task = view.of(1)["build"]
    assert (task.status, task.ended_at, task.steps[0].attempt) == ("halted", MORNING, 2)
    assert task.steps[0].fails == {"maker@small": 1}
    folded(view, placed(TaskReopened(reason="more room")))
    assert (task.status, task.reason, task.ended_at, len(task.steps)) == ("open", "", 0, 1)


@given(seeds, st.lists(st.integers(0, 10**13), max_size=5))
def test_reading_a_trail_changes_nothing_and_depends_on_its_time_alone(seed: int, moments: list[int]) -> None:
    entries, read, unread = entries_of(seed), TrailsView(), TrailsView()
    for entry in entries:
        read.apply(entry)
        unread.apply(entry)
        for moment in moments:
            read.learned.trail("worker/code", "maker@small", entry.at + moment)
    assert read == unread
    end = entries[-1].at
    for (context, arm), trail in read.learned.rows.items():
        assert 0 <= trail.accepted <= 1 / (1 - USE) and 0 <= trail.rejected <= 1 / (1 - USE)
        values = [read.learned.trail(context, arm, end + moment).accepted for moment in sorted(moments)]
        assert values == sorted(values, reverse=True)
        half = read.learned.trail(context, arm, trail.at + round(HALF_LIFE_S * 1e6))
        assert abs(half.accepted - trail.accepted / 2) < 1e-9 and abs(half.rejected - trail.rejected / 2) < 1e-9
    verdicts = [entry for entry in entries if isinstance(entry.event, StepAccepted | StepRejected)]
    everywhere = [trail for (context, _), trail in read.learned.rows.items() if context == EVERYWHERE]
    assert sum(trail.accepted + trail.rejected for trail in everywhere) <= 2 * len(verdicts)
    assert read.learned.trail("nowhere", "nobody@nothing", end) == Trail(0.0, 0.0, end)


def test_only_verdicts_move_a_trail() -> None:
    view = TrailsView()
    quiet: list[AnyEvent] = [
        make.chosen(),
        make.reserved(),
        make.failed(2),
        make.drafted(),
        make.accepted(unjudged=True),
    ]
    folded(view, placed(*quiet))
    assert view.learned.rows == {}
    folded(view, placed(make.chosen(), make.accepted()))
    assert view.learned.trail("worker/code", "maker@small", MORNING).accepted == 1.0
    folded(view, placed(make.chosen(), make.rejected()))
    trail = view.learned.trail("worker/code", "maker@small", MORNING)
    assert (trail.accepted, trail.rejected) == (USE, 1.0)
    assert view.learned.trail(EVERYWHERE, "small", MORNING) == trail


def test_an_explorer_whose_answers_were_no_plan_has_no_part_in_what_comes_of_the_task() -> None:
    view, explored = TrailsView(), make.chosen(role="explorer", context="explorer/code")
    folded(view, placed(explored, AttemptAbandoned(role="explorer", reason="no plan"), make.task_accepted()))
    assert view.learned.rows == {}
    folded(view, placed(explored, AttemptAbandoned(role="explorer", reason="no plan"), explored, make.task_accepted()))
    assert view.learned.trail("explorer/code", "maker@small", MORNING).accepted == 1.0


def test_a_verdict_on_a_draft_of_another_arm_than_was_chosen_last_moves_no_trail() -> None:
    view = TrailsView()
    folded(view, placed(make.chosen(), make.chosen(model="large"), make.drafted(model="small"), make.rejected()))
    assert view.learned.rows == {}
    folded(view, placed(make.chosen(), make.chosen(model="large"), make.drafted(model="large"), make.rejected()))
    assert set(view.learned.rows) == {("worker/code", "maker@large"), (EVERYWHERE, "large")}


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("days", [0, 3, 30])
def test_a_person_who_overrules_a_verdict_takes_back_what_is_left_of_its_deposit(accepted: bool, days: int) -> None:
    def verdict(accepted: bool, **changes: Any) -> StepAccepted | StepRejected:
        return make.accepted(**changes) if accepted else make.rejected(**changes)

    later, view = MORNING + days * 24 * 3600 * 1_000_000, TrailsView()
    folded(view, placed(make.chosen(), verdict(accepted)))
    overruled = Overruled(context="worker/code", agent="maker", model="small", judged_at=MORNING)
    (entry,) = placed(verdict(not accepted, by="ann", overrules=overruled))
    view.apply(msgspec.structs.replace(entry, at=later))
    for context, name in places("worker/code", "maker@small"):
        trail = view.learned.trail(context, name, later)
        assert (trail.accepted, trail.rejected) == pytest.approx((0, 1) if accepted else (1, 0))
    unjudged = msgspec.structs.replace(overruled, judged_at=0)
    view.apply(msgspec.structs.replace(placed(verdict(accepted, by="ann", overrules=unjudged))[0], at=later))
    trail = view.learned.trail("worker/code", "maker@small", later)
    assert (trail.accepted, trail.rejected) == pytest.approx((1, USE) if accepted else (USE, 1))


@given(seeds)
def test_each_session_is_opened_once_and_its_owner_is_the_last_claim(seed: int) -> None:
    entries, view = entries_of(seed), SessionsView()
    folded(view, entries)
    assert sorted(view.sessions) == [1, 2, 3]
    for number, state in view.sessions.items():
        claims = [entry.position for entry in entries if entry.topic == f"claim/s{number}"]
        assert state.claim_head == claims[-1] and state.claim is None and state.closed_at
        assert state.exit_code == 0 and state.opened in [entry.position for entry in entries]


def test_a_session_that_is_claimed_again_is_neither_closed_nor_finished() -> None:
    view = SessionsView()
    entries = placed(
        make.opened(),
        make.claimed(epoch=1),
        make.closed(reason="done"),
        make.claimed(epoch=2),
        SessionRenewed(valid_until=5),
    )
    folded(view, entries[:3])
    state = view.sessions[1]
    assert (state.finished, state.reason, state.claim) == (True, "done", None) and state.closed_at == MORNING
    folded(view, entries[3:])
    assert (state.finished, state.reason, state.exit_code, state.closed_at, state.epoch) == (False, "", None, 0, 2)
    assert state.claim is not None and (state.claim.valid_until, state.claim_head) == (5, 4)
