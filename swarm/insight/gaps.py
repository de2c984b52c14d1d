"""Where a skill would help: kinds of tasks that none fitted, and faults that drafts have again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from events.log import EventLog, TextMissing, session_name
from events.types.base import TextRef
from events.views.gaps import Done, GapsView, Refused
from swarm.text.cluster import groups

MOST = 1_000
"""Tasks, and rejected drafts, that are looked at: the last ones."""

FEW = 2
"""So many make a kind."""

_FEEDBACK = 1_000  # characters of feedback by which rejected drafts are found to be alike
_EXAMPLES = 3


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One task that no skill fitted, or one rejected draft, in its words."""

    task: str  # s12/build
    text: str
    tools: bool = False
    failed: bool = False
    rejected: int = 0  # drafts


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks of a kind, or rejected drafts with a fault of a kind; the case that is like most others first."""

    number: int
    kind: Literal["tasks", "faults"]
    words: tuple[str, ...]
    cases: tuple[Case, ...]

    @property
    def failed(self) -> int:
        return sum(case.failed for case in self.cases)

    @property
    def rejected(self) -> int:
        return sum(case.rejected for case in self.cases)

    @property
    def examples(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(case.task for case in self.cases))[:_EXAMPLES]


class Gaps(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and what was left out of it."""

    gaps: tuple[Gap, ...]
    lone: int = 0  # tasks without a skill that are like no other
    fitted: int = 0  # tasks that had none then, and that one fits now
    unread: int = 0  # whose texts are no longer kept


class _Spec(msgspec.Struct):
    """What of a recorded Task is looked at."""

    prompt: str
    title: str = ""
    accept: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    skills: tuple[str, ...] | None = None


Fits = Callable[[str, Sequence[str]], bool]
"""Whether a skill that is here now fits a task, by its words and its tags."""


async def find_gaps(
    log: EventLog, view: GapsView, *, within: Callable[[int], bool], fits: Fits, any_task: bool = False
) -> Gaps:
    """Group what was done without a skill, and what drafts were rejected for, of the time that `within` says.

    Of tasks only those with tools are looked at, as others are told of no skill by themselves; or `any_task`.
    """
    wanted = [
        done
        for done in view.tasks.values()
        if done.worked and not done.skills and (done.tools or any_task) and within(done.began)
    ]
    refused = [each for each in view.refused if within(each.on)]
    cases, fitted, unread = await _cases(log, wanted[-MOST:], fits)
    faults = [await _fault(log, each) for each in refused[-MOST:]]
    kinds = _kinds(cases)
    found = [("tasks", *each) for each in kinds if len(each[1]) >= FEW]
    found += [("faults", *each) for each in _kinds(faults) if len(each[1]) >= FEW]
    gaps = tuple(
        Gap(number=number, kind="tasks" if kind == "tasks" else "faults", words=words, cases=of)
        for number, (kind, words, of) in enumerate(found, 1)
    )
    return Gaps(gaps=gaps, lone=sum(len(of) < FEW for _, of in kinds), fitted=fitted, unread=unread)


def _kinds(cases: Sequence[Case]) -> list[tuple[tuple[str, ...], tuple[Case, ...]]]:
    return [
        (group.words, tuple(cases[number] for number in group.members))
        for group in groups([each.text for each in cases])
    ]


async def _cases(log: EventLog, wanted: Sequence[Done], fits: Fits) -> tuple[list[Case], int, int]:
    """The tasks, those that do items of another as one; how many a skill fits now, and of how many nothing is known any more."""
    by_name: dict[str, Case] = {}
    fitted: dict[str, bool] = {}
    unread = 0
    for done in wanted:
        name = f"{session_name(done.session)}/{done.name}"
        spec = await _spec(log, done.spec, done.at)
        if spec is None:
            unread += 1
            continue
        if spec.skills is not None:
            continue  # somebody said which skills it has
        text = "\n".join([spec.title, spec.prompt, *spec.accept])
        if fits(text, spec.tags):
            fitted[name] = True
            continue
        before = by_name.get(name)
        by_name[name] = Case(
            task=name,
            text=before.text if before else text.strip(),
            tools=done.tools,
            failed=done.ended == "failed" or (before is not None and before.failed),
            rejected=done.rejected + (before.rejected if before else 0),
        )
    return list(by_name.values()), len(fitted), unread


async def _spec(log: EventLog, spec: TextRef, at: int) -> _Spec | None:
    try:
        return msgspec.json.decode(await log.text(spec, at=at), type=_Spec)
    except (TextMissing, msgspec.DecodeError):
        return None


async def _fault(log: EventLog, refused: Refused) -> Case:
    try:
        feedback = (await log.text(refused.feedback, at=refused.at))[:_FEEDBACK]
    except TextMissing:
        feedback = ""
    text = feedback if refused.reason in feedback else f"{refused.reason}\n{feedback}"
    return Case(task=f"{session_name(refused.session)}/{refused.task}", text=text.strip(), rejected=1)
