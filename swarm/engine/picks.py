"""Who takes a call: the chooser and the rule for judges, bound to one piece of open work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from events.log import Clock
from events.views.trails import TrailsView
from swarm.choice.choose import LEAN_FROM, Question, choose
from swarm.choice.judges import judges
from swarm.cycle import Open
from swarm.messages import Arm
from swarm.money.shares import Share
from swarm.orders import Pick, Picker

EXPECTED_OUTPUT_TOKENS = 500  # until a task's own history says more
CUT = "its answer was cut, and it is asked again with room for more"


def context_of(role: str, type_: str) -> str:
    """The context of a choice's trails."""
    return f"{role}/{type_}"


def worker_picker(
    arms: Sequence[Arm],
    trails: TrailsView,
    open_: Open,
    *,
    role: str,
    type_: str,
    key: str,
    clock: Clock,
    excluded: Mapping[str, str],
    money: Callable[[], Share | None] = lambda: None,
) -> Picker:
    """Draws by the trails. `key` names the attempt: with the number of the try it is the seed.

    `money` is asked at each draw how near it is to a cap on money. One on tokens makes no arm better than another: nothing
    says of a model that it takes fewer for the same work, and a draft that is rejected takes more than any could save.
    """

    def pick(failed: Mapping[str, str], nth: int, input_tokens: int) -> Pick | None:
        share = money()
        question = Question(
            role=role,
            context=context_of(role, type_),
            seed=f"{key}/{nth}",
            now=clock(),
            input_tokens=input_tokens,
            output_tokens=EXPECTED_OUTPUT_TOKENS,
            stay_on=open_.stay_on,
            without=open_.without,
            spent_scope=share.scope if share else "",
            spent_percent=share.percent if share else 0,
        )
        choice = choose(question, arms, trails, {**excluded, **failed})
        if choice is None:
            return None
        arm = next(arm for arm in arms if (arm.agent, arm.model) == (choice.agent, choice.model))
        return Pick(arm, choice)

    return pick


def staying_picker(arms: Sequence[Arm], name: str, otherwise: Picker) -> Picker:
    """Takes the arm of that name where nothing excludes it; no draw."""

    def pick(failed: Mapping[str, str], nth: int, input_tokens: int) -> Pick | None:
        arm = next((arm for arm in arms if arm.name == name and arm.model not in failed), None)
        return Pick(arm, why=CUT) if arm else otherwise(failed, nth, input_tokens)

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
