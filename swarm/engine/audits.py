"""Which accepted results of a run are audited, and who is asked: decided from plan, task and trails."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from events.log import Clock
from events.trails import EVERYWHERE, model_of, share_of
from events.views.tasks import StepState
from events.views.trails import TrailsView
from swarm.choice.audits import auditors, is_audited
from swarm.choice.judges import Judge
from swarm.choice.question import PRIOR
from swarm.messages import Arm
from swarm.orders import Pick, Picker
from swarm.plan import Plan, allowed_arms
from swarm.task import Task


def is_due(plan: Plan, task: Task, *, session: str, step: int, worker: str, judge: str) -> bool:
    """Whether a draft of the model `worker` is to be audited that the model `judge` accepts; "" is the checks alone."""
    if _by_whom(plan, task) == "off" or not is_audited(session, task.id, step, plan.choice.audit_share):
        return False
    return bool(auditors_of(plan, task, judge=judge, worker=worker))


def auditors_of(
    plan: Plan, task: Task, *, judge: str, worker: str, good: Callable[[Arm], float] = lambda _: 0.0
) -> list[Judge]:
    """Who may audit it, the best first."""
    arms, excluded = allowed_arms(plan, task, "validator")
    paid = _by_whom(plan, task) == "paid"
    return auditors(arms, judge=judge, worker=worker, paid=paid, excluded=excluded, good=good)


def audit_picker(plan: Plan, task: Task, step: StepState, judge: str, good: Callable[[Arm], float]) -> Picker:
    """Takes the best auditor that nothing excludes; no draw."""
    found = auditors_of(plan, task, judge=judge, worker=step.model, good=good)

    def pick(failed: Mapping[str, str], nth: int, input_tokens: int) -> Pick | None:
        first = next((each for each in found if each.arm.model not in failed), None)
        return Pick(first.arm, why=first.why) if first else None

    return pick


def goodness(arm: Arm, *, trails: TrailsView, clock: Clock) -> float:
    """How good a model is taken to be at judging: as good as its own work is judged everywhere."""
    return share_of(trails.learned.trail(EVERYWHERE, model_of(arm.name), clock()), PRIOR[arm.tier])


def _by_whom(plan: Plan, task: Task) -> str:
    return task.audit or plan.choice.audit
