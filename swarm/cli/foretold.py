"""What a word of a person would come to, told before it is said: by the functions that decide it once it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from events.log import session_name
from events.views.money import Reservation
from events.views.tasks import StepState, TaskState
from swarm.cli.names import Name
from swarm.cli.output import counted
from swarm.connect import Roster
from swarm.engine import steering
from swarm.engine.verdicts import goes_on, step_to_judge, to_cancel
from swarm.errors import UsageError, amount, dollars
from swarm.insight.budgets import Held
from swarm.messages import TIERS
from swarm.settings.load import ModelConfig
from tui.control import Foretold, Offer, Verb, Word
from tui.live import Live

_LISTED = 5  # names that are told of many


def foretold(word: Word, name: Name, live: Live, roster: Roster) -> Foretold:
    """What a word on a session or a task would come to; `roster` are the models that the session has."""
    if word.verb == "pin":
        return _pin(name, word.more, live, roster)
    try:
        return _OF[word.verb](name, live)
    except UsageError as refusal:
        return Foretold((), refused=str(refusal))


def of_caps(held: Sequence[Held], raised: tuple[int, Held] | None) -> Foretold:
    """What raising a cap would come to: how the caps of the scope stand, and what would be left of the one that is raised."""
    lines = [
        f"{amount(each.left, each.unit)} left of {amount(each.cap, each.unit)}, with {amount(each.reserved, each.unit)} reserved "
        f"({each.source})"
        for each in held
    ]
    if raised is not None:
        most, cap = raised
        room = max(0, most - cap.kept - cap.spent - cap.reserved)
        lines.append(f"It would be {amount(most, cap.unit)}, with {amount(room, cap.unit)} left to spend.")
    return Foretold([*lines, "Nothing is spent by it; it is lowered again with `swarm budget set`."])


def _pause(name: Name, live: Live) -> Foretold:
    steering.pause(live.tasks, name.session, name.task, by="", reason="")
    flying = _in_flight(live, name.session, [name.task] if name.task else _names(live, name.session))
    return Foretold(
        [
            "Nothing new begins: no call, no attempt, no use of a tool. A limit of time stands still.",
            f"{_calls(flying)} to the end, and {_cost_is(flying)} at most." if flying else "No call is in flight.",
            "The same key goes on with it.",
        ]
    )


def _unpause(name: Name, live: Live) -> Foretold:
    steering.unpause(live.tasks, name.session, name.task, by="")
    left = [task for task in _tasks(live, name) if goes_on(task)]
    return Foretold([f"What waits begins: {_listed([task.name for task in left])}.", _costs_within(name, live)])


def _cancel(name: Name, live: Live) -> Foretold:
    tasks = live.tasks.of(name.session)
    ending = to_cancel(tasks, name.task)
    if not name.task and live.state is not None and live.state.finished:
        raise UsageError(f"{name} has ended already; there is nothing to cancel")
    flying = _in_flight(live, name.session, ending)
    cut = f"{_calls(flying)} no further: {_cost_is(flying)} all the same." if flying else "No call is in flight."
    if not name.task:
        done = sum(task.status == "accepted" for task in tasks.values())
        after = ["It is finished then: there is nothing to resume. This cannot be taken back."]
        kept = [f"What is accepted stays so ({done} of {len(tasks)})."] if done else []
        return Foretold(
            [
                f"{counted(len(ending), 'task')} {'ends' if len(ending) == 1 else 'end'}: {_listed(ending)}.",
                *kept,
                cut,
                *after,
            ],
            is_grave=True,
        )
    wanting = _wanting(list(tasks.values()), ending)
    with_it = [f"What needs it is cancelled, too: {_listed(wanting)}."] if wanting else []
    items = [f"Its items end with it: {_listed(ending[1:])}."] if ending[1:] else []
    back = "What is cut off is lost. Its drafts stay, and R tries it again."
    return Foretold([*items, *with_it, cut, back], is_grave=True)


def _retry(name: Name, live: Live) -> Foretold:
    tasks = live.tasks.of(name.session)
    opened = [each for each, _ in steering.retry(tasks, name.task, by="", reason="")]
    task, others = tasks[name.task], [each for each in opened if each != name.task]
    so_far = f"Its {counted(task.calls, 'call')} so far took {dollars(task.cost_nanos)} and {task.tokens:,} tokens."
    return Foretold(
        [
            f"It is {task.status}; it is open again, with one attempt more.",
            *([f"Open again with it: {_listed(others)}."] if others else []),
            so_far,
            _costs_within(name, live),
        ],
        is_grave=True,
    )


def _accept(name: Name, live: Live) -> Foretold:
    task, step = _judged(name, live, accepted=True)
    written = [f"Its files are written: {_listed([each.path for each in task.outputs])}."] if task.outputs else []
    overruled = [f"{_judge(step)} rejected it; that no longer counts."] if step.stage == "rejected" else []
    return Foretold([_draft(task, step), *overruled, *written, "It costs no call. B takes it back."])


def _reject(name: Name, live: Live) -> Foretold:
    task, step = _judged(name, live, accepted=False)
    overruled = [f"{_judge(step)} accepted it; that no longer counts."] if step.stage == "accepted" else []
    more = "It has one attempt more, which is told why. What others have made of the draft stays as it is."
    return Foretold([_draft(task, step), *overruled, more, _costs_within(name, live)])


def _pin(name: Name, tier: str, live: Live, roster: Roster) -> Foretold:
    said = live.tasks.of(name.session)[name.task].own if name.task else live.tasks.whole(name.session)
    now = f"Pinned to {said.pin.tier} by {said.pin.by}." if said.pin is not None else "Who has them is chosen as ever."
    offers = [_offer(each, [model for model in roster.models if model.tier == each]) for each in TIERS]
    offers.append(Offer("o", "", "chosen as ever", is_grave=False))
    lines = [now, "Caps hold as before; where no model of the tier can take a try, it is chosen as without the pin."]
    return Foretold(lines, offers=offers)


_OF: dict[Verb, Callable[[Name, Live], Foretold]] = {
    "pause": _pause,
    "unpause": _unpause,
    "cancel": _cancel,
    "retry": _retry,
    "accept": _accept,
    "reject": _reject,
}


def _offer(tier: str, models: Sequence[ModelConfig]) -> Offer:
    """A tier with its models and the range of their prices."""
    if not models:
        return Offer(tier[0], tier, "no model of it here", is_grave=False)
    free = all(model.price is not None and model.price.is_free for model in models)
    priced = [model.price for model in models if model.price is not None]
    if free:
        cost = "costs nothing"
    elif priced:
        cost = f"from {dollars(min(price.input_nanos for price in priced))} in, "
        cost += f"{dollars(min(price.output_nanos for price in priced))} out for a million tokens"
    else:
        cost = "of unknown price"
    return Offer(tier[0], tier, f"{_listed([model.name for model in models])}; {cost}", is_grave=not free)


def _judged(name: Name, live: Live, *, accepted: bool) -> tuple[TaskState, StepState]:
    task = live.tasks.of(name.session)[name.task]
    return task, step_to_judge(task, name.step, accepted=accepted)


def _draft(task: TaskState, step: StepState) -> str:
    of = f"step {step.number} of {task.total}, " if task.total > 1 else ""
    return f"It is that of {of}attempt {step.drafted}, by {step.agent} on {step.model}."


def _judge(step: StepState) -> str:
    return step.judge or "A person"


def _tasks(live: Live, name: Name) -> list[TaskState]:
    tasks = live.tasks.of(name.session)
    return [tasks[name.task]] if name.task else list(tasks.values())


def _names(live: Live, session: int) -> list[str]:
    return list(live.tasks.of(session))


def _wanting(tasks: Sequence[TaskState], ending: Collection[str]) -> list[str]:
    """Those that cannot be done without one of these."""
    found = set(ending)
    while more := {
        task.name
        for task in tasks
        if task.name not in found and goes_on(task) and found & (set(task.needs) - set(task.ruled))
    }:
        found |= more
    return [task.name for task in tasks if task.name in found and task.name not in ending]


def _in_flight(live: Live, session: int, tasks: Collection[str]) -> list[Reservation]:
    return [each for each in live.money.open.values() if each.session == session and each.task in tasks]


def _calls(flying: Sequence[Reservation]) -> str:
    return f"{counted(len(flying), 'call')} in flight {'goes' if len(flying) == 1 else 'go'}"


def _cost_is(flying: Sequence[Reservation]) -> str:
    """What calls are charged with, as it was reserved for them."""
    nanos, tokens = sum(each.nanos for each in flying), sum(each.tokens for each in flying)
    return f"{'costs' if len(flying) == 1 else 'cost'} {dollars(nanos)} and {tokens:,} tokens"


def _costs_within(name: Name, live: Live) -> str:
    """That calls cost, and what bounds them."""
    session = session_name(name.session)
    scopes = [f"{session}/{name.task}", session] if name.task else [session]
    bounds: list[str] = []
    for scope in scopes:
        cap, state = live.cap(scope), live.money.scopes.get(scope)
        for unit in ("nanos", "tokens"):
            most: int | None = getattr(cap, unit)
            taken: int = getattr(state.spent, unit) + getattr(state.reserved, unit) if state is not None else 0
            if most is not None:
                bounds.append(f"{scope} has {amount(max(0, most - taken), unit)} left of {amount(most, unit)}")
    return f"Calls cost as ever: {', '.join(bounds) if bounds else f'the caps above {scopes[0]} hold'}."


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return (", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")) or "nothing"
