"""An answer gets the room that answers like it needed; where that was too little it is asked for again, and nobody is blamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from events.log import EventLog, open_log
from events.testing.builders import SetClock
from events.types.call import CallReserved, Foreseen
from events.types.task import StepDrafted, StepRejected
from swarm.insight.why import explain_event
from swarm.money.foresight import LEAST_ANSWERS, LEAST_TOKENS
from swarm.replay import replay
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import PASS, Cast, a_plan, plan_text, resume, run, serving
from tests.test_answer_room import needing, room_of, rooms

EARLIER = f"prompt: Write a limerick on {{{{item}}}}\neach: [{', '.join(map(str, range(LEAST_ANSWERS)))}]\n"
NEXT = "prompt: Write a limerick on a fox\n"
NEEDED = 60  # words, and tokens, of each answer before
ROOM = 63  # as sizes are counted


@pytest.fixture
async def log() -> AsyncGenerator[EventLog]:
    async with open_log("memory:") as opened:
        yield opened


async def after_others(log: EventLog, cast: Cast, root: Path, text: str, *, words: int) -> Any:
    """What comes of a task whose draft needs so many words, after one of which many drafts needed fewer."""
    async with serving(cast) as (_, plan):
        cast.play("worker", needing(NEEDED))
        assert (await run(log, EARLIER, plan, root)).exit_code == 0
        cast.seen.clear()
        cast.play("worker", needing(words))
        return await run(log, text, plan, root)


async def reserved(log: EventLog, session: int = 2) -> list[CallReserved]:
    entries = await entries_of(log)
    return [each.event for each in entries if each.session == session and isinstance(each.event, CallReserved)]


async def test_the_room_of_an_answer_is_what_those_before_it_needed_and_its_event_says_so(
    log: EventLog, tmp_path: Path
) -> None:
    cast = Cast()
    assert (await after_others(log, cast, tmp_path, NEXT, words=NEEDED)).exit_code == 0
    draft, judged = await reserved(log)
    assert (draft.max_output_tokens, draft.foreseen) == (ROOM, Foreseen(ROOM, LEAST_ANSWERS, "model"))
    assert judged.max_output_tokens == LEAST_TOKENS, "so short are verdicts"
    assert rooms(cast) == [ROOM]
    assert (await replay(log, 2)).divergence is None


async def test_what_was_cut_there_is_asked_for_again_with_all_that_is_allowed_and_is_no_rejection(
    log: EventLog, tmp_path: Path
) -> None:
    cast = Cast()
    result = await after_others(log, cast, tmp_path, NEXT + "limits: {attempts: 1}\n", words=200)
    assert (result.exit_code, rooms(cast)) == (0, [ROOM, 300])
    assert len(str(result.tasks[0].text).split()) == 200
    events = [entry.event for entry in await entries_of(log) if entry.session == 2]
    assert not any(isinstance(event, StepRejected) for event in events)
    assert [event.finish for event in events if isinstance(event, StepDrafted)] == ["stop"]
    assert (await replay(log, 2)).divergence is None


async def test_what_all_that_is_allowed_cuts_as_well_gets_more_as_ever(log: EventLog, tmp_path: Path) -> None:
    cast = Cast()
    result = await after_others(log, cast, tmp_path, NEXT, words=900)
    assert (result.exit_code, rooms(cast)) == (0, [ROOM, 300, 1_200])


@pytest.mark.parametrize(
    ("limits", "asked"),
    [("turns: 1", [300]), ("turns: 2", [300]), ("answer: 0.1k", [100]), ("answer: 0.4k", [ROOM])],
)
async def test_who_counts_the_calls_or_leaves_little_room_gets_what_they_say(
    log: EventLog, tmp_path: Path, limits: str, asked: list[int]
) -> None:
    cast = Cast()
    await after_others(log, cast, tmp_path, f"{NEXT}limits: {{{limits}}}\n", words=NEEDED)
    assert rooms(cast) == asked


async def test_a_draft_behind_one_that_was_cut_gets_all_its_room(
    log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swarm.money.foresight.SHARE", 90)  # so that a few that were cut leave enough that is known
    cast = Cast()
    await after_others(log, cast, tmp_path, f"{NEXT}budget: 100k\n", words=9_000)
    assert rooms(cast)[:5] == [ROOM, 300, 1_200, 1_200, 4_800]


async def test_a_verdict_that_was_cut_there_is_asked_for_again(log: EventLog, tmp_path: Path) -> None:
    cast, told = Cast(), PASS.replace("it will do", "word " * 100)

    def judge(body: dict[str, Any]) -> Answer:
        return Answer(told) if room_of(body) > LEAST_TOKENS else Answer(told[:40], finish="length")

    async with serving(cast) as (_, plan):
        assert (await run(log, EARLIER, plan, tmp_path)).exit_code == 0
        cast.play("validator", judge)
        result = await run(log, NEXT, plan, tmp_path)
    calls = [call for call in await reserved(log) if call.role == "validator"]
    assert (result.exit_code, [call.max_output_tokens for call in calls]) == (0, [LEAST_TOKENS, 400])
    assert (await replay(log, 2)).divergence is None


async def test_a_plan_that_was_cut_there_is_asked_for_again(log: EventLog, tmp_path: Path) -> None:
    cast = Cast()

    def explore(body: dict[str, Any]) -> Answer:
        return Answer(plan_text("do it")) if room_of(body) > 512 else Answer(plan_text("do")[:30], finish="length")

    async with serving(cast) as (_, plan):
        assert (await run(log, EARLIER + "explore: true\n", plan, tmp_path)).exit_code == 0
        cast.play("explorer", explore)
        result = await run(log, NEXT + "explore: true\n", plan, tmp_path)
    calls = [call for call in await reserved(log) if call.role == "explorer"]
    assert (result.exit_code, [call.max_output_tokens for call in calls]) == (0, [LEAST_TOKENS, 1_024])


async def test_a_resume_takes_what_was_foreseen_from_the_record(log: EventLog, tmp_path: Path) -> None:
    cast = Cast()
    calls = 0

    def once(body: dict[str, Any]) -> Answer:
        nonlocal calls
        calls += 1
        return Answer("", status=402) if calls == 2 else needing(200)(body)

    async with serving(cast) as (provider, plan):
        cast.play("worker", needing(NEEDED))
        assert (await run(log, EARLIER, plan, tmp_path)).exit_code == 0
        cast.seen.clear()
        cast.play("worker", once)
        assert (await run(log, NEXT, plan, tmp_path)).exit_code == 4
        assert (await resume(log, a_plan({"one": provider.url}), session=2)).exit_code == 0
    assert rooms(cast) == [ROOM, 300, 300], (
        "the answer that was cut is given back, and only the second call is made again"
    )
    assert (await replay(log, 2)).divergence is None


async def test_a_call_that_failed_is_made_again_by_a_resume_as_it_was_recorded(log: EventLog, tmp_path: Path) -> None:
    cast, clock = Cast(), SetClock()
    async with serving(cast, tries=1, patience_s=0.0) as (provider, plan):
        cast.play("worker", needing(NEEDED))
        assert (await run(log, EARLIER, plan, tmp_path, clock=clock)).exit_code == 0
        cast.seen.clear()
        cast.play("worker", Answer("busy", status=503), needing(NEEDED))
        assert (await run(log, NEXT, plan, tmp_path, clock=clock)).exit_code == 4
        clock.move(61)  # by then the model has cooled down
        assert (await resume(log, a_plan({"one": provider.url}), session=2, clock=clock)).exit_code == 0
    assert rooms(cast) == [ROOM, ROOM]
    assert [call.foreseen for call in await reserved(log) if call.role == "worker"] == [Foreseen(ROOM, 39, "model")] * 2


async def test_why_tells_what_a_limit_was_made_from(log: EventLog, tmp_path: Path) -> None:
    cast = Cast()
    await after_others(log, cast, tmp_path, NEXT, words=NEEDED)
    position = next(
        entry.position
        for entry in await entries_of(log)
        if entry.session == 2 and isinstance(entry.event, CallReserved) and entry.event.role == "worker"
    )
    told = str(await explain_event(log, position))
    assert f"{LEAST_ANSWERS} answers" in told and str(ROOM) in told
