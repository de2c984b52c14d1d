"""What an answer is made of: the texts of its files, in the form that the task asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.types.task import StepAccepted, StepDrafted, StepRejected
from swarm.cycle import Work
from swarm.prompts.build import module
from swarm.roles.results import NotInForm, answer_schema, delivered_texts, file_texts, normal_form, shown_draft
from swarm.roles.validator import validate
from swarm.roles.worker import work
from swarm.task import Check, Output, Task
from tests.roles.stage import on_stage, only
from tests.running import verdict

PAGE, DATA = Output(path="docs/a.md", format="markdown"), Output(path="out/a.json", format="json")
SEVERAL = Task(id="t", prompt="Write both.", outputs={"page": PAGE, "data": DATA})
ANSWER = json.dumps({"page": "# A\n", "data": {"n": [1]}})
CLOSED = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


def test_each_file_has_its_text_and_json_is_written_for_people() -> None:
    assert file_texts(SEVERAL, ANSWER) == {"docs/a.md": "# A\n", "out/a.json": '{\n  "n": [\n    1\n  ]\n}'}
    in_a_text = json.dumps({"page": "x", "data": "[1]"})
    assert file_texts(SEVERAL, in_a_text)["out/a.json"] == "[\n  1\n]"


@pytest.mark.parametrize(
    ("draft", "wrong"),
    [
        ("Here you are.", "the answer is no JSON"),
        ("[]", "the answer is no JSON object with the keys 'page', 'data'"),
        ('{"page": "x"}', "the answer lacks 'data'; its keys are 'page', 'data'"),
        ('{"page": "x", "data": 1, "more": 2}', "holds 'more', which nobody asked for"),
        ('{"page": ["x"], "data": 1}', "the value of 'page' is no text"),
        ('{"page": " ", "data": 1}', "the value of 'page' is empty"),
        ('{"page": "a\\u0000", "data": 1}', "the value of 'page' holds a NUL character"),
        ('{"page": "x", "data": "{"}', "the value of 'data' is no JSON"),
    ],
)
def test_what_is_not_in_form_says_what_is_missing(draft: str, wrong: str) -> None:
    with pytest.raises(NotInForm, match=wrong):
        file_texts(SEVERAL, draft)


names = st.dictionaries(st.from_regex(r"[a-z]{1,3}", fullmatch=True), st.text(max_size=20), min_size=1, max_size=3)


@given(names)
def test_texts_come_out_of_an_answer_as_they_went_in(texts: dict[str, str]) -> None:
    task = Task(id="t", prompt="x", outputs={name: Output(path=name) for name in texts})
    answer = f"Here they are:\n```json\n{json.dumps(texts)}\n```"
    kept = normal_form(task, f"```json\n{json.dumps(texts)}\n```")
    assert kept == normal_form(task, answer.replace("```", "").replace("json\n", "\n"))
    if all(text.strip() and "\0" not in text for text in texts.values()):
        assert file_texts(task, kept) == texts
        assert shown_draft(task, kept).count("[") >= len(texts)


def test_a_person_may_accept_one_file_that_is_not_in_form() -> None:
    task = Task(id="t", prompt="x", output=DATA)
    assert delivered_texts(task, "no JSON") == {"out/a.json": "no JSON"}
    with pytest.raises(NotInForm):
        delivered_texts(SEVERAL, "no JSON")


@pytest.mark.parametrize(
    ("task", "asked"),
    [
        (Task(id="t", prompt="x"), None),
        (Task(id="t", prompt="x", output=Output(path="a.json", format="json", schema=CLOSED)), CLOSED),
        (Task(id="t", prompt="x", output=Output(path="a.json", format="json", schema={"type": "array"})), None),
        (Task(id="t", prompt="x", output=Output(path="a.json", format="json", schema={"type": "object"})), None),
        (SEVERAL, None),
        (
            Task(id="t", prompt="x", outputs={"page": PAGE}),
            {
                "type": "object",
                "properties": {"page": {"type": "string"}},
                "required": ["page"],
                "additionalProperties": False,
            },
        ),
    ],
)
def test_a_provider_is_asked_to_keep_to_a_schema_that_every_provider_can_keep_to(task: Task, asked: Any) -> None:
    assert answer_schema(task) == asked


async def test_the_worker_is_told_the_files_and_hands_in_one_object_without_words_around_it() -> None:
    async with on_stage(SEVERAL) as stage:
        await stage.plan()
        job = await stage.job(Work.DRAFT)
        outcome = await work(job, attempt=stage.attempt, call=stage.says(f"Sure!\n{ANSWER}\nDone."))
        event = only(outcome)
        assert isinstance(event, StepDrafted)
        assert json.loads(await stage.read(outcome, event.draft)) == json.loads(ANSWER)
        told = stage.asked[0].messages[1].text
        assert module("worker_outputs") in told
        assert '- "page": docs/a.md, markdown\n- "data": out/a.json, json' in told


async def test_an_earlier_step_is_asked_for_no_files() -> None:
    task = Task(id="t", prompt="x", outputs={"page": PAGE})
    async with on_stage(task) as stage:
        await stage.plan("gather", "write")
        job = await stage.job(Work.DRAFT)
        await work(job, attempt=stage.attempt, call=stage.says("notes"))
        assert module("worker_outputs") not in stage.asked[0].messages[1].text
        assert stage.asked[0].answer_schema is None


async def test_a_draft_without_the_files_is_rejected_for_its_form_and_nobody_is_asked() -> None:
    async with on_stage(SEVERAL) as stage:
        await stage.plan()
        await stage.draft('{"page": "x"}')
        event = only(await validate(await stage.job(Work.JUDGE), attempt=stage.attempt, call=stage.says()))
        assert isinstance(event, StepRejected)
        assert (event.reason, stage.asked) == ("form: the answer lacks 'data'; its keys are 'page', 'data'", [])


async def test_a_judge_sees_each_file_under_its_name() -> None:
    async with on_stage(SEVERAL) as stage:
        await stage.plan()
        await stage.draft(ANSWER)
        event = only(await validate(await stage.job(Work.JUDGE), attempt=stage.attempt, call=stage.says(verdict(True))))
        assert isinstance(event, StepAccepted)
        assert "[page: docs/a.md]\n# A\n\n\n[data: out/a.json]\n{" in stage.asked[0].messages[1].text


async def test_json_that_is_none_is_rejected_for_its_form() -> None:
    task = Task(id="t", prompt="x", output=DATA, checks=(Check(contains="n"),))
    async with on_stage(task) as stage:
        await stage.plan()
        await stage.draft("no JSON")
        event = only(await validate(await stage.job(Work.JUDGE), attempt=stage.attempt, call=stage.says()))
        assert isinstance(event, StepRejected)
        assert event.reason.startswith("form: the answer is no JSON")
