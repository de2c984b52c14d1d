"""How drafts were judged: whose they were, and what was said of each last."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.call import CallReserved
from events.types.task import StepAccepted, StepDrafted, StepRejected


class Draft(msgspec.Struct, kw_only=True):
    """A draft. Until it is judged `judged_at` is 0."""

    session: int
    task: str
    agent: str
    model: str
    tier: str
    skills: tuple[str, ...] = ()  # whose texts its author was told
    judged_at: int = 0  # microseconds since 1970
    accepted: bool = False


class DraftsView(msgspec.Struct):
    """By session, task, step and attempt."""

    drafts: dict[tuple[int, str, int, int], Draft] = {}
    _skills: dict[tuple[int, str, int, int], tuple[str, ...]] = {}  # of attempts that have no draft yet

    def apply(self, entry: Entry) -> None:
        attempt = (entry.session, entry.task, entry.step, entry.attempt)
        match entry.event:
            case CallReserved(role="worker", skills=skills) if skills:
                self._skills[attempt] = tuple(sorted({*self._skills.get(attempt, ()), *skills}))
            case StepDrafted(agent=agent, model=model, tier=tier):
                self.drafts[attempt] = Draft(
                    session=entry.session,
                    task=entry.task,
                    agent=agent,
                    model=model,
                    tier=tier,
                    skills=self._skills.pop(attempt, ()),
                )
            case StepAccepted() | StepRejected() if attempt in self.drafts:
                draft = self.drafts[attempt]
                draft.judged_at, draft.accepted = entry.at, isinstance(entry.event, StepAccepted)
            case _:
                pass
