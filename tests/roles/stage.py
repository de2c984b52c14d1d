"""A role on its own: a piece of open work, the world as given, and models that say their lines."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import msgspec

from events.blobs import Pack
from events.log import open_log
from events.testing.builders import drafted, planned, submitted
from events.types.any import AnyEvent
from events.types.base import TextRef
from events.types.task import StepAccepted, StepRejected
from events.views.base import fold
from events.views.tasks import StepState, TasksView
from swarm.cycle import Open, Placed, Work
from swarm.engine.picks import judge_picker
from swarm.errors import NoModelAvailable
from swarm.journal import Attempt, Recorded
from swarm.messages import Finish
from swarm.orders import Answer, Ask, Picker
from swarm.owner import Owner
from swarm.prompts.build import Material
from swarm.roles.checks import Checked
from swarm.roles.job import Guide, Job, World
from swarm.task import Task
from tests.ledger_agents import a_session

ROLES = {Work.EXPLORE: "explorer", Work.DRAFT: "worker", Work.JUDGE: "validator"}


class Stage:
    """One task in a log of its own. `asked` holds what the model was asked."""

    def __init__(self, owner: Owner, task: Task) -> None:
        self.owner, self.task = owner, task
        self.asked: list[Ask] = []
        self.checked: list[str] = []  # drafts that the task's checks saw
        self.tree = ""  # the state of the project that they ran on
        self.guide = Guide()  # what is told of skills
        self.changed = ""  # what tools changed of it, as a patch
        self.material: list[Material] = []
        self.checks: tuple[Checked, ...] = ()
        self.attempt: Attempt

    async def append(self, event: AnyEvent, *, step: int = 0, attempt: int = 0, texts: Pack | None = None) -> None:
        new = self.owner.new(event, task="t", step=step, attempt=attempt)
        await self.owner.append([new], texts=texts.texts if texts else ())

    async def plan(self, *instructions: str, approach: str = "") -> None:
        """The explorer's plan; without instructions the one step that is the task itself."""
        pack = Pack(self.owner.known)
        events = [
            planned(
                title=text or "the task",
                total=max(1, len(instructions)),
                instruction=pack.put(text) if text else None,
                approach=pack.put(approach) if approach else None,
            )
            for text in instructions or ("",)
        ]
        news = [self.owner.new(event, task="t", step=number) for number, event in enumerate(events, 1)]
        await self.owner.append(news, texts=pack.texts)

    async def draft(self, text: str, *, step: int = 1, attempt: int = 1, finish: str = "stop") -> None:
        pack = Pack(self.owner.known)
        await self.append(drafted(draft=pack.put(text), finish=finish), step=step, attempt=attempt, texts=pack)

    async def accept(self, text: str, *, step: int = 1) -> None:
        pack = Pack(self.owner.known)
        await self.append(StepAccepted(draft=pack.put(text)), step=step, attempt=1, texts=pack)

    async def reject(self, feedback: str, *, step: int = 1, attempt: int = 1) -> None:
        pack = Pack(self.owner.known)
        event = StepRejected(reason="", feedback=pack.put(feedback))
        await self.append(event, step=step, attempt=attempt, texts=pack)

    async def job(self, work: Work, *, step: int = 1, attempt: int = 1, judges: bool = True) -> Job:
        state = (await fold(self.owner.log, TasksView())).of(1)["t"]
        role = ROLES[work]
        self.attempt = Attempt(self.owner, state, step=step, attempt=attempt, role=role, recorded=Recorded())

        async def material(_: Task, __: bool) -> Sequence[Material]:
            return self.material

        async def checks(_: Task, draft: str) -> tuple[Checked, ...]:
            self.checked.append(draft)
            return self.checks

        async def guide(_: Task, __: int) -> Guide:
            return self.guide

        async def changed(_: StepState) -> str:
            return self.changed

        return Job(
            open=Open(work=work, task="t", step=step, attempt=attempt),
            task=self.task,
            state=state,
            world=World(material=material, checks=checks, tree=lambda _: self.tree, guide=guide, changed=changed),
            pick=judge_picker((), "", paid=False, excluded={}),
            stay=lambda _: judge_picker((), "", paid=False, excluded={}),
            go_on=lambda _: judge_picker((), "", paid=False, excluded={}),
            judges=judges,
            redact=lambda text: text.replace("hunter2", "[secret:PW]"),
        )

    def says(self, *lines: str, finish: Finish = "stop") -> Says:
        return Says(self, list(lines), finish)

    async def read(self, outcome: Sequence[Placed], ref: TextRef) -> str:
        """Append the outcome, and read a text that it refers to."""
        ack = await self.attempt.finish(outcome, {})
        return await self.owner.log.text(ref, at=ack.positions[0])


class Says(msgspec.Struct):
    """Stands for the call: gives one line after the other; where none is left, no model is available."""

    stage: Stage
    lines: list[str]
    finish: Finish

    async def __call__(self, ask: Ask, *, pick: Picker) -> Answer:
        self.stage.asked.append(ask)
        if not self.lines:
            raise NoModelAvailable(role="validator", reasons={})
        text = self.lines.pop(0)
        limit = ask.output_tokens
        return Answer(text=text, finish=self.finish, agent="maker", model="m", tier="free", limit=limit, why="the rule")


@asynccontextmanager
async def on_stage(task: Task | None = None) -> AsyncGenerator[Stage]:
    async with open_log("memory:") as log:
        stage = Stage(await a_session(log), task or Task(id="t", prompt="Write a limerick."))
        await stage.append(submitted())
        yield stage


def only(outcome: Sequence[Placed]) -> AnyEvent:
    """The one event of an outcome."""
    (placed,) = outcome
    return placed.event
