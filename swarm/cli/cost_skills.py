"""`swarm cost --by skill`: what calls cost by the skills whose texts they held. Several share a call, or each is shown with all of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import anyio
import msgspec

from events.views.base import fold
from events.views.cost import Cost, Payer
from events.views.skillcost import SkillCostView
from swarm.cli.recorded import recorded
from swarm.insight.periods import Period
from swarm.insight.spent import ARCHIVED, NONE, SKILL, Row, Schedules, ordered, readers_of, within

_COUNTS = ("calls", "failed", "open", "maybe_paid")
"""What is no amount that could be shared: a call with two skills is one of each."""


def costs_by_skill(url: str) -> SkillCostView:
    """What the log says. Raises NothingRecorded, LogTrouble."""

    async def read() -> SkillCostView:
        async with recorded(url) as log:
            return await fold(log, SkillCostView())

    return anyio.run(read)


def rows_of(
    view: SkillCostView, keys: Sequence[str], schedules: Schedules, period: Period | None, *, carried: bool
) -> tuple[Row, ...]:
    """Sums by the values of the keys, one of which is the skill; `carried` shows each skill with all that its calls cost."""
    readers = readers_of(schedules)
    sums: dict[tuple[str, ...], Cost] = {}
    for skill, payer, cost in _attributed(view, carried):
        if within(payer, period):
            values = tuple(skill if key == SKILL else readers[key](payer) for key in keys)
            sums.setdefault(values, Cost()).add(cost)
    return tuple(ordered(sums, keys))


def _attributed(view: SkillCostView, carried: bool) -> Iterator[tuple[str, Payer, Cost]]:
    for payer, cost in view.archived.costs.items():
        yield ARCHIVED, payer, cost
    for skills, costs in view.costs.items():
        for payer, cost in costs.costs.items():
            shares = [cost] * len(skills) if carried else shared(cost, len(skills))
            yield from ((skill, payer, share) for skill, share in zip(skills or (NONE,), shares or [cost], strict=True))


def shared(cost: Cost, among: int) -> list[Cost]:
    """The amounts in whole shares that are alike but for one unit, the larger ones first; counts are shared by nobody."""
    amounts: Mapping[str, int] = msgspec.structs.asdict(cost)
    return [
        Cost(
            **{
                name: value if name in _COUNTS else value // among + (number < value % among)
                for name, value in amounts.items()
            }
        )
        for number in range(among)
    ]


def told(view: SkillCostView, carried: bool) -> list[str]:
    """What a person has to know of these sums."""
    if not any(len(skills) > 1 for skills in view.costs):
        return []
    if carried:
        return ["each skill is shown with all that its calls cost: calls with several skills stand in several rows"]
    return [
        "calls with several skills count as calls of each, and what they cost is shared evenly; `--carried` shows each in full"
    ]
