"""The end of accepted work: its outputs, and what tools changed beside them, on their way to the user's files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from events.types.tree import ChangesApplied
from events.views.tasks import TaskState, own_changes
from swarm.cycle import Placed, accepted
from swarm.engine.consent import Consent
from swarm.engine.copies import lasting_change, loaded
from swarm.engine.past import Past
from swarm.engine.world import Surroundings
from swarm.errors import ConfirmationNeeded
from swarm.owner import Owner
from swarm.plan import Plan
from swarm.task import Changes, Task
from swarm.tools.diff import stat_line

if TYPE_CHECKING:
    from swarm.tools.tree import Change

MOST_NAMED = 8


class Delivery:
    """Delivers for one session."""

    def __init__(self, owner: Owner, plan: Plan, surroundings: Surroundings, past: Past, consent: Consent) -> None:
        self._owner, self._plan, self._surroundings = owner, plan, surroundings
        self._past, self._consent = past, consent

    async def deliver(self, state: TaskState, task: Task) -> list[Placed]:
        """Write the outputs, bring over what tools changed where the rule or a person says so, and end the task.

        Done twice it does no more than once. Raises OutputConflict or ChangesConflict where a file is another by now; then
        neither outputs nor changes were written.
        """
        end, files = accepted(state), own_changes(state)
        changes = await loaded(self._owner.log, files, at=self._drafted_at(state)) if files else []
        takes_over = bool(changes) and await self._is_wanted(state, task, changes)
        if takes_over:
            await self._surroundings.apply(task, changes, only_see=True)
        text = await self._owner.log.text(end.result, at=0)
        written = await self._surroundings.deliver(task, text, self._past.before(state))
        end = msgspec.structs.replace(end, outputs=written, kept=bool(changes) and not takes_over)
        if not takes_over:
            return [Placed(end)]
        await self._surroundings.apply(task, changes)
        lasting = tuple(lasting_change(change, self._drafted_at(state)) for change in files)
        return [Placed(ChangesApplied(files=lasting)), Placed(end)]

    def _drafted_at(self, state: TaskState) -> int:
        draft = state.steps[-1].draft
        assert draft is not None, "an accepted task has a draft"
        return draft.at

    async def _is_wanted(self, state: TaskState, task: Task, changes: Sequence[Change]) -> bool:
        """Whether the changes are taken over now, by the rule or by a person's word."""
        rule = rule_of(self._plan, task, state)
        if rule == "keep":
            return False
        if rule == "ask":
            names = ", ".join(change.path for change in changes[:MOST_NAMED])
            more = f" and {len(changes) - MOST_NAMED} more" if len(changes) > MOST_NAMED else ""
            question = (
                f"{task.id} was accepted and changed {stat_line(changes)}: {names}{more} (`swarm show "
                f"{self._owner.name}/{task.id} --diff`, in another terminal). Take that over into your files?"
            )
            try:
                return await self._consent.ask(question)
            except ConfirmationNeeded:
                return False
        return True


def rule_of(plan: Plan, task: Task, state: TaskState) -> Changes:
    """What becomes of the changes: as the task says, else the settings; work that nobody judged is asked about."""
    rule = task.changes or plan.tools.changes
    return "ask" if rule == "apply" and any(step.unjudged for step in state.steps) else rule
