"""The estimate of a run: each task done on paper many times, and the sum of them over the run.

Percentiles of the run are those of the sums: run by run on paper, one of each task, as many as it has items. Money is whole
nano-dollars, each call rounded up as it would be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from random import Random

import msgspec

from events.types.session import Estimated
from events.views.history import HistoryView
from events.views.inputs import InputsView
from events.views.trails import TrailsView
from swarm.engine.foresight import counted_by
from swarm.engine.prepare import Prepared, prepare_task
from swarm.errors import UsageError
from swarm.estimate.arms import Arms, Rung
from swarm.estimate.odds import Chance, Odds, Sizes, quantile
from swarm.estimate.requests import First, Unknown, first_requests
from swarm.estimate.simulate import Simulated, Spent, Work
from swarm.items import item_tasks, items_of
from swarm.messages import Arm, Usage
from swarm.money.allowances import allowance
from swarm.money.prices import cost_nanos, counted_tokens, most_nanos
from swarm.plan import EXPECTED_ITEMS, Plan, answer_tokens, context_room, explores, is_looked_at
from swarm.stages import stages_ahead
from swarm.task import ROLES, Role, Task
from swarm.tries import LEAST_USEFUL

MOST_RUNS, LEAST_RUNS = 400, 50  # on paper; fewer for a file of many tasks
_RUNS_OF_ALL = 20_000
_SEED = "estimate"


class Band(msgspec.Struct, frozen=True):
    """Half of the runs on paper stay within the first number, nine of ten within the second."""

    p50: int
    p90: int


class Reserve(msgspec.Struct, frozen=True):
    """What a call takes of a cap while it is under way, above what it costs in the end."""

    tokens: int
    nanos: int


class RoleEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """One role of a task: who would take its calls, what they are sent first, what they answer."""

    rungs: tuple[Rung, ...]  # in the order in which they would be tried; of judges the first is asked
    excluded: Mapping[str, str]  # models that may not take part, and why
    first: First | None  # None: nobody may take part
    answers: Sizes | None  # of the first in the order
    accepted: Chance | None = None  # of a worker


class TaskEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """One task. `nanos` and `tokens` are of all of its items, `each_nanos` and `each_tokens` of one."""

    task: str
    times: int
    roles: Mapping[Role, RoleEstimate]
    drafts: Band
    tokens: Band
    nanos: Band
    each_tokens: Band
    each_nanos: Band
    reserve: Reserve  # of its last call: where that does not fit beside what is spent, the task halts
    guess: bool
    notes: tuple[str, ...] = ()  # what was not known, and what was taken for it


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    tasks: tuple[TaskEstimate, ...]
    tokens: Band
    nanos: Band
    guess: bool

    @property
    def summary(self) -> Estimated:
        """What of it is recorded."""
        return Estimated(
            p50_nanos=self.nanos.p50,
            p90_nanos=self.nanos.p90,
            p50_tokens=self.tokens.p50,
            p90_tokens=self.tokens.p90,
            guess=self.guess,
        )


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """What an estimate is made from beside the tasks."""

    plan: Plan
    history: HistoryView
    trails: TrailsView
    inputs: InputsView = msgspec.field(default_factory=InputsView)
    root: Path
    redact: Callable[[str], str]
    now: int  # microseconds since 1970


def estimate(prepared: Sequence[Prepared], basis: Basis) -> Estimate:
    """Foresee a run of these tasks. Calls nothing and writes nothing; a task whose condition may not hold counts as done."""
    answers = answers_of(prepared)
    odds, count = Odds(basis.history), max(LEAST_RUNS, min(MOST_RUNS, _RUNS_OF_ALL // len(prepared)))
    sums = [Spent() for _ in range(count)]
    tasks: list[TaskEstimate] = []
    for each in prepared:
        one, runs = _of_task(each, answers, basis, odds, count)
        tasks.append(one)
        for total, run in zip(sums, runs, strict=True):
            _add(total, run)
    return Estimate(
        tasks=tuple(tasks),
        tokens=_band([run.tokens for run in sums]),
        nanos=_band([run.nanos for run in sums]),
        guess=any(task.guess for task in tasks),
    )


def shown_requests(prepared: Prepared, answers: Mapping[str, int], basis: Basis) -> dict[Role, First]:
    """The first requests of a task for people to read, with a sentence where something is not known before the run."""
    return _requests(_representative(prepared, basis)[0], answers, basis, words=True)


def answers_of(prepared: Sequence[Prepared]) -> dict[str, int]:
    """By task what its result is taken for, in tokens, where another needs it."""
    return {each.task.id: _answer_tokens(each) for each in prepared}


def _requests(one: Prepared, answers: Mapping[str, int], basis: Basis, *, words: bool = False) -> dict[Role, First]:
    task, tokens = one.task, answer_tokens(one.task, one.complexity)
    results = {need: answers[need] for need in task.needs if need in answers}
    roles = ROLES if explores(task, one.complexity) else ROLES[1:]
    unknown = Unknown(results=results, words=words)
    room = partial(context_room, basis.plan, task)
    return first_requests(
        task,
        one.complexity.type,
        tokens,
        roles,
        unknown,
        room=room,
        root=basis.root,
        redact=basis.redact,
        stages=stages_ahead(basis.plan.stages, task, looked_at=is_looked_at(basis.plan, task)),
    )


def _of_task(
    prepared: Prepared, answers: Mapping[str, int], basis: Basis, odds: Odds, count: int
) -> tuple[TaskEstimate, list[Spent]]:
    """The task's estimate, and its runs on paper with all of its items."""
    one, times, notes = _representative(prepared, basis)
    task, complexity = one.task, one.complexity
    first = _requests(one, answers, basis)
    allowed = allowance(complexity.type, complexity.level)
    least = allowed.input_tokens if task.each is not None else 0  # items have words, too
    inputs: dict[Role, int] = {role: max(least, each.likely_input_tokens) for role, each in first.items()}
    counts = cache(partial(counted_by, basis.inputs))
    arms_of = partial(Arms, basis.plan, task, complexity=complexity, trails=basis.trails, now=basis.now, counts=counts)
    arms: dict[Role, Arms] = {role: arms_of(role, tokens=each.first_input_tokens) for role, each in first.items()}
    work = Work(
        name=task.id,
        type=complexity.type,
        level=complexity.level,
        attempts=task.limits.attempts,
        explored="explorer" in first,
        judged=is_judged(task),
        inputs=inputs,
    )
    simulated = Simulated(work, arms, odds, counts)
    single = [simulated.once(f"{_SEED}/{task.id}/{number}") for number in range(count)]
    guess = simulated.is_guess  # of what counted, not of what is only shown
    runs = single if times == 1 else _times(single, times, task.id)
    notes += [f"the result of {need} is taken for {answers[need]:,} tokens" for need in task.needs if need in answers]
    roles: dict[Role, RoleEstimate] = {
        role: _of_role(role, arms, first, simulated, counts) for role in first if role != "validator" or work.judged
    }
    return TaskEstimate(
        task=prepared.task.id,
        times=times,
        roles=roles,
        reserve=_reserve(roles, first, counts),
        drafts=_band([run.drafts for run in single]),
        tokens=_band([run.tokens for run in runs]),
        nanos=_band([run.nanos for run in runs]),
        each_tokens=_band([run.tokens for run in single]),
        each_nanos=_band([run.nanos for run in single]),
        guess=guess,
        notes=tuple(notes),
    ), runs


def is_judged(task: Task) -> bool:
    """Whether a judge looks at the result, where there is one."""
    return task.is_judged


def _of_role(
    role: Role,
    arms: Mapping[Role, Arms],
    first: Mapping[Role, First],
    simulated: Simulated,
    counts: Callable[[str], float],
) -> RoleEstimate:
    mine = arms[role]
    rungs = mine.ladder()
    if role == "validator":
        drafting = next((rung.arm.model for rung in arms["worker"].ladder()), "")
        by_arm = {rung.arm.name: rung for rung in rungs}
        rungs = tuple(by_arm[arm.name] for arm in mine.bench(drafting) if arm.name in by_arm)
    top: Arm | None = rungs[0].arm if rungs else None
    return RoleEstimate(
        rungs=rungs,
        excluded=mine.excluded,
        first=first[role].counted(counts(top.model)) if top else None,
        answers=simulated.sizes(role, top.model) if top else None,
        accepted=simulated.chance(top) if top and role == "worker" else None,
    )


def _reserve(
    roles: Mapping[Role, RoleEstimate], first: Mapping[Role, First], counts: Callable[[str], float]
) -> Reserve:
    """The most that the least useful call of a role reserves above what is likely for it, of those who may take it."""
    tokens = nanos = 0
    for role, one in roles.items():
        if one.first is None or one.answers is None:
            continue
        most, least = first[role].most_input_tokens, max(1, first[role].ask.output_tokens // LEAST_USEFUL)
        for arm in (rung.arm for rung in one.rungs):
            likely = first[role].counted(counts(arm.model)).likely_input_tokens
            usage = Usage(input_tokens=likely, output_tokens=one.answers.quantile(50))
            tokens = max(tokens, most + least - counted_tokens(usage))
            if arm.price is not None:
                nanos = max(nanos, most_nanos(arm.price, most, least) - cost_nanos(arm.price, usage))
    return Reserve(tokens, nanos)


def _representative(prepared: Prepared, basis: Basis) -> tuple[Prepared, int, list[str]]:
    """The task itself; of one that is done for each of some items the first of these, and how many there are."""
    task = prepared.task
    if task.each is None:
        return prepared, 1, []
    if task.each.from_task is not None:
        why = f"its items come from {task.each.from_task} and are not known: {EXPECTED_ITEMS} are taken"
        return _without_lookups(prepared), EXPECTED_ITEMS, [why]
    items = items_of(task.each, {}, basis.root, task=task.id)
    try:
        first = prepare_task(item_tasks(task, items[:1])[0], basis.root, basis.redact, basis.plan)
    except (IndexError, UsageError):
        return _without_lookups(prepared), len(items), []  # no item, or one that the run will say something about
    return first, len(items), [f"each item is taken for one like the first of {len(items):,}"] if items[1:] else []


def _without_lookups(prepared: Prepared) -> Prepared:
    """The task without the files that are named only when its items are known."""
    task = prepared.task
    known = tuple(source for source in task.inputs if not any("{{" in path for path in source.files))
    return msgspec.structs.replace(prepared, task=msgspec.structs.replace(task, inputs=known))


def _answer_tokens(prepared: Prepared) -> int:
    """What the result of a task is taken for where another needs it: an answer of its level, for each item."""
    times = EXPECTED_ITEMS if prepared.task.each is not None else 1
    return answer_tokens(prepared.task, prepared.complexity) * times


def _times(single: Sequence[Spent], times: int, name: str) -> list[Spent]:
    """Runs of a task with all of its items: each item is like one of the runs on paper, drawn anew."""
    rng = Random(f"{_SEED}/{name}")
    runs: list[Spent] = []
    for _ in single:
        runs.append(Spent())
        for drawn in rng.choices(single, k=times):
            _add(runs[-1], drawn)
    return runs


def _add(total: Spent, run: Spent) -> None:
    total.tokens += run.tokens
    total.nanos += run.nanos
    total.drafts += run.drafts
    total.calls += run.calls


def _band(values: Sequence[int]) -> Band:
    ordered = sorted(values)
    return Band(quantile(ordered, 50), quantile(ordered, 90))
