"""What stands before a task's own work: a condition, and the items for which it is done."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from events.log import EventLog, open_log
from events.types.task import TaskCleared, TaskExpanded, TaskSkipped
from swarm.replay import replay
from swarm.session import Result
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import Cast, run, serving, state_of, verdict

EACH = """
tasks:
  survey: {prompt: List the words, output: {path: words.json, format: json}}
  write:
    needs: survey
    each: survey.output[]
    prompt: "Define {{item.name}}"
    output: "docs/{{item.name}}.md"
  publish: {prompt: Sum it up, needs: write}
"""
WORDS = json.dumps([{"name": "rain"}, {"name": "snow"}])


@pytest.fixture
async def log(tmp_path: Path) -> AsyncGenerator[EventLog]:
    async with open_log(tmp_path / "state" / "log.db") as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def writer(body: dict[str, Any], words: str = WORDS) -> Answer:
    asked = str(body["messages"])
    return Answer(words if "List the words" in asked else "Done: " + body["messages"][-1]["content"][:200])


async def play(log: EventLog, text: str, root: Path, cast: Cast) -> Result:
    async with serving(cast) as (_, plan):
        result = await run(log, text, plan, root)
    played = await replay(log, 1)
    assert played.divergence is None and not played.skipped
    return result


def ends(result: Result) -> dict[str, str]:
    return {task.name: task.status for task in result.tasks}


async def test_a_task_is_done_once_for_each_item_of_what_another_found(log: EventLog, root: Path) -> None:
    cast = Cast(worker=[writer])
    result = await play(log, EACH, root, cast)
    assert result.exit_code == 0
    assert ends(result) == dict.fromkeys(("survey", "write", "publish", "write.1", "write.2"), "accepted")
    assert "Define rain" in (root / "docs" / "rain.md").read_text()
    assert "Define snow" in (root / "docs" / "snow.md").read_text()
    gathered = json.loads(next(task.text for task in result.tasks if task.name == "write") or "")
    assert ["Define rain" in gathered[0], "Define snow" in gathered[1]] == [True, True]
    assert "Define snow" in cast.prompts("worker")[-1]  # what was gathered reaches who needs it


async def test_a_task_for_no_item_at_all_is_accepted_with_an_empty_list(log: EventLog, root: Path) -> None:
    result = await play(log, EACH, root, Cast(worker=[lambda body: writer(body, "[]")]))
    assert (result.exit_code, ends(result)) == (0, dict.fromkeys(("survey", "write", "publish"), "accepted"))
    assert next(task.text for task in result.tasks if task.name == "write") == "[]"


async def test_a_task_whose_items_fail_in_part_has_failed_and_a_condition_may_let_others_go_on(
    log: EventLog, root: Path
) -> None:
    text = EACH.replace("needs: write}", "needs: write, when: write.passed > 0}").replace(
        "docs/{{item.name}}.md",
        'docs/{{item.name}}.md"\n    limits: {attempts: 1}\n    check: {not_contains: cold}\n    title: "{{item.name}}',
    )

    def draft(body: dict[str, Any]) -> Answer:
        return (
            writer(body) if "List the words" in str(body) else Answer("cold" if "Define snow" in str(body) else "wet")
        )

    result = await play(log, text, root, Cast(worker=[draft]))
    assert ends(result) == {
        "survey": "accepted",
        "write": "failed",
        "publish": "accepted",
        "write.1": "accepted",
        "write.2": "failed",
    }
    assert result.exit_code == 1
    assert next(task.reason for task in result.tasks if task.name == "write") == "1 of its 2 items was not done"


async def test_a_condition_that_does_not_hold_skips_the_task_and_what_needs_it_and_that_is_no_failure(
    log: EventLog, root: Path
) -> None:
    text = """
vars: {deploy: "no"}
tasks:
  build: Build it
  deploy: {prompt: Deploy it, needs: build, when: vars.deploy == "yes"}
  tell: {prompt: Tell of it, needs: deploy}
  report: {prompt: Report, needs: build, when: build.status == accepted}
"""
    result = await play(log, text, root, Cast())
    assert ends(result) == {"build": "accepted", "deploy": "skipped", "tell": "skipped", "report": "accepted"}
    assert result.exit_code == 0 and (await state_of(log)).finished
    kinds = {entry.task: type(entry.event) for entry in await entries_of(log) if entry.kind.startswith("task.")}
    assert kinds["deploy"] is TaskSkipped and kinds["tell"] is TaskSkipped
    assert any(isinstance(entry.event, TaskCleared) for entry in await entries_of(log))


async def test_a_condition_on_how_a_task_ended_runs_what_cleans_up_after_a_failure(log: EventLog, root: Path) -> None:
    text = """
tasks:
  build: {prompt: Build it, limits: {attempts: 1}}
  clean: {prompt: Clean up, needs: build, when: build.status == failed}
  ship: {prompt: Ship it, needs: build}
"""
    result = await play(log, text, root, Cast(validator=[verdict(False), verdict(True)]))
    assert ends(result) == {"build": "failed", "clean": "accepted", "ship": "cancelled"}


async def test_items_that_are_no_list_fail_their_task_with_the_reason(log: EventLog, root: Path) -> None:
    result = await play(log, EACH, root, Cast(worker=[lambda body: writer(body, '{"no": "list"}')]))
    assert ends(result) == {"survey": "accepted", "write": "failed", "publish": "cancelled"}
    assert "survey.output is no list" in next(task.reason for task in result.tasks if task.name == "write")


async def test_items_of_a_model_never_lead_out_of_the_project(log: EventLog, root: Path) -> None:
    result = await play(log, EACH, root, Cast(worker=[lambda body: writer(body, '[{"name": "../../etc/x"}]')]))
    assert ends(result)["write"] == "failed"
    assert not any(isinstance(entry.event, TaskExpanded) for entry in await entries_of(log))
