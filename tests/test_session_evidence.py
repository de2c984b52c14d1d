"""Whole sessions whose explorer says what each step needs to read: the step is told that, and all of it once it was not enough."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from events.log import EventLog, open_log
from events.types.call import CallReserved
from events.types.stage import StageApplied, StageUndone
from events.types.task import StepPlanned
from swarm.prompts.build import OTHERS, PLAN_SCHEMA, PLAN_WITH_NEEDS, Material
from swarm.replay import replay
from swarm.roles.evidence import needs_of, places
from swarm.settings.stages import StageSettings, preset_rules
from tests.running import PASS, Cast, Line, run, serving, verdict
from tests.test_session_tools import events, told, use

STANDARD = StageSettings(preset="standard", rules={"evidence": preset_rules("standard")["evidence"]})
OFF = StageSettings()
NAMES = ("ada.md", "grace.md", "prices.csv")
TASK = (
    "prompt: Compare what Ada and Grace say with the prices.\nexplore: true\n"
    f"input: [{', '.join(NAMES)}]\naccept: It compares.\n"
)


def text_of(name: str) -> str:
    """A text of some 1,400 tokens, without a heading."""
    return "\n\n".join(
        f"{name} says in paragraph {n} that the number {n * 37} is what matters there." for n in range(80)
    )


def plan(*needs: object, steps: Sequence[str] = ("read Ada", "read Grace", "compare")) -> str:
    said = [
        {"title": title, "instruction": f"{title}.", "needs": each} for title, each in zip(steps, needs, strict=True)
    ]
    return json.dumps({"options": [], "approach": "one after the other", "steps": said})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).write_text(text_of(name))
    return tmp_path


async def schema_asked_for(log: EventLog) -> Any:
    """That of the first call, which is the explorer's."""
    ref = (await events(log, CallReserved))[0].answer_schema
    assert ref is not None
    return json.loads(await log.text(ref, at=(await log.head()).position))


def seen(prompt: str) -> list[str]:
    """The inputs that stand in a prompt in full."""
    return [name for name in NAMES if text_of(name) in prompt]


async def test_a_step_is_given_the_inputs_that_its_plan_names_and_the_names_of_the_others(project: Path) -> None:
    cast = Cast(explorer=[plan(["ada.md"], ["`grace.md`, lines 3-9", "grace hopper.md"], [])])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD, session_tokens=9**9) as (_, rules):
        assert (await run(log, TASK, rules, project)).exit_code == 0
        planned = await events(log, StepPlanned)
        applied, schema = await events(log, StageApplied), await schema_asked_for(log)
        assert (await replay(log, 1)).divergence is None
    assert [each.needs for each in planned] == [("ada.md",), ("grace.md, lines 3-9",), ()]
    assert [each.unknown for each in planned] == [(), ("grace hopper.md",), ()]
    (explored,), (ada, grace, compare) = cast.prompts("explorer"), cast.prompts("worker")
    assert seen(explored) == [] and "# What each step needs" in explored
    assert len(explored) < 0.4 * sum(len(text_of(name)) for name in NAMES)
    assert (seen(ada), seen(grace), seen(compare)) == (["ada.md"], ["grace.md"], list(NAMES))
    assert f"{OTHERS}grace.md, prices.csv\n" in ada and OTHERS not in compare
    assert schema == PLAN_WITH_NEEDS
    assert {(each.role, each.form, each.on) for each in applied} >= {
        ("explorer", "prose", "ada.md"),
        ("worker", "name", "prices.csv"),
    }
    assert [(each.after, each.on) for each in applied if each.form == "name"][:2] == [
        (0, "grace.md"),
        (0, "prices.csv"),
    ]


async def test_after_a_draft_that_did_not_pass_the_step_is_given_all(project: Path) -> None:
    cast = Cast(explorer=[plan(["ada.md"], steps=["compare"])], validator=[verdict(False, "No prices."), PASS])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD, session_tokens=9**9) as (_, rules):
        assert (await run(log, TASK, rules, project)).exit_code == 0
    first, again = cast.prompts("worker")
    assert (seen(first), seen(again)) == (["ada.md"], list(NAMES))


async def test_a_step_that_asks_for_more_is_given_all(project: Path) -> None:
    cast = Cast(explorer=[plan(["ada.md"], steps=["compare"])], worker=["MORE: the prices", "It compares."])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD, session_tokens=9**9) as (_, rules):
        assert (await run(log, TASK, rules, project)).exit_code == 0
        assert {each.stage for each in await events(log, StageUndone)} == {"evidence"}
    first, again = cast.prompts("worker")
    assert (seen(first), seen(again)) == (["ada.md"], list(NAMES))
    assert OTHERS not in again


async def test_a_step_that_has_one_draft_alone_is_given_all(project: Path) -> None:
    cast = Cast(explorer=[plan(["ada.md"], steps=["compare"])])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD, session_tokens=9**9) as (_, rules):
        await run(log, TASK + "limits: {attempts: 1}\n", rules, project)
    assert seen(cast.prompts("worker")[0]) == list(NAMES)


async def test_where_what_the_plan_names_is_gone_the_step_is_given_what_is_there(project: Path) -> None:
    def planned(_: dict[str, Any]) -> str:
        (project / "grace.md").unlink()
        return plan(["grace.md"], steps=["compare"])

    task = "prompt: Compare them.\nexplore: true\ninput: ['*.md', prices.csv]\naccept: It compares.\n"
    cast = Cast(explorer=[planned])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD, session_tokens=9**9) as (_, rules):
        assert (await run(log, task, rules, project)).exit_code == 0
    assert seen(cast.prompts("worker")[0]) == ["ada.md", "prices.csv"]


async def test_with_the_stage_off_nothing_is_another_request(project: Path) -> None:
    cast = Cast(explorer=[plan(["ada.md"], 7, None)])
    async with open_log("memory:") as log, serving(cast, stages=OFF, session_tokens=9**9) as (provider, rules):
        await run(log, TASK, rules, project)
        assert [each.needs for each in await events(log, StepPlanned)] == [(), (), ()]
        schema = await schema_asked_for(log)
    assert all(seen(prompt) == list(NAMES) for prompt in (*cast.prompts("explorer"), *cast.prompts("worker")))
    assert "What each step needs" not in str(provider.requests[0].body)
    assert schema == PLAN_SCHEMA


async def test_an_explorer_whose_answer_was_no_plan_sees_all_the_second_time(project: Path) -> None:
    cast = Cast(explorer=["I would read them.", plan([], steps=["compare"])])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD, session_tokens=9**9) as (_, rules):
        assert (await run(log, TASK, rules, project)).exit_code == 0
    first, again = cast.prompts("explorer")
    assert (seen(first), seen(again)) == ([], list(NAMES))
    assert "What each step needs" not in again


async def test_of_a_single_input_nothing_is_asked_or_left_out(project: Path) -> None:
    task = "prompt: What does Ada say?\nexplore: true\ninput: ada.md\naccept: It says it.\n"
    cast = Cast(explorer=[plan(["grace.md"], steps=["read"])])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD, session_tokens=9**9) as (_, rules):
        assert (await run(log, task, rules, project)).exit_code == 0
    assert "What each step needs" not in cast.prompts("explorer")[0]
    assert seen(cast.prompts("worker")[0]) == ["ada.md"]


async def test_who_has_tools_can_have_more_of_what_was_not_given(project: Path) -> None:
    line = "prices.csv says in paragraph 40"
    worker: list[Line] = [use("more", name="prices.csv", about="paragraph 40"), "It compares."]
    cast = Cast(explorer=[plan(["ada.md"], steps=["compare"])], worker=worker)
    text = f"tasks:\n- id: t\n  {TASK.strip().replace(chr(10), chr(10) + '  ')}\n  tools: [look]\n"
    async with open_log("memory:") as log, serving(cast, stages=STANDARD, session_tokens=9**9) as (_, rules):
        assert (await run(log, text, rules, project)).exit_code == 0
    assert any(line in text for said in told(cast) for text in said)


NAME = st.text("ab./ ", min_size=1, max_size=6).filter(lambda text: text == text.strip())
WHERE = st.text("ab 12-", max_size=8)


@given(st.lists(NAME, min_size=1, max_size=5, unique=True), st.data())
def test_what_a_plan_names_is_found_again_under_its_own_name(names: list[str], data: st.DataObject) -> None:
    name, where = data.draw(st.sampled_from(names)), data.draw(WHERE)
    (need,) = needs_of([f"{name}: {where}"], names).known
    assert needs_of([need], names).known == (need,)
    assert need.startswith(name)


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each))
)
@settings(max_examples=40)
@example([" ", "./a.md", "a.md", "a.md2", {"name": "a.md"}])
def test_whatever_a_plan_says_it_is_read(said: Any) -> None:
    found = needs_of(said, ["a.md"])
    assert set(found.known) <= {"a.md"} or all(each.startswith("a.md") for each in found.known)
    assert all(each.strip() for each in found.unknown)


def test_where_something_stands_is_sought_by_its_words() -> None:
    material = [Material("b.md", "")]
    assert places(["b.md, section Prices in May, lines 3-9", "b.md"], material) == ["Prices in May"]
