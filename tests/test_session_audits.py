"""Audits in a run: some accepted results are looked at again by another model, which changes neither result nor end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from events.log import Entry, EventLog, system_clock
from events.memory import MemoryLog
from events.trails import EVERYWHERE
from events.types.call import CallReserved, CallUnknown
from events.types.choice import ChoiceMade
from events.types.task import StepAccepted, StepAudited, TaskAccepted
from events.views.base import fold
from events.views.trails import TrailsView
from events.views.verdicts import Judged
from swarm.replay import replay
from swarm.settings.load import ChoiceSettings
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import DEAR, PASS, Cast, asked_models, faces, model, resume, run, serving, verdict

ONE = "prompt: Write a limerick.\naccept: It rhymes.\n"
CHECKED = "prompt: Write a limerick.\ncheck: {contains: fine}\n"
FAIL = verdict(False, "It does not rhyme.", 0.2)
ALWAYS: dict[str, Any] = {"choice": ChoiceSettings(audit_share=1.0)}
A, B, C = model("a"), model("b"), model("c")
DRAFTER = model("drafter", judge=False)


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(clock=system_clock)


def of(entries: Sequence[Entry], kind: type) -> list[Entry]:
    return [entry for entry in entries if isinstance(entry.event, kind)]


async def audit_of(log: EventLog) -> StepAudited:
    """The only audit of a log."""
    (entry,) = of(await entries_of(log), StepAudited)
    assert isinstance(entry.event, StepAudited)
    return entry.event


async def replays(log: EventLog, *, attempts: int = 0) -> None:
    again = await replay(log, 1)
    assert (again.divergence, again.skipped) == (None, "")
    assert again.attempts >= attempts


async def test_an_accepted_result_is_looked_at_by_a_third_model_once_the_task_is_accepted(
    log: MemoryLog, tmp_path: Path
) -> None:
    async with serving(Cast(), A, B, C, **ALWAYS) as (_, plan):
        result = await run(log, ONE, plan, tmp_path)
    assert (result.exit_code, result.tasks[0].text) == (0, "A fine result.")
    entries = await entries_of(log)
    (ended,), (audited,) = of(entries, TaskAccepted), of(entries, StepAudited)
    worker, judge, auditor = (each.event for each in of(entries, CallReserved))
    assert isinstance(worker, CallReserved) and isinstance(judge, CallReserved) and isinstance(auditor, CallReserved)
    assert ended.position < audited.position
    assert {worker.model, judge.model, auditor.model} == {"a", "b", "c"}
    assert (auditor.role, auditor.why) == ("auditor", "an audit")
    assert audited.event == StepAudited(
        judge=judge.model, auditor=f"critic@{auditor.model}", agrees=True, score=1.0, reason="it will do"
    )
    assert [said.text.digest for said in auditor.messages] == [said.text.digest for said in judge.messages]
    await replays(log, attempts=3)


async def test_an_auditor_who_disagrees_changes_neither_task_nor_trails_and_is_counted(
    log: MemoryLog, tmp_path: Path
) -> None:
    async with serving(Cast(validator=[PASS, FAIL]), A, B, C, **ALWAYS) as (_, plan):
        result = await run(log, ONE, plan, tmp_path)
    assert (result.exit_code, result.tasks[0].status) == (0, "accepted")
    audited = await audit_of(log)
    assert (audited.agrees, audited.reason) == (False, "It does not rhyme.")
    view = await fold(log, TrailsView())
    assert view.verdicts.judges == {audited.judge: Judged(accepted=1, audited=1, wrong=1)}
    (choice,) = (entry.event for entry in of(await entries_of(log), ChoiceMade))
    assert isinstance(choice, ChoiceMade)
    trail = view.learned.rows[EVERYWHERE, choice.model]
    assert (trail.accepted, trail.rejected) == (1.0, 0.0)
    await replays(log)


async def test_an_auditor_who_gives_a_rubric_less_than_the_task_asks_for_does_not_agree(
    log: MemoryLog, tmp_path: Path
) -> None:
    high, low = (json.dumps({"verdict": "pass", "score": 0.9, "scores": {"p1": score}}) for score in (0.9, 0.5))
    async with serving(Cast(validator=[high, low]), A, B, C, **ALWAYS) as (_, plan):
        await run(log, "prompt: Write a limerick.\ncheck: {rubric: its rhymes}\n", plan, tmp_path)
    assert (await audit_of(log)).agrees is False
    await replays(log)


async def test_a_result_that_its_checks_accepted_is_audited_by_another_model_than_the_workers(
    log: MemoryLog, tmp_path: Path
) -> None:
    async with serving(Cast(), A, B, **ALWAYS) as (provider, plan):
        await run(log, CHECKED, plan, tmp_path)
    audited = await audit_of(log)
    worker, auditor = asked_models(provider.requests)
    assert (audited.judge, audited.agrees) == ("checks", True)
    assert worker != auditor
    await replays(log)


@pytest.mark.parametrize(
    ("models", "text", "more"),
    [
        ((A, B, C), ONE, {"choice": ChoiceSettings(audit_share=0.0)}),
        ((A, B, C), ONE, {"choice": ChoiceSettings(audit_share=1.0, audit="off")}),
        ((A, B, C), ONE + "audit: off\n", ALWAYS),
        ((DRAFTER, A), ONE, ALWAYS),  # nobody but the judge may judge
        ((A,), CHECKED, ALWAYS),  # nobody but the worker
        ((DRAFTER,), "prompt: Write a limerick.\n", ALWAYS),  # its work is accepted unjudged
        ((A, model("dear", "paid", price=DEAR)), CHECKED, ALWAYS),  # a paid model was not asked for
    ],
    ids=["no share", "off", "off for the task", "no third", "no second", "unjudged", "paid"],
)
async def test_nothing_is_audited_where_nobody_wants_it_or_nobody_else_may(
    log: MemoryLog, tmp_path: Path, models: tuple[Any, ...], text: str, more: dict[str, Any]
) -> None:
    async with serving(Cast(), *models, **more) as (_, plan):
        assert (await run(log, text, plan, tmp_path)).exit_code == 0
    entries = await entries_of(log)
    assert not of(entries, StepAudited)
    assert all(
        call.event.role != "auditor" for call in of(entries, CallReserved) if isinstance(call.event, CallReserved)
    )
    (accepted,) = of(entries, StepAccepted)
    assert isinstance(accepted.event, StepAccepted) and not accepted.event.audit


async def test_a_paid_model_audits_where_that_is_asked_for(log: MemoryLog, tmp_path: Path) -> None:
    async with serving(Cast(), A, B, C, model("dear", "paid", price=DEAR), **ALWAYS) as (_, plan):
        await run(log, ONE + "audit: paid\n", plan, tmp_path)
    assert (await audit_of(log)).auditor == "critic@dear"
    await replays(log)


async def test_an_audit_is_not_made_where_it_would_take_a_cap_past_80_percent(log: MemoryLog, tmp_path: Path) -> None:
    async with serving(Cast(), A, B, C, **ALWAYS) as (provider, plan):
        free = await run(log, ONE, plan, tmp_path)
        last = of(await entries_of(log), CallReserved)[-1].event
        assert isinstance(last, CallReserved) and last.role == "auditor"
        spent = free.tasks[0].tokens * 2 // 3  # of three calls two were made before
        for cap, calls in ((spent + last.tokens, 2), ((spent + last.tokens) * 100 // 79, 3)):
            fresh, before = MemoryLog(clock=system_clock), len(provider.requests)
            assert (await run(fresh, ONE + f"budget: {{tokens: {cap}}}\n", plan, tmp_path)).exit_code == 0
            assert len(provider.requests) - before == calls
            audited = await audit_of(fresh)
            assert (audited.agrees is None) == (calls == 2)
            if calls == 2:
                why = "an audit takes no cap beyond 80 %, and that of s1 has no room left below that"
                assert (audited.auditor, audited.reason) == ("", why)
            await replays(fresh)


async def test_an_auditor_that_does_not_answer_is_the_end_of_the_audit_alone(log: MemoryLog, tmp_path: Path) -> None:
    cast = Cast(validator=[PASS, Answer(status=400, text="no")])
    async with serving(cast, A, B, C, **ALWAYS) as (_, plan):
        result = await run(log, ONE, plan, tmp_path)
    assert (result.exit_code, result.tasks[0].status) == (0, "accepted")
    audited = await audit_of(log)
    assert audited.agrees is None and audited.reason
    await replays(log)


async def test_the_first_stop_drops_an_audit_and_the_session_is_finished(log: MemoryLog, tmp_path: Path) -> None:
    looks = faces()
    cast = Cast(validator=[PASS, Answer("late", before_head=anyio.Event().wait)])

    def see(entries: Sequence[Entry]) -> None:
        for entry in entries:
            if isinstance(entry.event, CallReserved) and entry.event.role == "auditor":
                looks.stop.set()

    looks = faces(observe=see)
    async with serving(cast, A, B, C, **ALWAYS) as (_, plan):
        with anyio.fail_after(5):
            result = await run(log, ONE, plan, tmp_path, looks=looks)
    assert (result.exit_code, result.interrupted, result.tasks[0].text) == (0, False, "A fine result.")
    assert not of(await entries_of(log), StepAudited)
    await replays(log)


async def test_an_audit_that_was_cut_off_is_asked_for_no_second_time(log: MemoryLog, tmp_path: Path) -> None:
    cast = Cast(validator=[PASS, Answer("late", before_head=anyio.Event().wait)])
    async with serving(cast, A, B, C, **ALWAYS) as (provider, plan):
        async with anyio.create_task_group() as beside:

            async def cancel_in_flight() -> None:
                while len(provider.requests) < 3:
                    await provider.asked.wait()
                    await anyio.lowlevel.checkpoint()
                scope.cancel()

            beside.start_soon(cancel_in_flight)
            with anyio.CancelScope() as scope:
                await run(log, ONE, plan, tmp_path)
        assert of(await entries_of(log), CallUnknown)
        result = await resume(log, plan)
        assert len(provider.requests) == 3
    assert (result.exit_code, result.tasks[0].status) == (0, "accepted")
    assert (await audit_of(log)).reason == "its call was cut off, and nobody is asked twice for an audit"
    await replays(log)


async def test_an_audit_that_takes_too_long_is_given_up(
    log: MemoryLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swarm.engine.auditing.AUDIT_S", 0.05)
    cast = Cast(validator=[PASS, Answer("late", before_head=anyio.Event().wait)])
    async with serving(cast, A, B, C, **ALWAYS) as (_, plan):
        with anyio.fail_after(5):
            result = await run(log, ONE, plan, tmp_path)
    assert (result.exit_code, result.tasks[0].status) == (0, "accepted")
    assert (await audit_of(log)).reason == "it took longer than 0.05 s"
    await replays(log)


@pytest.mark.parametrize("seen", range(1, 14))
async def test_wherever_a_session_is_cut_off_its_auditor_is_asked_once_at_the_most(
    seen: int, log: MemoryLog, tmp_path: Path
) -> None:
    scope, told = anyio.CancelScope(), list[Entry]()

    def cut(entries: Sequence[Entry]) -> None:
        told.extend(entries)
        if len(told) >= seen:
            scope.cancel()

    async with serving(Cast(), A, B, C, **ALWAYS) as (provider, plan):
        with scope:
            await run(log, ONE, plan, tmp_path, looks=faces(observe=cut))
        result = await resume(log, plan)
        assert (result.exit_code, result.tasks[0].status) == (0, "accepted")
        assert len(provider.requests) == 3, "worker, judge and auditor were asked once"
    assert (await audit_of(log)).agrees
    await replays(log)


async def test_what_audits_found_of_the_judges_is_in_the_choices_that_follow(log: MemoryLog, tmp_path: Path) -> None:
    """Of every second draft that a judge accepted an auditor says that it is wrong: later choices reckon with one in ten."""
    async with serving(Cast(validator=[PASS, PASS, PASS, FAIL, PASS, FAIL, PASS]), A, B, C, **ALWAYS) as (_, plan):
        for _ in range(4):
            await run(log, ONE, plan, tmp_path)
    choices = [each.event for each in of(await entries_of(log), ChoiceMade)]
    assert [choice.accepts_wrong for choice in choices if isinstance(choice, ChoiceMade)] == [0.0, 0.0, 0.1, 0.1]
