"""Trails: how work of each agent@model was judged, fading with use and with time.

Deposits come from verdicts alone: 1 for accepted work, 0 for rejected work. Provider errors never touch a trail. A person who
overrules a verdict takes back what time has left of its deposit, and makes the opposite one.
"""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.trails import EVERYWHERE, Trail
from events.types.choice import ChoiceMade
from events.types.session import SessionClosed
from events.types.task import Overruled, StepAccepted, StepRejected, TaskAccepted, TaskFailed


class Chosen(msgspec.Struct, frozen=True, gc=False):
    """What a verdict will be about: a choice that is not judged yet."""

    context: str
    arm: str  # agent@model


class TrailsView(msgspec.Struct):
    """Trails by context and agent@model."""

    trails: dict[tuple[str, str], Trail] = {}
    _chosen: dict[int, dict[str, dict[tuple[int, int], Chosen]]] = {}  # by session, task, step and attempt
    _explorers: dict[int, dict[str, Chosen]] = {}

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case ChoiceMade(role="explorer") as choice:
                self._explorers.setdefault(entry.session, {})[entry.task] = _kept(choice)
            case ChoiceMade(role="worker") as choice:
                tasks = self._chosen.setdefault(entry.session, {})
                tasks.setdefault(entry.task, {})[entry.step, entry.attempt] = _kept(choice)
            case StepAccepted(overrules=Overruled() as overruled):
                self._overrule(overruled, True, entry.at)
            case StepRejected(overrules=Overruled() as overruled):
                self._overrule(overruled, False, entry.at)
            case StepAccepted(unjudged=unjudged):
                self._deposit(self._taken(entry), not unjudged, True, entry.at)
            case StepRejected():
                self._deposit(self._taken(entry), True, False, entry.at)
            case TaskAccepted(unjudged=unjudged):
                self._deposit(self._explorer(entry), not unjudged, True, entry.at)
                self._chosen.get(entry.session, {}).pop(entry.task, None)  # its drafts are judged, or never will be
            case TaskFailed(cause=cause):
                self._deposit(self._explorer(entry), cause == "rejected", False, entry.at)
            case SessionClosed(finished=True):
                self._chosen.pop(entry.session, None)
                self._explorers.pop(entry.session, None)
            case _:
                pass

    def trail(self, context: str, arm: str, now: int) -> Trail:
        """The trail of agent@model in a context as it is at `now`; an empty one where nothing was judged yet."""
        return self.trails.get((context, arm), Trail()).faded(now)

    def _taken(self, entry: Entry) -> Chosen | None:
        return self._chosen.get(entry.session, {}).get(entry.task, {}).pop((entry.step, entry.attempt), None)

    def _explorer(self, entry: Entry) -> Chosen | None:
        return self._explorers.get(entry.session, {}).pop(entry.task, None)

    def _overrule(self, overruled: Overruled, accepted: bool, now: int) -> None:
        arm = f"{overruled.agent}@{overruled.model}"
        for context in (overruled.context, EVERYWHERE):
            trail = self.trails.get((context, arm), Trail())
            if overruled.judged_at:
                trail = trail.withdraw(not accepted, overruled.judged_at, now)
            self.trails[context, arm] = trail.deposit(accepted, now)

    def _deposit(self, chosen: Chosen | None, judged: bool, accepted: bool, now: int) -> None:
        if chosen is None or not judged:
            return
        for context in (chosen.context, EVERYWHERE):
            self.trails[context, chosen.arm] = self.trails.get((context, chosen.arm), Trail()).deposit(accepted, now)


def _kept(choice: ChoiceMade) -> Chosen:
    return Chosen(choice.context, f"{choice.agent}@{choice.model}")
