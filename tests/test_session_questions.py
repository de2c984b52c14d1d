"""Whole sessions whose worker asks a person: at the terminal, from another process, nobody there, after a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from events.bus import next_entries
from events.log import EventLog, open_log
from events.types.tool import QuestionAnswered, QuestionAsked, ToolFinished
from events.views.base import fold
from events.views.questions import Question, QuestionsView
from swarm.cli.raising import way_of
from swarm.engine.faces import Asking
from swarm.engine.questions import reply
from swarm.redact import Secrets
from swarm.replay import replay
from swarm.session import run_file
from swarm.settings.toolrules import ToolSettings
from swarm.taskfile.read import parse_task_file
from tests.running import Cast, faces, resume, run, serving
from tests.test_session_tools import events, project, told, use

__all__ = ["project"]

ASK = "tasks:\n- id: paint\n  prompt: Paint the door\n  tools: [ask]\n  check: [{contains: green}]\n"
WHICH = use("ask_human", question="Which colour?", options=["blue", "green"])


class Person:
    """Somebody who gives these answers."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), list[Asking]()

    async def __call__(self, asking: Asking) -> str:
        self.asked.append(asking)
        return self.answers.pop(0)


async def question(log: EventLog) -> Question:
    """Wait until a question stands in the log."""
    position = 0
    while not (found := (await fold(log, QuestionsView())).of(1)):
        position = (await next_entries(log, position))[-1].position
    return found[0]


@pytest.mark.parametrize(("answer", "heard"), [("2", "green"), (" the green one ", "the green one")])
async def test_a_person_answers_in_words_or_with_the_number_of_an_option(
    project: Path, answer: str, heard: str
) -> None:
    person, cast = Person(answer), Cast(worker=(WHICH, "It is green now."))
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        result = await run(log, ASK, plan, project, looks=faces(reply=person))
        assert result.exit_code == 0
        (asked,), (answered,) = await events(log, QuestionAsked), await events(log, QuestionAnswered)
        assert (asked.question, asked.options, asked.ordinal) == ("Which colour?", ("blue", "green"), 1)
        assert "@" in answered.by
        assert (await replay(log, 1)).divergence is None
    assert person.asked == [Asking(task="s1/paint", question="Which colour?", options=("blue", "green"))]
    assert told(cast)[1] == [heard]


async def test_an_empty_answer_leaves_it_to_the_agent(project: Path) -> None:
    cast = Cast(worker=(WHICH, "It is green now."))
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        await run(log, ASK, plan, project, looks=faces(reply=Person("")))
    assert told(cast)[1] == ["the person leaves it to you; decide yourself and say what you assumed"]


async def test_where_nobody_is_there_the_agent_is_told_to_decide_and_nothing_waits(project: Path) -> None:
    cast = Cast(worker=(WHICH, "I assumed green."))
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        assert (await run(log, ASK, plan, project)).exit_code == 0
        assert not await events(log, QuestionAsked)
        (finished,) = await events(log, ToolFinished)
        assert finished.failed and not finished.refused
    assert told(cast)[1] == ["nobody is there to be asked; decide yourself and say what you assumed"]


async def test_where_nobody_is_there_another_process_can_be_waited_for(project: Path) -> None:
    async def elsewhere() -> None:
        async with open_log(project.parent / "log.db") as other:
            asked = await question(other)
            assert await reply(other, asked, "green", project="a")
            assert not await reply(other, asked, "blue", project="a"), "the first answer counts"

    cast = Cast(worker=(WHICH, "It is green now."))
    async with (
        open_log(project.parent / "log.db") as log,
        serving(cast, tools=ToolSettings(headless="wait")) as (_, plan),
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(elsewhere)
        assert (await run(log, ASK, plan, project)).exit_code == 0
    assert told(cast)[1] == ["green"]


async def test_an_answer_from_elsewhere_ends_the_question_at_the_terminal(project: Path) -> None:
    ended: list[str] = []

    async def never(asking: Asking) -> str:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(asking.question)
        raise AssertionError

    async def elsewhere() -> None:
        async with open_log(project.parent / "log.db") as other:
            await reply(other, await question(other), "green", project="a")

    cast = Cast(worker=(WHICH, "It is green now."))
    async with (
        open_log(project.parent / "log.db") as log,
        serving(cast) as (_, plan),
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(elsewhere)
        assert (await run(log, ASK, plan, project, looks=faces(reply=never))).exit_code == 0
    assert ended == ["Which colour?"]
    assert told(cast)[1] == ["green"]


@pytest.mark.parametrize("answered_meanwhile", [True, False])
async def test_an_open_question_is_asked_again_after_an_interruption_unless_it_was_answered(
    project: Path, answered_meanwhile: bool
) -> None:
    stop, abort = anyio.Event(), anyio.Event()

    async def never(asking: Asking) -> str:
        stop.set()
        abort.set()
        await anyio.sleep_forever()
        raise AssertionError

    cast, person = Cast(worker=(WHICH, "It is green now.")), Person("green")
    async with open_log(project.parent / "log.db") as log, serving(cast) as (_, plan):
        looks = faces(reply=never, stop=stop, abort=abort)
        assert (await run(log, ASK, plan, project, looks=looks)).exit_code == 130
        if answered_meanwhile:
            await reply(log, await question(log), "green", project="a")
        again = await resume(log, plan, looks=faces(reply=person))
        assert again.exit_code == 0
        assert len(await events(log, QuestionAsked)) == len(await events(log, QuestionAnswered)) == 1
        assert (await replay(log, 1)).divergence is None
    assert len(person.asked) == (0 if answered_meanwhile else 1)
    assert cast.roles == ["worker", "worker"], "the model is not asked again"


async def test_a_task_can_halt_at_a_question_and_go_on_with_the_answer(project: Path) -> None:
    cast = Cast(worker=(WHICH, "It is green now."))
    async with open_log("memory:") as log, serving(cast, tools=ToolSettings(headless="fail")) as (_, plan):
        halted = await run(log, ASK, plan, project)
        assert halted.exit_code == 5
        assert halted.tasks[0].reason.startswith("s1/paint asks: Which colour?")
        assert 'say `swarm answer s1/paint "..."`, and then `swarm resume s1`' in halted.tasks[0].reason
        assert await way_of(log, 1) == (), "no yes answers a question"
        await reply(log, await question(log), "green", project="a")
        assert (await resume(log, plan)).exit_code == 0
    assert told(cast)[1] == ["green"]


async def test_secrets_are_in_no_question_and_in_no_answer(project: Path) -> None:
    ask = use("ask_human", question="Is it hunter2-hunter2?", options=["hunter2-hunter2", "no"])
    person, cast = Person("yes, hunter2-hunter2, green"), Cast(worker=(ask, "It is green now."))
    async with open_log(project.parent / "log.db") as log, serving(cast) as (_, plan):
        file = parse_task_file(ASK, project / "tasks.yaml")
        secrets = Secrets([("DOOR_KEY", "hunter2-hunter2")])
        await run_file(log, file, plan, root=project, environ={}, faces=faces(reply=person), secrets=secrets)
        assert told(cast)[1] == ["yes, [secret:DOOR_KEY], green"]
    assert "hunter2-hunter2" not in str(person.asked)
    assert all(b"hunter2-hunter2" not in file.read_bytes() for file in project.parent.glob("log.db*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"question": " "}, "the question is empty"),
        ({"question": "x" * 3_000}, "has 3,000 characters; ask it in at most 2,000"),
        ({"question": "x", "options": ["a"] * 11}, "at most 10 options"),
    ],
)
async def test_a_question_that_nobody_would_read_is_not_asked(
    project: Path, arguments: dict[str, Any], said: str
) -> None:
    person, cast = Person(), Cast(worker=(use("ask_human", **arguments), "green"))
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        await run(log, ASK, plan, project, looks=faces(reply=person))
    assert said in told(cast)[1][0]


async def test_a_sub_agents_question_is_its_own(project: Path) -> None:
    text = ASK.replace("[ask]", "[ask, task]")
    part = use("task", prompt="Find out which colour.")
    person = Person("blue", "green", "green")
    cast = Cast(worker=(part, part, WHICH, "It is green now."), subagent=(WHICH, "blue", WHICH, "green"))
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        await run(log, text, plan, project, looks=faces(reply=person))
        asked = [(each.role, each.branch, each.ordinal) for each in await events(log, QuestionAsked)]
        assert (await replay(log, 1)).divergence is None
    assert asked == [("sub-agent", "task:1", 1), ("sub-agent", "task:2", 1), ("worker", "", 3)]
