"""A task that says how many words its result may have gets no result with more; it is told so, and has room for them."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from events.log import EventLog, open_log
from events.types.task import StepAccepted, StepRejected
from swarm.replay import replay
from tests.ledger_agents import entries_of
from tests.running import Cast, plan_text, run, serving
from tests.test_answer_room import needing, rooms


@pytest.fixture
async def log() -> AsyncGenerator[EventLog]:
    async with open_log("memory:") as opened:
        yield opened


async def test_a_draft_with_more_words_is_rejected_and_the_next_one_told_by_how_many(
    log: EventLog, tmp_path: Path
) -> None:
    cast = Cast(worker=[needing(8), needing(7)])
    async with serving(cast) as (_, plan):
        result = await run(log, "prompt: Write a limerick\nlimits: {words: 7}\n", plan, tmp_path)
    assert (result.exit_code, cast.roles) == (0, ["worker", "worker", "validator"]), "no judge sees what is too long"
    rejected = next(entry.event for entry in await entries_of(log) if isinstance(entry.event, StepRejected))
    assert rejected.reason == "words: it has 8 words, and 7 are the most"
    first, second = cast.prompts("worker")
    assert "It has at most 7 words." in first and rejected.reason in second
    assert (await replay(log, 1)).divergence is None


async def test_without_such_a_limit_a_long_draft_is_kept(log: EventLog, tmp_path: Path) -> None:
    cast = Cast(worker=[needing(290)])
    async with serving(cast) as (_, plan):
        assert (await run(log, "prompt: Write a limerick\n", plan, tmp_path)).exit_code == 0
    assert cast.prompts("worker")[0].endswith("Be brief: at most 150 words, unless the task asks for another length.")


async def test_only_the_last_step_of_a_plan_hands_the_result_over(log: EventLog, tmp_path: Path) -> None:
    cast = Cast(explorer=[plan_text("collect", "write")], worker=[needing(100), needing(5)])
    async with serving(cast) as (_, plan):
        result = await run(log, "prompt: Write a limerick\nexplore: true\nlimits: {words: 7}\n", plan, tmp_path)
    assert result.exit_code == 0
    accepted = [entry.event for entry in await entries_of(log) if isinstance(entry.event, StepAccepted)]
    assert [check.name for event in accepted for check in event.checks] == ["form", "words"]


async def test_the_words_of_several_files_are_counted_together(log: EventLog, tmp_path: Path) -> None:
    files = [json.dumps({"a": "one two", "b": said}) for said in ("three four", "three")]
    cast = Cast(worker=files)
    text = "prompt: Write two notes\noutputs: {a: a.txt, b: b.txt}\nlimits: {words: 3}\n"
    async with serving(cast) as (_, plan):
        assert (await run(log, text, plan, tmp_path)).exit_code == 0
    assert cast.roles.count("worker") == 2 and (tmp_path / "b.txt").read_text().strip() == "three"


@pytest.mark.parametrize(
    ("limits", "room"), [("words: 400", 800), ("words: 20", 300), ("words: 400, answer: 0.5k", 500)]
)
async def test_the_answer_has_room_for_its_words(log: EventLog, tmp_path: Path, limits: str, room: int) -> None:
    cast = Cast()
    async with serving(cast) as (_, plan):
        await run(log, f"prompt: Write a limerick\nlimits: {{{limits}}}\n", plan, tmp_path)
    assert rooms(cast) == [room]
