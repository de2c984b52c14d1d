"""Messages taken apart: what was put together is found again, and nothing of a text is ever lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from swarm.agents.profile import Agent
from swarm.messages import Message, ToolCall
from swarm.prompts.apart import parts_of
from swarm.prompts.build import (
    Material,
    StepBrief,
    explorer_messages,
    explorer_parts,
    repair_messages,
    subagent_messages,
    suggestion_text,
    summariser_messages,
    validator_messages,
    validator_parts,
    worker_messages,
    worker_parts,
)
from swarm.prompts.length import length_line
from swarm.prompts.parts import Part, joined
from swarm.roles.strain import Strain
from swarm.task import Check, Output, Role, RoleConfig, Task

WORDS = st.text("ab <>-:.\n", min_size=1, max_size=12).filter(str.strip)
MARKS = st.sampled_from(
    [
        *("# Task\nx", "# Approach\nx", "# It is accepted when\n- x", "# Draft\n<<<\nx\n>>>", "a.md:\n<<<\nx\n>>>"),
        *("# Your last draft was not accepted\nx", "# What was asked\nx", "# Your step, 1 of 2: x\ny"),
    ]
)
TEXTS = st.lists(WORDS | MARKS, min_size=1, max_size=3).map("\n\n".join)
"""What people and models write: with blank lines in it, and with headings as briefs have them."""

PLAIN = st.lists(st.text("abc .", min_size=1, max_size=12).filter(str.strip), min_size=1, max_size=3).map("\n".join)
NAMES = st.sampled_from(["notes.md", "src/a b.py", "Result of build", "Step 1, the first"])
MATERIAL = st.lists(st.builds(Material, NAMES, TEXTS), max_size=3)
BUDGETS = st.sampled_from(
    [
        "",
        Strain(percent=85, scope="the task", unit="tokens", left=900, cap=6_000).line(400),
        Strain(percent=95, scope="the day", unit="nanos", left=5_000_000, cap=100_000_000).line(400),
    ]
)
LENGTHS = st.sampled_from(
    ["", *(length_line(Agent(name="a", words=200), form, 800) for form in ("prose", "code", "report"))]
)
SUGGESTIONS = st.just("") | st.builds(suggestion_text, st.just("What is it?"), TEXTS)
FIRST = "You write.\n\nYou write well."


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    more: dict[str, Any] = {}
    if draw(st.booleans()):
        more["accept"] = tuple(draw(st.lists(TEXTS, min_size=1, max_size=2)))
    if draw(st.booleans()):
        more["checks"] = (Check(contains="a"), Check(rubric=draw(TEXTS)))
    if draw(st.booleans()):
        more["outputs"] = {"one": Output(path="one.md"), "two": Output(path="two.md")}
    agents = (Agent(name="first", prompt=FIRST), Agent(name="second", prompt="You count."))
    roles: dict[Role, RoleConfig] = {"worker": RoleConfig(prompt="In British English.")}
    return Task(id="t", prompt=draw(TEXTS).strip(), team={"worker": agents, "explorer": agents}, roles=roles, **more)


STEPS = st.builds(
    StepBrief,
    number=st.just(2),
    total=st.sampled_from([2, 3]),
    title=st.sampled_from(["write it", "look: first"]),
    instruction=st.just("") | TEXTS,
    approach=st.just("") | TEXTS,
    earlier=MATERIAL,
    others=st.just(()) | st.just(("b.md", "Result of look")),
    handover=st.just("") | TEXTS,
    feedback=st.just("") | TEXTS,
)


def said_of(step: StepBrief) -> dict[str, Sequence[str]]:
    return {
        "step": [step.instruction],
        "asked": [step.instruction],
        "approach": [step.approach],
        "feedback": [step.feedback],
    }


def named(parts: Sequence[Part]) -> list[str]:
    return [part.name for part in parts]


@given(tasks(), STEPS, MATERIAL, BUDGETS, LENGTHS, SUGGESTIONS, st.sampled_from(["", "Skill one.\n\nSkill two."]))
def test_what_a_worker_is_told_is_found_again_part_by_part(
    task: Task, step: StepBrief, material: list[Material], budget: str, length: str, suggestion: str, skills: str
) -> None:
    built = worker_parts(task, step, material, budget=budget)
    reads = bool(material or step.earlier)
    messages = worker_messages(task, joined(built), FIRST, length, skills=skills, suggestion=suggestion, reads=reads)
    system, user = parts_of(messages, task=task, said=said_of(step))
    last = [*([Part("suggestion", suggestion)] if suggestion else []), *([Part("length", length)] if length else [])]
    assert [*user] == [*built, *last]
    rule = ["material rule"] if reads or suggestion else []
    assert named(system) == ["role", "agent", "own words", *rule, *(["skills"] if skills else [])]


@given(tasks(), STEPS, MATERIAL, BUDGETS, LENGTHS, st.booleans())
def test_what_an_explorer_is_told_is_found_again_part_by_part(
    task: Task, step: StepBrief, material: list[Material], budget: str, length: str, needs: bool
) -> None:
    built = explorer_parts(task, material, handover=step.handover, budget=budget, needs=needs)
    system, user = parts_of(explorer_messages(task, joined(built), FIRST, length), task=task)
    assert [*user] == [*built]
    assert named(system) == ["role", "agent", *(["length"] if length else [])]


@given(tasks(), STEPS, TEXTS, st.lists(PLAIN, max_size=2), st.just("") | TEXTS)
def test_what_a_judge_is_told_is_found_again_part_by_part(
    task: Task, step: StepBrief, draft: str, notes: list[str], changed: str
) -> None:
    built = validator_parts(task, step, draft, notes, changed=changed)
    asked = repair_messages(validator_messages(task, joined(built)), "I think so.")
    system, user, answer, again = parts_of(asked, task=task, said=said_of(step))
    assert [*user] == [*built]
    assert [named(parts) for parts in (system, answer, again)] == [["role"], ["answer"], ["asked again"]]


@given(
    st.lists(
        st.builds(Message, st.sampled_from(["system", "user", "assistant", "tool"]), st.text() | TEXTS), max_size=4
    )
)
@example([Message("user", "# Task\n")])
@example([Message("user", "# Task\na\n\nb:\n<<<\nnever closed")])
@example([*summariser_messages("> a\n>>>")])
def test_the_parts_of_any_messages_are_their_texts(messages: list[Message]) -> None:
    assert [joined(parts) for parts in parts_of(messages)] == [message.text for message in messages]


def test_without_the_task_parts_are_found_by_their_marks() -> None:
    task = Task(id="t", prompt="Sum it up.", accept=("It is short.",))
    step = StepBrief(number=1, total=1, title="", instruction="", approach="read, then write", feedback="too long")
    messages = worker_messages(task, joined(worker_parts(task, step, [Material("a.md", "A\n\nB")])), reads=True)
    system, user = parts_of(messages)
    assert named(system) == ["role", "material rule"]
    assert named(user) == ["task", "material", "demands", "approach", "feedback"]
    assert user[1] == Part("material", "a.md:\n<<<\nA\n\nB\n>>>", "a.md")


def test_who_does_a_part_of_the_work_and_who_hands_it_over_are_taken_apart_too() -> None:
    system, user = parts_of(subagent_messages("Find it.", agent="", budget=1_000))
    assert (named(system), named(user)) == (["role", "tools rule"], ["task", "budget"])
    system, user = parts_of(summariser_messages("what was done"))
    assert (named(system), named(user)) == (["role"], ["record"])


def test_an_output_names_its_tool() -> None:
    call = ToolCall("c1", "read_file", "{}")
    messages = [Message("assistant", "", (call,)), Message("tool", "text", answers="c1")]
    assert parts_of(messages) == [(), (Part("output", "text", "read_file"),)]
