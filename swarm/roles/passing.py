"""What a role is given to read, as the stages leave it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec

from swarm.prompts.build import Material
from swarm.roles.job import Job
from swarm.stages import Shorter, compressed
from swarm.task import words_of


def passed(job: Job, groups: Sequence[Sequence[Material]], sought: str = "") -> list[list[Material]]:
    """The material with each text as it goes on, by what the task is about and what is `sought` beside that. For a thread."""
    shorten = partial(compressed, sought=f"{words_of(job.task)}\n{sought}".rstrip())
    return [[_passed(job, each, shorten) for each in group] for group in groups]


def _passed(job: Job, given: Material, shorten: partial[Shorter]) -> Material:
    if not given.stage:
        return given
    text = job.stages.passed(given.stage, given.text, partial(shorten, name=given.name), on=given.name)
    if text == given.text:
        return given
    job.world.shortened(job.task)
    return msgspec.structs.replace(given, text=text, whole=False)
