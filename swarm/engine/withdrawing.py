"""Stages of the token pipeline that a preset uses, and that the record speaks against: found when a session begins."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from events.log import EventLog, NewEvent
from events.types.stage import TOPIC, StageWithdrawn
from events.views.stages import stages_past
from swarm.insight.stages import to_withdraw, without
from swarm.plan import Plan


async def with_figures(log: EventLog, plan: Plan, *, project: str, say: Callable[[str], None]) -> Plan:
    """The plan without the stages with which fewer tasks are accepted; what is found now is recorded, and said.

    Only where some tasks are held back: without them there is nothing to compare with.
    """
    compares = [stage for stage, rule in plan.stages.rules.items() if rule.share < 1 and not rule.asked]
    if not compares:
        return plan
    view = (await stages_past(log)).view
    found = [each for each in to_withdraw(view) if each.stage in compares]
    for each in found:
        say(told(each))
    if found:
        await log.append([NewEvent(event=each, topic=TOPIC, project=project) for each in found])
    gone = {**view.withdrawn, **{each.stage: each for each in found}}
    return msgspec.structs.replace(plan, stages=without(plan.stages, gone))


def told(gone: StageWithdrawn) -> str:
    """Why a stage is not used any more, for people."""
    used, held = gone.passed + gone.failed, gone.held_passed + gone.held_failed
    return (
        f"the stage '{gone.stage}' is only measured from now on: with it {gone.passed:,} of {used:,} tasks were accepted at "
        f"the first try, without it {gone.held_passed:,} of {held:,} (`swarm report ab`; `tokens.stages.{gone.stage} = "
        '"on"` in your settings uses it nevertheless)'
    )
