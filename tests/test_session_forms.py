"""Whole sessions of task files that say much in few words: several outputs, schemas, rubrics, templates in commands."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest

from events.log import Entry, EventLog, open_log
from events.types.task import StepAccepted, StepRejected
from swarm.errors import UsageError
from tests.ledger_agents import entries_of
from tests.running import Cast, model, run, serving

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


@pytest.fixture
async def log() -> AsyncGenerator[EventLog]:
    async with open_log("memory:") as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def events(entries: Sequence[Entry], kind: type) -> list[Any]:
    return [entry.event for entry in entries if isinstance(entry.event, kind)]


async def test_several_files_come_of_one_task_and_an_answer_without_one_is_told_what_it_lacks(
    log: EventLog, root: Path
) -> None:
    both = json.dumps({"page": "# A page", "data": {"n": 1}})
    cast = Cast(worker=['{"page": "# A page"}', f"```json\n{both}\n```"])
    text = "prompt: x\noutputs: {page: docs/a.md, data: out/a.json}\ncheck: {contains: '# A', output: page}"
    async with serving(cast) as (_, plan):
        result = await run(log, text, plan, root)
    (task,) = result.tasks
    assert (task.status, task.outputs) == ("accepted", ("docs/a.md", "out/a.json"))
    assert (root / "docs/a.md").read_text() == "# A page\n"
    assert json.loads((root / "out/a.json").read_text()) == {"n": 1}
    assert "the answer lacks 'data'" in cast.prompts("worker")[1]


async def test_an_output_with_a_schema_is_asked_for_checked_by_it_and_taken_from_the_file_once(
    log: EventLog, root: Path
) -> None:
    (root / "n.json").write_text(json.dumps(SCHEMA))
    cast = Cast(worker=['{"n": "one"}', '{"n": 1}'])
    text = "prompt: x\noutput: {path: out/n.json, schema: n.json}"
    async with serving(cast, model("m1", schema=True)) as (_, plan):
        result = await run(log, text, plan, root)
    assert result.exit_code == 0
    assert json.loads((root / "out/n.json").read_text()) == {"n": 1}
    assert cast.roles == ["worker", "worker"]  # what the schema says is enough: nobody judges
    asked = [body["response_format"]["json_schema"]["schema"] for _, body in cast.seen]
    assert asked == [SCHEMA, SCHEMA]
    assert '"required":["n"]' in cast.prompts("worker")[0]
    (rejected,) = events(await entries_of(log), StepRejected)
    assert rejected.reason.startswith("schema of out/n.json: $.n: 'one' is not of type 'integer'")


async def test_a_rubric_is_scored_by_the_judge_and_a_low_score_is_another_attempt(log: EventLog, root: Path) -> None:
    scores = [{"verdict": "pass", "score": 1, "reason": "fine", "scores": {"p1": score}} for score in (0.5, 0.9)]
    cast = Cast(worker=["Long.", "Short."], validator=[json.dumps(score) for score in scores])
    text = "prompt: x\ncheck: {rubric: It is short., min_score: 0.8, feedback: Cut it.}"
    async with serving(cast, model("m1"), model("m2")) as (_, plan):
        result = await run(log, text, plan, root)
    assert (result.exit_code, result.tasks[0].text) == (0, "Short.")
    assert "It is short.: score 0.50 of at least 0.80\n  Cut it." in cast.prompts("worker")[1]
    (accepted,) = events(await entries_of(log), StepAccepted)
    assert [(check.name, check.passed) for check in accepted.checks] == [("form", True), ("It is short.", True)]


async def test_a_rubric_that_nobody_may_judge_is_refused_before_anything_is_opened(log: EventLog, root: Path) -> None:
    cast = Cast()
    async with serving(cast, model("tiny", judge=False)) as (_, plan):
        with pytest.raises(UsageError, match="no model here may judge that"):
            await run(log, "prompt: x\ncheck: {rubric: It is short.}", plan, root)
    assert (cast.seen, await entries_of(log)) == ([], [])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("prompt: x\neach: {files: '*.py'}", r"'\*\.py' matches no file"),
        ("prompt: x\neach: [a]\ninput: missing.md", "'missing.md' matches no file"),
        ("prompt: x\neach: [a]\ncheck: {schema: missing.json}", "'missing.json' cannot be read"),
        ("prompt: x\noutput: {path: a.json, schema: missing.json}", "'missing.json' cannot be read"),
        ("prompt: x\noutputs: {a: src, b: y}", "the output 'src' is a folder"),
    ],
)
async def test_what_can_be_seen_before_the_start_is_refused_before_anything_is_opened(
    log: EventLog, root: Path, text: str, why: str
) -> None:
    (root / "src").mkdir()
    cast = Cast()
    async with serving(cast) as (_, plan):
        with pytest.raises(UsageError, match=why):
            await run(log, text, plan, root)
    assert (cast.seen, await entries_of(log)) == ([], [])


async def test_a_command_gets_the_value_of_a_variable_and_only_named_files_may_differ(
    log: EventLog, root: Path
) -> None:
    text = """
vars: {word: "it's; touch evil"}
prompt: x
output: out/a.txt
check:
  - test {{word}} = "it's; touch evil"
  - echo {{word}} > out/b.txt
  - diff_within: out/*
"""
    async with serving(Cast()) as (_, plan):
        result = await run(log, text, plan, root)
    assert result.exit_code == 0, result
    (accepted,) = events(await entries_of(log), StepAccepted)
    assert [check.passed for check in accepted.checks] == [True] * 4
    assert sorted(path.name for path in root.rglob("*")) == ["a.txt", "out"]


async def test_what_a_condition_lets_go_on_gets_the_results_of_the_items_that_were_accepted(
    log: EventLog, root: Path
) -> None:
    text = """
tasks:
  page:
    each: [good, bad]
    title: "{{item}}"
    prompt: About {{item}}.
    check: {contains: good}
    limits: {attempts: 1}
  index: {needs: page, when: page.passed > 0, prompt: List them.}
"""
    cast = Cast(worker=[lambda body: "all good" if "About good" in str(body) else "no"])
    async with serving(cast) as (_, plan):
        result = await run(log, text, plan, root)
    assert [(task.name, task.title, task.status) for task in result.tasks] == [
        ("page", "page", "failed"),
        ("index", "index", "accepted"),
        ("page.1", "good", "accepted"),
        ("page.2", "bad", "failed"),
    ]
    assert 'Result of page:\n<<<\n["all good"]\n>>>' in cast.prompts("worker")[-1]
