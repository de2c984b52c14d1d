"""Messages for each role, from the modules beside this file and what is known of the task. Pure, and in a fixed order.

The stable part comes first (system with role and agent, task, material), what changes between attempts last, so that a provider's prompt cache
has as much as possible in common with the request before. What is told is made of parts (`swarm/prompts/parts.py`), which
`swarm/prompts/apart.py` finds again in what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from swarm.messages import Message
from swarm.prompts.length import LINE_BYTES
from swarm.prompts.parts import Part, joined, present
from swarm.task import Check, Role, Task, agents_of

VERDICT_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": ["pass", "fail"]},
        "score": {"type": "number"},
        "reason": {"type": "string"},
    },
    "required": ["verdict", "score", "reason"],
    "additionalProperties": False,
}

_STEP: Mapping[str, Any] = {key: {"type": "string"} for key in ("title", "instruction")}


def _plan_schema(step: Mapping[str, Any]) -> Mapping[str, Any]:
    option = {key: {"type": "string"} for key in ("option", "pros", "cons")}
    return {
        "type": "object",
        "properties": {
            "options": {"type": "array", "items": _object(option)},
            "approach": {"type": "string"},
            "steps": {"type": "array", "items": _object(step)},
        },
        "required": ["options", "approach", "steps"],
        "additionalProperties": False,
    }


def _object(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


PLAN_SCHEMA = _plan_schema(_STEP)
PLAN_WITH_NEEDS = _plan_schema({**_STEP, "needs": {"type": "array", "items": {"type": "string"}}})
"""The same, where each step names what it has to read."""


class Material(msgspec.Struct, frozen=True):
    """A named text that a role is given to read."""

    name: str
    text: str
    stage: str = ""  # that it passes on its way into a request; "": it stays as it is
    whole: bool = True  # nothing of it was left out


class StepBrief(msgspec.Struct, frozen=True, kw_only=True):
    """What a step adds to its task."""

    number: int
    total: int
    title: str
    instruction: str  # empty: the task's own prompt
    approach: str
    earlier: Sequence[Material] = ()  # drafts of the steps before it
    others: Sequence[str] = ()  # of what the task reads, what the plan has not named for the step
    handover: str = ""  # from where the task was stopped before
    feedback: str = ""  # why the last draft was rejected


NEEDS = "What each step needs"
OTHERS = "Not given here, for the plan does not need it in this step: "


HANDED_OVER = "What was done before"
"""The title under which a brief says how far the task had come."""


@cache
def module(name: str) -> str:
    """The text of a prompt module."""
    return resources.files("swarm.prompts").joinpath(f"{name}.md").read_text("utf-8").strip()


def explorer_brief(
    task: Task, material: Sequence[Material], *, handover: str = "", budget: str = "", needs: bool = False
) -> str:
    """What the explorer is told; `budget` is the line that says what is left, where it is told; with `needs` it is asked for them."""
    return joined(explorer_parts(task, material, handover=handover, budget=budget, needs=needs))


def explorer_parts(
    task: Task, material: Sequence[Material], *, handover: str = "", budget: str = "", needs: bool = False
) -> Sequence[Part]:
    """What `explorer_brief` is made of."""
    return present(
        Part("task", _section("Task", task.prompt)),
        *_materials(material),
        Part("demands", _demands(task)),
        Part("handover", _handed_over(handover)),
        Part("needs", _section(NEEDS, module("explorer_needs")) if needs else ""),
        Part("budget", budget),
    )


def explorer_messages(task: Task, brief: str, agent: str = "", length: str = "") -> tuple[Message, ...]:
    """`agent` is what the agent is told of itself, `length` what of the length of its answer, here and below."""
    return (Message("system", _system("explorer", task, _join(agent, length))), Message("user", brief))


def worker_brief(
    task: Task, step: StepBrief, material: Sequence[Material], *, more: bool = False, budget: str = ""
) -> str:
    """What the worker is told. A task that is nothing but its prompt is told in its own words.

    With `more` it is told how to ask for what the material lacks. `budget` is the line that says what is left, where it is
    told: the last one, as it is another each time.
    """
    return joined(worker_parts(task, step, material, more=more, budget=budget))


def worker_parts(
    task: Task, step: StepBrief, material: Sequence[Material], *, more: bool = False, budget: str = ""
) -> Sequence[Part]:
    """What `worker_brief` is made of."""
    own = f"Your step, {step.number} of {step.total}: {step.title}"
    parts = present(
        *_materials([*material, *step.earlier]),
        Part("others", f"{OTHERS}{', '.join(step.others)}" if step.others else ""),
        Part("more", module("worker_more") if more else ""),
        Part("demands", _demands(task)),
        Part("files", _section("Your answer", _files_told(task)) if task.outputs and _is_last(step) else ""),
        Part("handover", _handed_over(step.handover)),
        Part("approach", _section("Approach", step.approach) if step.approach else ""),
        Part("step", _section(own, step.instruction) if step.instruction else ""),
        Part("feedback", _section("Your last draft was not accepted", step.feedback) if step.feedback else ""),
        Part("budget", budget),
    )
    return (Part("task", _section("Task", task.prompt)), *parts) if parts else (Part("task", task.prompt),)


def suggestion_text(question: str, answer: str) -> str:
    """What is told of an earlier task whose question, in one line, is one word apart."""
    told = f"An earlier task asked: {question}\nIts accepted answer was:\n{_fence(answer.strip())}"
    return f"{told}\nCheck whether it holds here, too."


def worker_messages(
    task: Task,
    brief: str,
    agent: str = "",
    length: str = "",
    *,
    skills: str = "",
    suggestion: str = "",
    reads: bool = False,
) -> tuple[Message, ...]:
    """With `reads` there is material in the brief, or may be: it is told apart from what is asked.

    The length is said last: there a small model keeps to it in 27 of 28 answers, in the system's words in 22.
    """
    system = _system("worker", task, agent)
    if reads or suggestion:
        system = f"{system}\n\n{module('worker_material')}"
    if task.tools:
        system = f"{system}\n\n{module('worker_tools')}"
    return (Message("system", _join(system, skills)), Message("user", _join(brief, suggestion, length)))


def validator_brief(task: Task, step: StepBrief, draft: str, notes: Sequence[str], *, changed: str = "") -> str:
    """What the judge is told: what was asked, and the draft. `notes` are optional checks that did not pass.

    `changed` is what tools changed of the project, as a patch.
    """
    return joined(validator_parts(task, step, draft, notes, changed=changed))


def validator_parts(
    task: Task, step: StepBrief, draft: str, notes: Sequence[str], *, changed: str = ""
) -> Sequence[Part]:
    """What `validator_brief` is made of."""
    last, patch = _is_last(step), "What was changed of the project, which is part of the work"
    return present(
        Part("asked", _section("What was asked", step.instruction or task.prompt)),
        Part("task", _section("The task that this is a step of", task.prompt) if step.instruction else ""),
        Part("demands", _section("It is accepted when", _list(task.accept)) if last and task.accept else ""),
        Part("points", _section("Points", _points(task)) if last and task.rubrics else ""),
        Part("notes", _section("What the checks found", _list(notes)) if notes else ""),
        Part("changes", _section(patch, _fence(changed)) if changed else ""),
        Part("draft", _section("Draft", _fence(draft))),
    )


def validator_messages(task: Task, brief: str, agent: str = "", length: str = "") -> tuple[Message, ...]:
    return (Message("system", _system("validator", task, _join(agent, length))), Message("user", brief))


def subagent_messages(prompt: str, *, agent: str, budget: int) -> tuple[Message, ...]:
    """What is said to who does a part of a worker's step with so many tokens; `agent` is what it is told of itself."""
    system = _join(module("subagent"), agent, module("worker_tools"))
    return (Message("system", system), Message("user", _join(prompt, f"(You may take {budget:,} tokens for this.)")))


def summariser_messages(handover: str) -> tuple[Message, ...]:
    """What is said to who writes a hand-over anew."""
    return (Message("system", module("summariser")), Message("user", _fence(handover)))


def history_messages(record: str, words: int) -> tuple[Message, ...]:
    """What is said to who writes the older turns of a conversation anew, in so many words at the most."""
    system = _join(module("history"), f"Take at most {words} words.")
    return (Message("system", system), Message("user", _fence(record)))


def repair_messages(asked: Sequence[Message], answer: str, rubrics: Sequence[str] = ()) -> tuple[Message, ...]:
    """The same conversation once more, after an answer that was no verdict; `rubrics` are the names that need a score."""
    told = module("validator_repair")
    if rubrics:
        scores = ", ".join(f'"{name}": a number' for name in rubrics)
        told = f'{told}\nand with one more key, "scores": {{{scores}}}'
    return (*asked, Message("assistant", answer), Message("user", told))


def rubric_names(task: Task) -> dict[str, Check]:
    """The task's rubrics by the names under which the judge gives their scores, in the order of the file."""
    return {f"p{number}": check for number, check in enumerate(task.rubrics, 1)}


def verdict_schema(rubrics: Sequence[str]) -> Mapping[str, Any]:
    """The form of a verdict, with a score for each rubric that is named."""
    if not rubrics:
        return VERDICT_SCHEMA
    scores = {
        "type": "object",
        "properties": {name: {"type": "number"} for name in rubrics},
        "required": list(rubrics),
        "additionalProperties": False,
    }
    return {
        **VERDICT_SCHEMA,
        "properties": {**VERDICT_SCHEMA["properties"], "scores": scores},
        "required": [*VERDICT_SCHEMA["required"], "scores"],
    }


def bodies_of(task: Task) -> dict[str, Sequence[str]]:
    """What stands under the headings of a brief that only the task decides, word for word, by the part's name."""
    return {
        "task": [task.prompt],
        "asked": [task.prompt],
        "demands": [_demands(task).partition("\n")[2], _list(task.accept)],
        "files": [_files_told(task)],
        "points": [_points(task)],
    }


def _is_last(step: StepBrief) -> bool:
    return step.number == step.total


def system_bytes(role: Role, task: Task) -> int:
    """The size of the largest system words of the role for the task."""
    longest = max(len(agent.prompt.encode()) for agent in agents_of(task, role))
    material = len(module("worker_material")) + 2 if role == "worker" else 0
    material += len(module("worker_tools")) + 2 if role == "worker" and task.tools else 0
    return len(_system(role, task, "").encode()) + longest + LINE_BYTES + material


def _system(role: Role, task: Task, agent: str) -> str:
    config = task.roles.get(role)
    return _join(module(role), agent, config.prompt if config and config.prompt else "")


def _handed_over(handover: str) -> str:
    """How far the task had come when it was stopped, for who goes on with it."""
    told = f"{module('handed_over')}\n\n{_fence(handover)}"
    return _section(HANDED_OVER, told) if handover else ""


def _demands(task: Task) -> str:
    """What can be told of how the result will be looked at."""
    demands = [*task.accept]
    for check in task.checks:
        told = _told(check)
        if told:
            demands.append(f"of {check.output}: {told}" if check.output else told)
    if task.limits.words is not None:
        demands.append(f"It has at most {task.limits.words:,} word{'s' if task.limits.words > 1 else ''}.")
    if task.output is not None and task.output.format == "json":
        demands.append("It is one JSON value and nothing else.")
    return _section("It is accepted when", _list(demands)) if demands else ""


def _told(check: Check) -> str:
    case = " (upper or lower case)" if check.ignore_case else ""
    if check.contains is not None:
        return f"it contains “{check.contains}”{case}"
    if check.not_contains is not None:
        return f"it does not contain “{check.not_contains}”{case}"
    if check.regex is not None:
        return f"it matches the regular expression {check.regex}{case}"
    if isinstance(check.schema, Mapping):
        return f"it is JSON of the schema {msgspec.json.encode(check.schema).decode()}"
    if check.run is not None:
        return f"`{check.run}` succeeds"
    if check.rubric is not None:
        return check.rubric
    return ""


def _files_told(task: Task) -> str:
    named = [f'"{name}": {output.path}, {output.format}' for name, output in task.outputs.items()]
    return _join(module("worker_outputs"), _list(named)) if named else ""


def _points(task: Task) -> str:
    points = [f'"{name}": {check.rubric}' for name, check in rubric_names(task).items()]
    return _join(module("validator_rubrics"), _list(points)) if points else ""


def _materials(material: Sequence[Material]) -> list[Part]:
    return [Part("material", f"{each.name}:\n{_fence(each.text)}", each.name) for each in material]


def _fence(text: str) -> str:
    # the marks are lengthened until the text does not hold them: it cannot close its own fence
    width = 3
    while "<" * width in text or ">" * width in text:
        width += 1
    return f"{'<' * width}\n{text}\n{'>' * width}"


def _section(title: str, text: str) -> str:
    return f"# {title}\n{text.strip()}"


def _list(items: Sequence[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _join(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
