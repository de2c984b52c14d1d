"""Who takes a call: the chooser and the rule for judges, bound to one piece of open work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from events.log import Clock
from events.types.choice import FREE_TIERS, ChoiceStopped
from events.views.steering import Pin
from events.views.tasks import StepState, TaskState
from events.views.trails import TrailsView
from events.views.verdicts import CHECKS
from swarm.choice.audits import errors_of, together
from swarm.choice.choose import choose
from swarm.choice.judges import judges
from swarm.choice.planner import Judge as Errors
from swarm.choice.question import LEAN_FROM, Question, context_of, outside
from swarm.cycle import RETRIES_ON_ARM, Open
from swarm.engine.audits import is_due
from swarm.engine.steering import holds, is_asked_for
from swarm.errors import NoModelAvailable
from swarm.messages import MILLION, Arm
from swarm.money.shares import Share
from swarm.orders import NotWorthIt, Pick, Picker
from swarm.plan import SUB_AGENT, Plan, allowed_arms, has_judge
from swarm.roles.validator import wants_judge
from swarm.task import Role, RoleConfig, Task
from swarm.text.families import prior

EXPECTED_OUTPUT_TOKENS = 500  # until a task's own history says more
EXPECTED_VERDICT_TOKENS = 100
SURELY = 0.8
"""What of a prompt's foreseen tokens it surely has: the quick count errs by up to a sixth, and a model that is left out wrongly is lost,
where one that is asked in vain costs a refusal."""

CUT = "its answer was cut, and it is asked again with room for more"
GOES_ON = "it is told what its tools said"


class Picks(msgspec.Struct, frozen=True, kw_only=True):
    """Who may take the calls of a task's work, and how it is decided among them.

    `money` is asked at each draw how near it is to a cap on money. One on tokens makes no arm better than another: nothing
    says of a model that it takes fewer for the same work, and a draft that is rejected takes more than any could save.
    """

    plan: Plan
    task: Task
    state: TaskState
    session: str
    trails: TrailsView
    pressure: float
    clock: Clock
    money: Callable[[], Share | None]
    pin: Callable[[], Pin | None] = lambda: None  # the tier to which a person pinned first tries, by now
    counts: Callable[[str], float] = prior  # by model how many tokens of input it counts for one of ours

    @property
    def anybody_judges(self) -> bool:
        return has_judge(self.plan, self.task)

    def of(self, open_: Open, role: Role) -> Picker:
        """The picker for a piece of open work: a rule for a judge, for any other role a choice by the trails."""
        if role == "validator":
            return self._judge(self.state.steps[open_.step - 1].model)
        is_judged = role == "worker" and wants_judge(self.task, last=open_.step == self.state.total)
        return self._drawn(self.question(open_, role), role, open_.step, is_judged=is_judged)

    def is_audited(self, step: int, judge: str) -> bool:
        """Whether the step's draft is to be audited if the model `judge` accepts it; "" is the checks alone."""
        worker = self.state.steps[step - 1].model
        return is_due(self.plan, self.task, session=self.session, step=step, worker=worker, judge=judge)

    def staying(self, role: Role, name: str, otherwise: Picker, *, why: str = CUT) -> Picker:
        """Takes the arm of that name where nothing excludes it, no draw; else as the other picker does."""
        arms, excluded = allowed_arms(self.plan, self.task, role)
        return staying_picker([arm for arm in arms if arm.model not in excluded], name, otherwise, why)

    def delegated(self, open_: Open, agent: str, branch: str) -> tuple[Picker, Callable[[str], Picker]]:
        """Who does a part of a worker's step in a branch of the attempt: the worker's agent, on whatever model is chosen for it;
        and by the name of the arm that answered who goes on."""
        question = self.question(open_, "worker")
        seed, step = f"{question.seed}/{branch}", f"{question.step}/{branch}"
        question = msgspec.structs.replace(question, role=SUB_AGENT, seed=seed, step=step, stay_on="", draws={})
        pick = self._drawn(question, "worker", open_.step, is_judged=False, agent=agent)
        return pick, lambda name: self.staying("worker", name, pick, why=GOES_ON)

    def question(self, open_: Open, role: Role) -> Question:
        """What is to be chosen for; a draw adds its moment, its number and the size of the prompt."""
        plan, task, state = self.plan, self.task, self.state
        step = state.steps[open_.step - 1] if open_.step else None
        key = f"{self.session}/{open_.task}/{open_.step}"
        return Question(
            role=role,
            context=context_of(role, state.type),
            seed=f"{key}/{open_.attempt}/{role}",
            step=f"{key}/{role}",
            now=0,
            input_tokens=0,
            output_tokens=EXPECTED_OUTPUT_TOKENS,
            policy=plan.choice.policy,
            worth=plan.choice.worth,
            arms=arms_left(state, step),
            pressure=self.pressure,
            judge=errors_on(plan, task, self.trails),
            free_first=(task.start or plan.choice.start) == "free",
            stay_on=open_.stay_on,
            tried=tuple(arm for arm, drafts in step.fails.items() for _ in range(drafts)) if step else (),
            without=open_.without,
            draws=step.draws if step else {},
            may_escalate=state.escalations < task.limits.escalations,
        )

    def _drawn(self, question: Question, role: Role, number: int, *, is_judged: bool, agent: str = "") -> Picker:
        arms, excluded = allowed_arms(self.plan, self.task, role)
        arms = [arm for arm in arms if agent in ("", arm.agent)]
        span = self.plan.choice.span(self.state.complexity)
        step = self.state.steps[number - 1] if number else None

        def pick(failed: Mapping[str, str], nth: int, input_tokens: int) -> Pick | None:
            share, counts, pin = self.money(), {arm.model: self.counts(arm.model) for arm in arms}, self.pin()
            tier = pin.tier if pin is not None and holds(pin, self.state, step) else ""
            asked = msgspec.structs.replace(
                question,
                seed=f"{question.seed}/{nth}",
                now=self.clock(),
                input_tokens=input_tokens,
                counts=counts,
                judging=self._judging([arm.model for arm in arms], input_tokens) if is_judged else {},
                spent_scope=share.scope if share else "",
                spent_percent=share.percent if share else 0,
                pinned=tier,
                pin=pin.at if pin is not None and tier else 0,
                asked=self.state.retried if is_asked_for(self.state, step) else 0,
            )
            too_small = _too_small(arms, input_tokens, self.counts)
            out = {**too_small, **excluded, **failed}
            named = self.task.tiers or self.task.roles.get(role, RoleConfig()).tiers
            if not named and all(arm.tier != tier or arm.model in out for arm in arms):
                out |= outside([arm for arm in arms if arm.model not in out], *span, self.state.complexity)
            choice = choose(asked, arms, self.trails.learned, out)
            if isinstance(choice, ChoiceStopped):
                raise NotWorthIt(choice)
            if choice is None and too_small:
                raise NoModelAvailable(role=role, reasons=out)
            return Pick(next(arm for arm in arms if arm.name == choice.arm), choice) if choice else None

        return pick

    def _judge(self, worker_model: str) -> Picker:
        arms, excluded = allowed_arms(self.plan, self.task, "validator")
        picker = partial(judge_picker, arms, worker_model, paid=self._paid_judge, money=self.money)

        def pick(failed: Mapping[str, str], nth: int, input_tokens: int) -> Pick | None:
            out = {**(too_small := _too_small(arms, input_tokens, self.counts)), **excluded}
            found = picker(excluded=out)(failed, nth, input_tokens)
            if found is None and too_small:
                raise NoModelAvailable(role="validator", reasons={**out, **failed})
            return found

        return pick

    @property
    def _paid_judge(self) -> bool:
        return self.task.judge == "paid" or self.plan.judge == "paid"

    def _judging(self, models: Sequence[str], tokens: int) -> dict[str, int]:
        """By model what it will probably cost to have a draft of it judged whose prompt had so many tokens, where it costs."""
        arms, excluded = allowed_arms(self.plan, self.task, "validator")
        if all(arm.tier in FREE_TIERS for arm in arms if arm.model not in excluded):
            return {}
        first = {model: judges(arms, model, paid=self._paid_judge, excluded=excluded)[:1] for model in models}
        of = {model: found[0].arm for model, found in first.items() if found}
        return {model: verdict_cost(judge, tokens, self.counts(judge.model)) for model, judge in of.items()}


def errors_on(plan: Plan, task: Task, trails: TrailsView) -> Errors:
    """How often verdicts on a task's work are wrong, as far as that is known of those who may give them."""
    records = trails.verdicts.judges
    if not task.is_judged:
        return errors_of(together(records, [CHECKS]))
    arms, excluded = allowed_arms(plan, task, "validator")
    return errors_of(together(records, [arm.model for arm in arms if arm.model not in excluded]))


def verdict_cost(judge: Arm, tokens: int, counts: float = 1.0) -> int:
    """What a verdict will probably cost on a draft whose prompt had so many tokens, in nano-dollars; the judge `counts` so many for
    one of them."""
    if judge.price is None:
        return 0
    given = round((tokens + EXPECTED_OUTPUT_TOKENS) * counts)
    rates = judge.price.rates_at(given)
    tokens_nanos = given * rates.input_nanos + EXPECTED_VERDICT_TOKENS * rates.output_nanos
    return judge.price.request_nanos + tokens_nanos // MILLION


def arms_left(state: TaskState, step: StepState | None) -> int:
    """On how many arms a step can still be tried, each with another try after feedback."""
    left = state.attempts - (step.tried - 1 if step else 0)
    return max(1, -(-left // (1 + RETRIES_ON_ARM)))


def _too_small(arms: Sequence[Arm], tokens: int, counts: Callable[[str], float]) -> dict[str, str]:
    """The models whose window surely does not hold a prompt of about so many tokens of ours, as each counts them."""
    return {
        arm.model: f"its window of {arm.context_tokens:,} tokens does not hold the prompt of about {foreseen:,}"
        for arm in arms
        if arm.context_tokens is not None
        and arm.context_tokens < SURELY * (foreseen := round(tokens * counts(arm.model)))
    }


def staying_picker(arms: Sequence[Arm], name: str, otherwise: Picker, why: str) -> Picker:
    """Takes the arm of that name where nothing excludes it; no draw."""

    def pick(failed: Mapping[str, str], nth: int, input_tokens: int) -> Pick | None:
        arm = next((arm for arm in arms if arm.name == name and arm.model not in failed), None)
        return Pick(arm, why=why) if arm else otherwise(failed, nth, input_tokens)

    return pick


def judge_picker(
    arms: Sequence[Arm],
    worker_model: str,
    *,
    paid: bool,
    excluded: Mapping[str, str],
    money: Callable[[], Share | None] = lambda: None,
) -> Picker:
    """Takes the first that may judge; no draw. `money` is asked how near it is to a cap on money."""

    def pick(failed: Mapping[str, str], nth: int, input_tokens: int) -> Pick | None:
        share = money()
        near = f"{share.percent} % of the money cap of {share.scope} is spent" if share else ""
        leans = share is not None and share.percent >= LEAN_FROM
        out = {**excluded, **failed}
        found = judges(arms, worker_model, paid=paid, excluded=out, near=near if leans else "")
        return Pick(found[0].arm, why=found[0].why) if found else None

    return pick
