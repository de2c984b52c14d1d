"""How often an earlier answer was given, and whether drafts kept to the words that they were told, from the log alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.log import open_log
from events.types.base import TextRef
from events.types.task import StepDrafted
from swarm.agents.profile import Agent
from swarm.cache.caching import Caching
from swarm.insight.answered import Answered, answered, kept_to, words_in
from swarm.insight.periods import period_of
from swarm.task import Limits, Task
from tests.running import Cast, run, serving

TASKS = (
    "tasks:\n- {id: a, prompt: Describe the sea, limits: {words: 5, attempts: 1}}\n"
    "- {id: b, prompt: Describe the moor, limits: {words: 3, attempts: 1}}\n"
)
LONG_AGO = period_of("day", date(2001, 1, 1))


async def test_drafts_are_counted_by_whether_they_kept_to_their_words(tmp_path: Path) -> None:
    async with open_log("memory:") as log, serving(Cast(worker=["It is wet and wide."])) as (_, plan):
        await run(log, TASKS, plan, tmp_path)
        found, before = await answered(log), await answered(log, LONG_AGO)
    assert (found.told, found.kept, found.cut, found.unread) == (2, 1, 0, 0)
    assert before == Answered()


async def test_a_call_that_an_earlier_one_answered_is_counted_beside_those_that_none_did(tmp_path: Path) -> None:
    task = "prompt: Describe the sea.\n"
    async with open_log("memory:") as log, serving(Cast(), caching=Caching(exact=True)) as (_, plan):
        for _ in range(3):
            assert (await run(log, task, plan, tmp_path)).exit_code == 0
        found = await answered(log)
    assert {how: each.served for how, each in found.served.items()} == {"exact": 4}
    assert (found.asked, found.saved.served) == (2, 4)
    assert found.saved.input_tokens > 0


def drafted(finish: str = "stop") -> StepDrafted:
    return StepDrafted(draft=TextRef(""), agent="writer", model="m", tier="free", finish=finish)


@pytest.mark.parametrize(
    ("text", "finish", "kept"), [("w " * 20, "stop", True), ("w " * 21, "stop", False), ("w", "length", False)]
)
def test_an_agents_own_limit_holds_for_its_drafts(text: str, finish: str, kept: bool) -> None:
    task = Task(id="t", prompt="Describe it.", team={"worker": (Agent(name="writer", words=20), Agent(name="other"))})
    assert kept_to(task, "writing", 2_000, drafted(finish), text) is kept


def test_where_no_words_were_told_nothing_is_counted() -> None:
    assert kept_to(Task(id="t", prompt="Translate it."), "translation", 2_000, drafted(), "w " * 999) is None
    task = Task(id="t", prompt="Translate it.", limits=Limits(words=2))
    assert kept_to(task, "translation", 2_000, drafted(), "one two three") is False


@given(st.integers(0, 50), st.integers(0, 50))
def test_of_code_the_words_beside_it_count(beside: int, inside: int) -> None:
    text = f"{'w ' * beside}\n```py\n{'x = 1 ' * inside}\n```\n"
    assert words_in(text, "code") == beside
    assert words_in(text, "prose") == beside + 3 * inside + 2
