"""What the hands of a session's attempts are made of: the tools of a task, who allows their use, and the copies they work in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from events.views.tasks import TaskState
from swarm.cycle import Open
from swarm.engine.approvals import Approvals
from swarm.engine.consent import Consent
from swarm.engine.copies import Copies
from swarm.engine.faces import Faces
from swarm.engine.hands import LiveHands, Outputs, begin_of
from swarm.engine.toolchest import Toolchest, open_toolchest
from swarm.engine.world import Surroundings
from swarm.journal import Attempt
from swarm.owner import Owner
from swarm.plan import Plan
from swarm.task import Task


class Toolkit:
    """Makes the hands of the attempts of one session."""

    def __init__(
        self,
        chest: Toolchest,
        approvals: Approvals,
        copies: Copies,
        *,
        redact: Callable[[str], str],
        doubtful: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._chest, self._approvals, self._copies = chest, approvals, copies
        self._redact, self._doubtful = redact, doubtful

    def hands(self, attempt: Attempt, state: TaskState, task: Task, open_: Open) -> LiveHands:
        outputs = Outputs(attempt)
        return LiveHands(
            attempt,
            open_.task,
            copies=self._copies,
            begin=begin_of(state, open_),
            box=self._chest.box(task, outputs.text_of),
            allow=self._approvals.of(task, attempt),
            outputs=outputs,
            doubtful=self._doubtful,
            redact=self._redact,
        )


@asynccontextmanager
async def open_toolkit(
    owner: Owner, plan: Plan, surroundings: Surroundings, consent: Consent, *, environ: Mapping[str, str], faces: Faces
) -> AsyncGenerator[Toolkit]:
    """Nothing is started before a task needs it, and all that was is ended at the end."""
    root, copies, redact = surroundings.root, surroundings.copies, surroundings.redact
    async with open_toolchest(
        owner, plan, root, surroundings.guides, copies, environ=environ, redact=redact, say=faces.say
    ) as chest:
        approvals = Approvals(owner, plan.tools, faces=faces, directory=str(root), redact=redact, backend=chest.backend)
        surroundings.sandbox = chest.sandbox
        yield Toolkit(chest, approvals, copies, redact=redact, doubtful=consent.ask)
