"""Trails: what the log's verdicts teach of each agent@model, fading with use and with time.

Deposits come from verdicts alone: 1 for accepted work, 0 for rejected work, weighed where others had failed at it before.
Provider errors never touch a trail. A person who overrules a verdict takes back what time has left of its deposit, and makes
the opposite one.
"""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.trails import OVERLAP, Expected, Trails, expect
from events.types.choice import ChoiceMade
from events.types.session import SessionClosed
from events.types.task import Overruled, StepAccepted, StepRejected, TaskAccepted, TaskFailed


class TrailsView(msgspec.Struct):
    """What was learned, and the choices on whose work nobody has given a verdict yet."""

    learned: Trails = msgspec.field(default_factory=Trails)
    _chosen: dict[int, dict[str, dict[tuple[int, int], Expected]]] = {}  # by session, task, step and attempt
    _explorers: dict[int, dict[str, Expected]] = {}

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case ChoiceMade(role="explorer") as choice:
                self._explorers.setdefault(entry.session, {})[entry.task] = expected_of(choice)
            case ChoiceMade(role="worker") as choice:
                tasks = self._chosen.setdefault(entry.session, {})
                tasks.setdefault(entry.task, {})[entry.step, entry.attempt] = expected_of(choice)
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

    def _taken(self, entry: Entry) -> Expected | None:
        return self._chosen.get(entry.session, {}).get(entry.task, {}).pop((entry.step, entry.attempt), None)

    def _explorer(self, entry: Entry) -> Expected | None:
        return self._explorers.get(entry.session, {}).pop(entry.task, None)

    def _overrule(self, overruled: Overruled, accepted: bool, now: int) -> None:
        arm = f"{overruled.agent}@{overruled.model}"
        self.learned.overrule(overruled.context, arm, accepted, overruled.judged_at, now)

    def _deposit(self, expected: Expected | None, judged: bool, accepted: bool, now: int) -> None:
        if expected is not None and judged:
            self.learned.learn(expected, accepted, now)


def expected_of(choice: ChoiceMade) -> Expected:
    """What the choice expected of the arm that it took. Of one that does not say what its model does everywhere: its mean."""
    mean = next((each.mean for each in choice.candidates if each.arm == choice.arm), 0.5)
    failed = [each.mean for each in choice.tried]
    return expect(
        choice.context,
        choice.arm,
        general=choice.general or mean,
        mean=mean,
        failed=failed,
        rho=choice.overlap or OVERLAP,
    )
