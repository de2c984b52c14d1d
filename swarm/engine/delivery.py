"""The end of accepted work: its outputs, and what tools changed beside them, on their way to the user's files."""

from __future__ import annotations

import msgspec

from events.types.tree import ChangesApplied, FileChange
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

MOST_NAMED = 8


class Delivery:
    """Delivers for one session."""

    def __init__(self, owner: Owner, plan: Plan, surroundings: Surroundings, past: Past, consent: Consent) -> None:
        self._owner, self._plan, self._surroundings = owner, plan, surroundings
        self._past, self._consent = past, consent

    async def deliver(self, state: TaskState, task: Task) -> list[Placed]:
        """Write the outputs, bring over what tools changed where the rule or a person says so, and end the task.

        Done twice it does no more than once. Raises OutputConflict or ChangesConflict where a file is another by now.
        """
        end = accepted(state)
        text = await self._owner.log.text(end.result, at=0)
        written = await self._surroundings.deliver(task, text, self._past.before(state))
        end = msgspec.structs.replace(end, outputs=written)
        files = own_changes(state)
        if not files:
            return [Placed(end)]
        if not await self._taken_over(state, task, files):
            return [Placed(msgspec.structs.replace(end, kept=True))]
        lasting = tuple(lasting_change(change, self._drafted_at(state)) for change in files)
        return [Placed(ChangesApplied(files=lasting)), Placed(end)]

    def _drafted_at(self, state: TaskState) -> int:
        draft = state.steps[-1].draft
        assert draft is not None, "an accepted task has a draft"
        return draft.at

    async def _taken_over(self, state: TaskState, task: Task, files: tuple[FileChange, ...]) -> bool:
        changes = await loaded(self._owner.log, files, at=self._drafted_at(state))
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
                if not await self._consent.ask(question):
                    return False
            except ConfirmationNeeded:
                return False
        await self._surroundings.apply(task, changes)
        return True


def rule_of(plan: Plan, task: Task, state: TaskState) -> Changes:
    """What becomes of the changes: as the task says, else the settings; work that nobody judged is asked about."""
    rule = task.changes or plan.tools.changes
    return "ask" if rule == "apply" and any(step.unjudged for step in state.steps) else rule
