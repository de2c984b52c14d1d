"""Who takes a call: the chooser and the rule for judges, bound to one piece of open work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from events.log import Clock
from events.views.trails import TrailsView
from swarm.calls import Pick, Picker
from swarm.choice.choose import Question, choose
from swarm.choice.judges import judges
from swarm.cycle import Open
from swarm.messages import Arm

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
) -> Picker:
    """Draws by the trails. `key` names the attempt: with the number of the try it is the seed."""

    def pick(failed: Mapping[str, str], nth: int, input_tokens: int) -> Pick | None:
        question = Question(
            role=role,
            context=context_of(role, type_),
            seed=f"{key}/{nth}",
            now=clock(),
            input_tokens=input_tokens,
            output_tokens=EXPECTED_OUTPUT_TOKENS,
            stay_on=open_.stay_on,
            without=open_.without,
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


def judge_picker(arms: Sequence[Arm], worker_model: str, *, paid: bool, excluded: Mapping[str, str]) -> Picker:
    """Takes the first that may judge; no draw."""

    def pick(failed: Mapping[str, str], nth: int, input_tokens: int) -> Pick | None:
        found = judges(arms, worker_model, paid=paid, excluded={**excluded, **failed})
        return Pick(found[0].arm, why=found[0].why) if found else None

    return pick
