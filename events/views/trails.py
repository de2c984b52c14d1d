"""Trails: what the log's verdicts teach of each agent@model, fading with use and with time.

Deposits come from verdicts alone: 1 for accepted work, 0 for rejected work, weighed where others had failed at it before.
Provider errors never touch a trail, and an audit does not: it is about the judge, and with so few of them wrong an auditor
that errs as often as a judge would take more right work for wrong than it finds. A person who overrules a verdict takes back what time has left of its deposit, and makes
the opposite one. Who excludes a period makes the fold start again, without the verdicts in it.
"""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.trails import OVERLAP, Expected, Trails, expect, model_of
from events.types.choice import ChoiceMade, TrailsExcluded
from events.types.session import SessionClosed
from events.types.task import (
    AttemptAbandoned,
    Overruled,
    StepAccepted,
    StepDrafted,
    StepRejected,
    TaskAccepted,
    TaskFailed,
)
from events.views.verdicts import VerdictsView


class Excluded(msgspec.Struct, frozen=True):
    """A period whose verdicts count for nothing: microseconds since 1970, `until` outside of it."""

    since: int
    until: int
    model: str = ""  # "" = of every model


class TrailsView(msgspec.Struct):
    """What was learned, and the choices on whose work nobody has given a verdict yet."""

    learned: Trails = msgspec.field(default_factory=Trails)
    verdicts: VerdictsView = msgspec.field(default_factory=VerdictsView)
    excluded: list[Excluded] = []
    outdated: bool = False  # a period was excluded, or counts again, and verdicts were taken in before that was known
    _known: int = 0  # the position up to which it is known what is excluded
    _chosen: dict[int, dict[str, dict[tuple[int, int], Expected]]] = {}  # by session, task, step and attempt
    _explorers: dict[int, dict[str, Expected]] = {}

    def apply(self, entry: Entry) -> None:
        self.verdicts.apply(entry)
        match entry.event:
            case ChoiceMade(role="explorer") as choice:
                self._explorers.setdefault(entry.session, {})[entry.task] = expected_of(choice)
            case ChoiceMade(role="worker") as choice:
                tasks = self._chosen.setdefault(entry.session, {})
                tasks.setdefault(entry.task, {})[entry.step, entry.attempt] = expected_of(choice)
            case AttemptAbandoned(role="explorer"):
                self._explorer(entry)  # its answer was no plan: what comes of the task is not its work
            case StepDrafted(agent=agent, model=model):
                self._drafted(entry, f"{agent}@{model}")
            case TrailsExcluded() as told if entry.position > self._known:
                self.exclude(told, entry.position)
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

    def learn_from(self, before: TrailsView) -> None:
        """Know from the beginning which periods another fold of the same log found excluded."""
        self.excluded, self._known = list(before.excluded), before._known

    def counts(self, model: str, at: int) -> bool:
        """Whether a verdict of that moment says something of the model."""
        return not any(each.since <= at < each.until and each.model in ("", model) for each in self.excluded)

    def exclude(self, told: TrailsExcluded, position: int) -> None:
        """Take in what a person says of a period. What was folded before has to be folded again."""
        period = Excluded(told.since, told.until, told.model)
        self.excluded = [each for each in self.excluded if each != period] + ([] if told.lifted else [period])
        self.outdated, self._known = True, position

    def awaited(self, entry: Entry) -> Expected | None:
        """What the entry is a verdict on, as long as it is not folded; None where it is none, or it was not chosen by trails."""
        match entry.event:
            case StepAccepted() | StepRejected():
                return self._work(entry)
            case TaskAccepted() | TaskFailed():
                return self._explorers.get(entry.session, {}).get(entry.task)
            case _:
                return None

    def _work(self, entry: Entry) -> Expected | None:
        return self._chosen.get(entry.session, {}).get(entry.task, {}).get((entry.step, entry.attempt))

    def _taken(self, entry: Entry) -> Expected | None:
        return self._chosen.get(entry.session, {}).get(entry.task, {}).pop((entry.step, entry.attempt), None)

    def _drafted(self, entry: Entry, arm: str) -> None:
        """Forget what was expected of an arm that was chosen and did not answer, where one without a choice did so instead."""
        chosen = self._work(entry)
        if chosen is not None and chosen.arm != arm:
            self._taken(entry)

    def _explorer(self, entry: Entry) -> Expected | None:
        return self._explorers.get(entry.session, {}).pop(entry.task, None)

    def _overrule(self, overruled: Overruled, accepted: bool, now: int) -> None:
        if not self.counts(overruled.model, now):
            return
        judged_at = overruled.judged_at if self.counts(overruled.model, overruled.judged_at) else 0
        arm = f"{overruled.agent}@{overruled.model}"
        self.learned.overrule(overruled.context, arm, accepted, judged_at, now)

    def _deposit(self, expected: Expected | None, judged: bool, accepted: bool, now: int) -> None:
        if expected is not None and judged and self.counts(model_of(expected.arm), now):
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
