"""How long answers may be: the words that a prompt names always fit into the tokens of its call."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.agents.profile import PLAIN, Agent, shipped
from swarm.money.allowances import ALLOWANCES
from swarm.prompts.build import system_bytes, worker_messages
from swarm.prompts.length import LEAST_TOLD, LINE_BYTES, TOKENS_A_WORD, Form, form_of, length_line, words_told
from swarm.roles.job import PLAN_TOKENS, VERDICT_TOKENS
from swarm.task import Check, Output, Role, Task

WRITER = Agent(name="writer", words=300)
TASK = Task(id="a", prompt="Do it.")


@given(
    words=st.integers(0, 10_000),
    form=st.sampled_from(["prose", "code", "whole", "report"]),
    tokens=st.integers(1, 100_000),
)
def test_an_answer_that_keeps_its_words_has_the_tokens_for_them(words: int, form: Form, tokens: int) -> None:
    agent = Agent(name="a", words=words)
    told = words_told(agent, form, tokens)
    assert told * TOKENS_A_WORD <= tokens
    assert told <= (words or told)
    line = length_line(agent, form, tokens)
    assert (str(told) in line) if told else not line
    assert len(line.encode()) <= LINE_BYTES


def test_a_level_gives_room_for_so_many_words_and_the_agent_has_no_more() -> None:
    room = {level: words_told(Agent(name="a"), "prose", each.output_tokens) for level, each in ALLOWANCES.items()}
    assert room == {"simple": 150, "moderate": 400, "complex": 750, "analysis": 1000}
    told = {level: words_told(WRITER, "prose", each.output_tokens) for level, each in ALLOWANCES.items()}
    assert told == {"simple": 150, "moderate": 300, "complex": 300, "analysis": 300}


def test_plans_and_verdicts_have_room_for_the_words_of_the_plain_agents() -> None:
    assert words_told(PLAIN["explorer"], "report", PLAN_TOKENS) == PLAIN["explorer"].words
    assert words_told(PLAIN["validator"], "report", VERDICT_TOKENS) == PLAIN["validator"].words
    assert all(words_told(agent, "prose", 800) == agent.words for agent in shipped().values())


def test_where_there_is_room_for_a_few_words_only_none_are_told() -> None:
    assert words_told(WRITER, "prose", LEAST_TOLD * TOKENS_A_WORD) == LEAST_TOLD
    assert length_line(WRITER, "prose", LEAST_TOLD * TOKENS_A_WORD - 1) == ""


@pytest.mark.parametrize(
    ("task", "role", "type_", "form"),
    [
        (TASK, "worker", "writing", "prose"),
        (TASK, "worker", "code", "code"),
        (TASK, "worker", "operations", "code"),
        (TASK, "worker", "translation", "whole"),
        (TASK, "worker", "extraction", "whole"),
        (Task(id="a", prompt="", output=Output(path="a.md")), "worker", "writing", "whole"),
        (Task(id="a", prompt="", outputs={"b": Output(path="b.md")}), "worker", "docs", "whole"),
        (Task(id="a", prompt="", checks=(Check(schema={}),)), "worker", "analysis", "whole"),
        (Task(id="a", prompt="", output=Output(path="a.md")), "validator", "writing", "report"),
        (TASK, "explorer", "code", "report"),
    ],
)
def test_what_is_to_be_had_whole_has_no_limit_and_code_only_for_the_words_beside_it(
    task: Task, role: Role, type_: str, form: Form
) -> None:
    assert form_of(task, role, type_) == form


def test_the_room_of_a_prompt_counts_the_longest_words_of_its_agents() -> None:
    long, short = Agent(name="long", prompt="x" * 500, words=9_999), Agent(name="short", prompt="y")
    task = Task(id="a", prompt="Do it.", team={"worker": (short, long)})
    line = length_line(long, "prose", 20_000)
    system = worker_messages(task, "Read:\n<<<\nx\n>>>", f"{long.prompt}\n\n{line}", reads=True)[0]
    assert len(system.text.encode()) <= system_bytes("worker", task) <= len(system.text.encode()) + 20
