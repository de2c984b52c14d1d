"""Evidence by reference: an explorer sees what a task reads in outline, names what each step needs of it, and the step is told that."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, cast

import msgspec

from swarm.journal import Attempt
from swarm.prompts.build import Material
from swarm.roles.answers import one_line
from swarm.roles.job import Job
from swarm.stages import Shorter, Stages, compressed
from swarm.task import Task, words_of
from swarm.text.tokens import quick_tokens

EVIDENCE = "evidence"
"""The stage."""

INPUTS = "inputs"
"""Of these texts: those that pass this stage may be shorter."""

NAMES = "inputs"
"""The name under which an explorer's attempt keeps the names that its plan may use."""

MOST_NEEDS, LONGEST = 40, 160  # names in the list of a step, characters of what is said of one
LEAST_OUTLINE = 8
"""An outline that has less than this part of its room says too little, such as the one heading of a long text."""

_AROUND = " \t\r\n`'\"<>[]()"
_BEHIND = ("", *" \t,:;#`'\"[(")  # a name; what follows says where in it
_NO_WORD = re.compile(r"\b(?:lines?|rows?|sections?)\b|[^\w\s]|\b\d+\b", re.IGNORECASE)


class Needs(NamedTuple):
    """What a step of a plan needs to read: a name of an input, and behind it where in it, as the explorer said it."""

    known: tuple[str, ...]
    unknown: tuple[str, ...]  # what is the name of no input


def needs_of(said: object, names: Sequence[str]) -> Needs:
    """Read what a plan says that a step needs, whatever that is.

    >>> needs_of(["a.md", "`b.csv`, lines 3-9", "c.md"], ["a.md", "b.csv"])
    Needs(known=('a.md', 'b.csv, lines 3-9'), unknown=('c.md',))
    """
    listed = cast("list[object]", said) if isinstance(said, list) else [said]
    known: dict[str, None] = {}
    unknown: dict[str, None] = {}
    for each in [each for each in listed if isinstance(each, str) and each.strip(_AROUND)][:MOST_NEEDS]:
        name, where = _divided(each, names)
        if name:
            known[f"{name}, {where}" if where else name] = None
        elif named := one_line(each, LONGEST):
            unknown[named] = None
    return Needs(tuple(known), tuple(unknown))


def _divided(said: str, names: Sequence[str]) -> tuple[str, str]:
    """The longest name with which it begins, behind which no other name goes on, and what follows; two times "" without one."""
    for text in (said, said.strip(_AROUND).removeprefix("./")):
        fitting = [name for name in names if text.startswith(name) and text[len(name) :][:1] in _BEHIND]
        if name := max(fitting, key=len, default=""):
            return name, one_line(text[len(name) :].strip("".join(_BEHIND) + _AROUND), LONGEST)
    return "", ""


class Told(NamedTuple):
    """What a step is given to read, and the names of what it is not given."""

    material: list[Material]
    others: tuple[str, ...]


def told(job: Job, material: Sequence[Material]) -> Told:
    """What the step needs by its plan; all of it where the plan names nothing that is there, and where only one draft is allowed: there is
    none after it for which the stage is left out.
    """
    names = [each.name for each in material]
    needed = {name for need in job.step.needs if (name := _divided(need, names)[0])}
    if not needed or job.state.attempts <= 1:
        return Told(list(material), ())
    given = [each for each in material if each.name in needed or _is_kept(job, each)]
    others = tuple(each.name for each in material if each not in given)
    if others:
        job.world.shortened(job.task)
    return Told(given, others)


def places(needs: Sequence[str], material: Sequence[Material]) -> list[str]:
    """The words with which a plan says where in its inputs something stands, without numbers."""
    names = [each.name for each in material]
    words = (" ".join(_NO_WORD.sub(" ", _divided(need, names)[1]).split()) for need in needs)
    return [each for each in words if each]


def in_outline(stages: Stages, task: Task, material: Sequence[Material]) -> list[Material]:
    """What an explorer is given: of each input what it is made of."""
    shorten = partial(_outline, sought=words_of(task))
    return [_outlined(stages, each, shorten) if each.stage == INPUTS else each for each in material]


def asks_for_needs(stages: Stages, material: Sequence[Material]) -> Sequence[str]:
    """The names that the plan may use, none where it is not asked for them: of a single input nothing can be left out."""
    several = sum(each.stage == INPUTS for each in material) > 1
    return [each.name for each in material] if several and stages.uses(EVIDENCE) else []


async def recorded_names(attempt: Attempt) -> list[str]:
    """The names that an explorer's attempt was told of, as they are recorded; none where nothing is."""
    place = attempt.recorded.captures.get(NAMES)
    return [] if place is None else msgspec.json.decode(await attempt.text(place), type=list[str])


def note_names(attempt: Attempt, names: Sequence[str]) -> None:
    """Record them with the attempt's next append."""
    if names:
        attempt.note(NAMES, msgspec.json.encode(names).decode())


def _is_kept(job: Job, each: Material) -> bool:
    """Whether the step is given what its plan does not name: for it is short, may not be left out, or is what another task
    came to."""
    return each.stage != INPUTS or job.stages.passed(EVIDENCE, each.text, _by_name, on=each.name) != ""


def _by_name(text: str, room: int, whole: bool) -> Shorter:
    return Shorter(text if whole else "", "name")


def _outlined(stages: Stages, each: Material, shorten: partial[Shorter]) -> Material:
    text = stages.passed(EVIDENCE, each.text, partial(shorten, name=each.name), on=each.name)
    return each if text == each.text else msgspec.structs.replace(each, text=text, stage="", whole=False)


def _outline(text: str, room: int, whole: bool, *, name: str, sought: str) -> Shorter:
    """The headings of Markdown and the signatures of code where they have room, else the parts that fit the task best."""
    from swarm.compress.form import form_of  # only where a text is long enough
    from swarm.context.parts import outline

    if whole:
        return Shorter(text)
    if form_of(text) in ("code", "markdown"):
        found = outline(name, text)
        if room // LEAST_OUTLINE <= quick_tokens(found) <= room:
            return Shorter(found, "outline")
    return compressed(text, room, whole, sought=sought, name=name)
