"""What a role is given to read, as the stages leave it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec

from swarm.prompts.build import Material
from swarm.roles.job import Job
from swarm.stages import Shorter, Stages, compressed
from swarm.task import Task, words_of


def passed(job: Job, groups: Sequence[Sequence[Material]], sought: str = "") -> list[list[Material]]:
    """The material with each text as it goes on, by what the task is about and what is `sought` beside that. For a thread."""
    found = [passed_by(job.stages, job.task, group, sought) for group in groups]
    if found != [list(group) for group in groups]:
        job.world.shortened(job.task)
    return found


def passed_by(stages: Stages, task: Task, material: Sequence[Material], sought: str = "") -> list[Material]:
    """The material as stages leave it."""
    shorten = partial(compressed, sought=f"{words_of(task)}\n{sought}".rstrip(), lingua=stages.lingua)
    return [_passed(stages, each, shorten) if each.stage else each for each in material]


def _passed(stages: Stages, given: Material, shorten: partial[Shorter]) -> Material:
    text = stages.passed(given.stage, given.text, partial(shorten, name=given.name), on=given.name)
    return given if text == given.text else msgspec.structs.replace(given, text=text, whole=False)
