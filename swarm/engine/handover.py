"""The hand-over of a task that its budget stopped: folded from the log for free, and written anew by a model where that is paid for.

It is read by whoever goes on: the roles of a resume or of the next session, and people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from events.log import EventLog, session_name
from events.scopes import role_scope
from events.views.tasks import Place, StepState, TaskState
from swarm.context.parts import beginning
from swarm.errors import dollars
from swarm.messages import TIERS, Arm
from swarm.money.caps import task_scope
from swarm.orders import Answer, Ask, Pick, Picker
from swarm.plan import Plan
from swarm.prompts.build import summariser_messages
from swarm.task import Budget, OnExceed, Role, RoleConfig, Task

AGENT = "scribe"
WORDS_TOKENS = 400  # of the rewriting: 200 words, with room for numbers and paths
REWRITE_S = 60.0  # the longest that a halt waits for it
WHY = "the cheapest that may: it writes the hand-over anew"

_PROMPT, _APPROACH, _DRAFT, _FEEDBACK = 800, 400, 240, 400  # bytes of each that stay


class Parts(msgspec.Struct, frozen=True):
    """The texts that a hand-over quotes, by the position of the event that refers to each."""

    prompt: str
    texts: Mapping[int, str]

    def of(self, place: Place | None) -> str:
        return self.texts.get(place.at, "").strip() if place else ""


def fold_handover(task: TaskState, parts: Parts, *, stopped: str) -> str:
    """What the task is, where its plan stands, what was accepted, what is left, what it took and what stopped it. Pure."""
    name = f"{session_name(task.session)}/{task.name}"
    lines = [
        f"Hand-over of {name}: {task.title}",
        f"Task: {beginning(parts.prompt.strip(), _PROMPT)}",
        f"Stopped: {stopped}",
        f"Spent: {_spent(task)}",
    ]
    if not task.steps:
        lines.append("Plan: none was made yet.")
        return "\n".join(lines)
    if approach := parts.of(task.steps[0].approach):
        lines.append(f"Approach: {beginning(approach, _APPROACH)}")
    lines.append("Steps:")
    for step in task.steps:
        lines += _step_lines(step, f"{name}/{step.number}", parts)
    left = [str(step.number) for step in task.steps if step.stage != "accepted"]
    lines.append(f"Left: step {', '.join(left)} of {task.total}." if left else "Left: the result is to be delivered.")
    return "\n".join(lines)


def _spent(task: TaskState) -> str:
    maybe = f", {task.maybe_paid} of them maybe paid" if task.maybe_paid else ""
    calls = "1 call" if task.calls == 1 else f"{task.calls} calls"
    return f"{task.tokens:,} tokens and {dollars(task.cost_nanos)} in {calls}{maybe}."


def _step_lines(step: StepState, name: str, parts: Parts) -> list[str]:
    by = f" by {step.agent}@{step.model}" if step.agent else ""
    tries = f", {step.tried - 1} drafts rejected" if step.stage == "rejected" and step.tried > 2 else ""
    lines = [f"{step.number}. {step.title}: {_STAGES[step.stage]}{by if step.draft else ''}{tries}"]
    if draft := parts.of(step.draft):
        word = "Its text begins" if step.stage == "accepted" else "The last draft begins"
        lines.append(f"   {word}: {_first(draft, _DRAFT)} (whole: `swarm show {name} --text`)")
    if step.stage != "accepted" and (feedback := parts.of(step.feedback)):
        which = "it" if step.stage == "rejected" else "the one before"
        lines.append(f"   Why {which} was not accepted: {_first(feedback, _FEEDBACK)}")
    return lines


_STAGES: Mapping[str, str] = {
    "planned": "not begun",
    "drafted": "drafted, not judged yet",
    "rejected": "rejected",
    "accepted": "accepted",
}


def _first(text: str, most: int) -> str:
    """The beginning of a text in one line."""
    return " ".join(beginning(text, most).split())


async def handover_of(log: EventLog, task: TaskState, *, stopped: str) -> str:
    """Fold the hand-over of a task as it stands. Raises TextMissing where a text of it was dropped."""
    spec = msgspec.json.decode(await _read(log, task.spec), type=Task)
    places: list[Place | None] = [task.steps[0].approach if task.steps else None]
    for step in task.steps:
        places += [step.draft, step.feedback]
    texts = {place.at: await _read(log, place) for place in places if place is not None}
    return fold_handover(task, Parts(spec.prompt, texts), stopped=stopped)


async def _read(log: EventLog, place: Place) -> str:
    return await log.text(place.ref, at=place.at)


def rewrite_ask(handover: str) -> Ask:
    """What is asked of who writes it anew."""
    return Ask(messages=summariser_messages(handover), output_tokens=WORDS_TOKENS)


def rewritten(answer: Answer) -> str:
    """The rewriting; empty where the answer cannot stand for what was folded: it says nothing, or it was cut."""
    return answer.text.strip() if answer.finish == "stop" else ""


def cheapest(arms: Sequence[Arm], barred: Mapping[str, str]) -> Picker:
    """Takes the cheapest that is allowed, free first; no draw. One that is too small to judge cannot be trusted to sum up."""
    allowed = [arm for arm in arms if arm.model not in barred and arm.may_judge]

    def cost(arm: Arm) -> tuple[bool, int, int, str]:
        assert arm.price is not None, "an arm without a price is never allowed"
        return not arm.price.is_free, arm.price.output_nanos, TIERS.index(arm.tier), arm.model

    order = [msgspec.structs.replace(arm, agent=AGENT) for arm in sorted(allowed, key=cost)]

    def pick(failed: Mapping[str, str], nth: int, input_tokens: int) -> Pick | None:
        return next((Pick(arm, why=WHY) for arm in order if arm.model not in failed), None)

    return pick


def on_exceed(plan: Plan, task: Task, role: Role, session: int, scope: str) -> OnExceed:
    """What the cap that refused a call says is to happen: a role's or the task's own, else what the run says."""
    mine = task_scope(session, task.id)
    share = task.roles.get(role, RoleConfig()).budget
    if scope == role_scope(mine, role) and share is not None:
        return share.on_exceed
    if scope == mine or scope.startswith(f"{mine}/"):
        return (task.budget or Budget(on_exceed=plan.on_exceed)).on_exceed
    return plan.on_exceed


def is_worth_rewriting(state: TaskState) -> bool:
    """Whether anything was drafted: of what is still to be done the folded text says all there is."""
    return any(step.draft is not None for step in state.steps)


def has_reserve(plan: Plan, task: Task) -> bool:
    """Whether the task held something back at its start from which the rewriting is paid."""
    return plan.task_caps and task.budget is not None and task.budget.on_exceed == "summarise"
