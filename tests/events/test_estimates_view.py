"""How estimates held is folded from the log: what was foreseen when a session opened, beside what it spent."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from events.log import EventLog, NewEvent, open_log
from events.memory import MemoryLog
from events.testing import builders as make
from events.testing.builders import MORNING, SetClock
from events.types.any import AnyEvent
from events.types.session import Estimated, SessionClosed
from events.views.base import fold
from events.views.carried import FORMS
from events.views.estimates import EstimatesView, Held
from events.views.experience import EXPERIENCE, Experience, experience
from events.views.history import Doer, HistoryView
from events.views.kept import EVERY

FORESEEN = Estimated(p50_nanos=1_000, p90_nanos=2_000, p50_tokens=1, p90_tokens=2)
MONTH = datetime.fromtimestamp(MORNING // 1_000_000, UTC).strftime("%Y-%m")


async def add(log: EventLog, event: AnyEvent, *, session: int = 1, task: str = "", step: int = 0) -> int:
    topic = "ledger" if event.__struct_config__.tag == "call.reserved" else f"session/{session}"
    new = NewEvent(event=event, topic=topic, session=session, task=task, step=step)
    return (await log.append([new])).positions[0]


async def session(log: EventLog, number: int, *costs: int, estimate: Estimated | None = FORESEEN) -> None:
    await add(log, make.opened(estimate=estimate), session=number)
    for nanos in costs:
        reservation = await add(log, make.reserved(), session=number, task="build")
        await add(log, make.settled(reservation, cost_nanos=nanos), session=number, task="build")
    await add(log, SessionClosed(finished=True, exit_code=0), session=number)


async def test_a_run_counts_below_the_quantiles_that_it_did_not_pass() -> None:
    log = MemoryLog(clock=SetClock(MORNING))
    for number, costs in enumerate([(1_000,), (900, 101), (2_000,), (2_001,), ()], 1):
        await session(log, number, *costs)
    await session(log, 6, 5, estimate=None)
    view = await fold(log, EstimatesView())
    assert view.months == {MONTH: Held(runs=5, under_p50=2, under_p90=4)}
    assert not view.guesses


async def test_a_call_of_which_nobody_knew_counts_once_whatever_is_found_out_of_it() -> None:
    log = MemoryLog(clock=SetClock(MORNING))
    await add(log, make.opened(estimate=FORESEEN))
    for found in (make.settled(2, cost_nanos=900), make.failed(5), None):
        reservation = await add(log, make.reserved(cost_nanos=1_050))
        await add(log, make.unknown(reservation))
        if found is not None:
            assert found.reservation == reservation
            await add(log, found)
    await add(log, SessionClosed(finished=True, exit_code=0))
    assert (await fold(log, EstimatesView())).months == {MONTH: Held(1, 0, 1)}, "900 + 0 + 1,050 nano-dollars"


async def test_a_guess_counts_apart_and_a_run_that_is_not_over_counts_nowhere() -> None:
    log = MemoryLog(clock=SetClock(MORNING))
    guess = Estimated(p50_nanos=1, p90_nanos=2, p50_tokens=1, p90_tokens=2, guess=True)
    await session(log, 1, 5, estimate=guess)
    await add(log, make.opened(estimate=FORESEEN), session=2)
    await add(log, SessionClosed(finished=False, exit_code=130), session=2)
    view = await fold(log, EstimatesView())
    assert (view.months, view.guesses) == ({}, {MONTH: Held(1, 0, 0)})


async def test_what_was_maybe_paid_counts_at_its_reservation() -> None:
    log = MemoryLog(clock=SetClock(MORNING))
    await add(log, make.opened(estimate=FORESEEN))
    reservation = await add(log, make.reserved(cost_nanos=1_500), task="build")
    await add(log, make.unknown(reservation), task="build")
    await add(log, SessionClosed(finished=True, exit_code=0))
    assert (await fold(log, EstimatesView())).months[MONTH] == Held(1, 0, 1)


async def a_little_history(log: EventLog) -> None:
    await add(log, make.opened(estimate=FORESEEN))
    await add(log, make.submitted(explore=True), task="build")
    await add(log, make.planned(total=2), task="build", step=1)
    for event in (make.accepted(), make.rejected()):
        reservation = await add(log, make.reserved(), task="build", step=1)
        await add(log, make.settled(reservation, output_tokens=100), task="build", step=1)
        await add(log, make.drafted(), task="build", step=1)
        await add(log, event, task="build", step=1)
    reservation = await add(log, make.reserved(), task="build", step=1)
    await add(log, make.settled(reservation, basis="reservation"), task="build", step=1)
    await add(log, make.accepted(by="ada"), task="build", step=1)


async def test_history_holds_answers_verdicts_and_plans_by_who_did_them() -> None:
    log = MemoryLog(clock=SetClock(MORNING))
    await a_little_history(log)
    view = await fold(log, HistoryView())
    done = view.done[Doer("worker", "small", "code")]
    assert (done.accepted, done.rejected) == (1, 1), "a person who overrules a verdict is no second draft"
    assert done.answers == {103: 2}, "what a provider did not count says nothing of sizes"
    assert view.plans == {"code": {2: 1}}


@pytest.mark.parametrize("view", [HistoryView, EstimatesView])
async def test_what_an_archive_carries_on_is_read_back(view: type[HistoryView | EstimatesView]) -> None:
    log = MemoryLog(clock=SetClock(MORNING))
    await a_little_history(log)
    folded = await fold(log, view())
    form = next(form for kind, form in FORMS.values() if kind is view)
    again = form.read(form.write(folded))
    public = [name for name in folded.__struct_fields__ if not name.startswith("_")]
    assert [getattr(again, name) for name in public] == [getattr(folded, name) for name in public]


async def test_a_long_log_is_folded_from_its_snapshot_and_says_the_same(tmp_path: Path) -> None:
    async with open_log(tmp_path / "log.db") as log:
        await a_little_history(log)
        renewed = [NewEvent(event=make.closed(finished=False), topic="session/1", session=1) for _ in range(EVERY)]
        await log.append(renewed)
        first = await experience(log)
        await session(log, 2, 1_500)
        kept = await log.snapshot(EXPERIENCE.name, EXPERIENCE.form)
        assert kept is not None
        assert kept.position >= EVERY
        assert (await experience(log)).view == await fold(log, Experience())
        assert first.view.estimates.months != (await experience(log)).view.estimates.months
