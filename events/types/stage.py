"""What the stages of the token pipeline made of texts on their way into requests."""

from __future__ import annotations

from typing import Literal

from events.types.base import Event

How = Literal["used", "measured", "held"]
"""Whether the shorter text was sent, or what it had come to was only measured: as settings say, or because the task is held
back for comparison."""

TOPIC = "stages"


class StageApplied(Event, frozen=True, kw_only=True, tag="stage.applied"):
    """A stage made a text shorter, or would have. It stands in the append of what is said with the text.

    `before` and `after` are tokens of the text alone, by our own count.
    """

    stage: str
    before: int
    after: int
    on: str = ""  # the file, task or tool that the text is of
    how: How = "used"
    form: str = ""  # what the text was taken for
    role: str = "worker"
    branch: str = ""  # of the attempt, in which a sub-agent is told it
    agent: str = ""  # to whom alone it is told; "": to whoever has the call


class StageUndone(Event, frozen=True, kw_only=True, tag="stage.undone"):
    """A worker asked for what a stage had left out of the texts that it was given: it is told them whole.

    `before` and `after` are the tokens of all of them, as in `StageApplied`.
    """

    stage: str
    before: int
    after: int
    role: str = "worker"
    branch: str = ""


class StageWithdrawn(Event, frozen=True, kw_only=True, tag="stage.withdrawn"):
    """Fewer tasks were accepted at the first try with a stage than without it: what only a preset asked for is used no more.

    Stands on the topic `stages`. `low` and `high` are the 95 % interval of the difference of the shares.
    """

    stage: str
    passed: int  # tasks with it whose every first draft was accepted
    failed: int
    held_passed: int  # of those that were held back
    held_failed: int
    low: float
    high: float
