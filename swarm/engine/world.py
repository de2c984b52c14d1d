"""What the roles of a session take from outside: inputs, earlier results, checks in a work copy; and the delivery of results."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec

import anyio
import msgspec
from anyio import to_thread

from events.log import EventLog
from events.types.task import OutputFile
from events.views.skills import skills_used
from events.views.tasks import StepState, TaskState
from swarm.context.fit import fit
from swarm.context.inputs import read_inputs
from swarm.context.lower import lower_result, lowered, may_be_shorter
from swarm.engine.copies import Copies, TaskCopy, loaded
from swarm.engine.disclosure import RESULT
from swarm.engine.gate import results_of
from swarm.engine.guides import Guides
from swarm.keyfile import key_beside
from swarm.prompts.build import Material
from swarm.roles.checks import Checked, Named, run_checks
from swarm.roles.job import Suggest, World
from swarm.roles.results import delivered_texts, texts_by_name
from swarm.task import Task, is_item_id, words_of
from swarm.text.lookups import filled, variable_of
from swarm.tools.deliver import deliver

if TYPE_CHECKING:
    from swarm.tools.sandbox.box import Sandbox
    from swarm.tools.tree import Change
    from swarm.tools.workcopy import WorkCopy


MOST_CHANGED_CHARS = 12_000  # that a judge is told of what tools changed

NOTHING: Mapping[str, str] = {}

P = ParamSpec("P")


def environment_of(task: Task) -> dict[str, str]:
    """The variables with which the task's commands run: those that its templates stand for, and its own `env`."""
    given = {variable_of(name): value for name, value in task.values.items()}
    return given | {name: filled(value, task.values) for name, value in task.env.items()}


def within(
    material: Callable[Concatenate[Task, P], Awaitable[Sequence[Material]]], room: int | None
) -> Callable[Concatenate[Task, P], Awaitable[Sequence[Material]]]:
    """What a task is given to read, made to fit in a room of so many bytes; None: as it is."""
    if room is None:
        return material

    async def bounded(task: Task, /, *more: P.args, **named: P.kwargs) -> Sequence[Material]:
        return await asyncio.to_thread(fitted, await material(task, *more, **named), task, room)

    return bounded


def fitted(material: Sequence[Material], task: Task, room: int) -> list[Material]:
    """The material, of each as much as fits in the room for all of it and says most of what the task is about."""
    texts = fit([(each.name, each.text) for each in material], words_of(task), room)
    return [
        msgspec.structs.replace(each, text=text, whole=False) if text != each.text else each
        for each, text in zip(material, texts, strict=True)
    ]


class Surroundings:
    """The project folder, the log's results, and a work copy for each task that needs one."""

    def __init__(
        self,
        root: Path,
        log: EventLog,
        tasks: Callable[[], Mapping[str, TaskState]],
        redact: Callable[[str], str],
        *,
        environ: Mapping[str, str],
        say: Callable[[str], None],
        session: str,
    ) -> None:
        self.root = root
        self._log, self._tasks, self.redact = log, tasks, redact
        self._shortened: dict[str, bool] = {}
        self.sandbox: Callable[[], Awaitable[Sandbox]] | None = None  # what holds the commands of checks; None: nothing
        self.suggested: Suggest | None = None  # what is told of earlier answers; None: nothing
        self.guides = Guides(root, environ, say, redact, session=session, used=partial(skills_used, log))
        self.copies = Copies(root, log, tasks, redact, key=lambda: key_beside(log.url))

    def world(self, room: int | None) -> World:
        """What of it a role may take, which has a room of so many bytes for what it is given to read."""
        return World(
            material=partial(self._given, within(self.material, room)),
            checks=self.checks,
            tree=self.tree,
            guide=self.guides.guide,
            suggested=self.suggested,
            shortened=self.shorten,
            changed=self.changed,
        )

    def shorten(self, task: Task) -> None:
        """Remember that something was left out of what a task is given to read."""
        self._shortened[task.id] = True

    async def _given(
        self, material: Callable[[Task, bool], Awaitable[Sequence[Material]]], task: Task, compact: bool
    ) -> Sequence[Material]:
        """What a role is given, where it is remembered whether something was left out."""
        found = await material(task, compact)
        self._shortened[task.id] = not all(each.whole for each in found)
        return found

    def is_shortened(self, task: str) -> bool:
        """Whether something was left out of what the task was given to read when that was asked for last."""
        return self._shortened.get(task, False)

    async def material(self, task: Task, compact: bool = False) -> Sequence[Material]:
        """The task's inputs, and the results of the tasks that it needs, secrets taken out; `compact`: less of each."""
        ended = self._tasks()
        found = {need: await self._result(ended[need]) for need in task.needs}
        results = whole = {need: text for need, text in found.items() if text is not None}
        inputs = lowered(task) if compact else task.inputs
        read = partial(read_inputs, inputs, self.root, self.redact, results, sought=words_of(task))
        loaded = await asyncio.to_thread(read) if inputs else ()
        used = {source.from_task for source in inputs}
        if compact:
            results = {need: lower_result(need, text, words_of(task)) for need, text in results.items()}
        given = [
            Material(f"{RESULT}{need}", text, "results", whole=text == whole[need])
            for need, text in results.items()
            if need not in used
        ]
        named = (Material(each.name, each.text, stage_of(task, each.name), whole=each.whole) for each in loaded)
        return [*given, *named]

    async def result(self, task: str) -> str | None:
        """What came of a task; None: there is no such task, or it has no result."""
        state = self._tasks().get(task)
        return await self._result(state) if state is not None else None

    async def checks(self, task: Task, draft: str) -> tuple[Checked, ...]:
        """Run the task's deterministic checks on a draft that has the form which the task asks for."""

        async def copy() -> WorkCopy:
            found = await self._judged(task)
            found.is_left = True
            return found.copy

        named = texts_by_name(task, draft)
        try:
            return await run_checks(
                task.checks,
                draft=draft,
                copy=copy,
                root=self.root,
                output=task.output.path if task.output else None,
                several={name: Named(task.outputs[name].path, text) for name, text in named.items()},
                env={**environment_of(task), "SWARM_TASK": task.id},
                redact=self.redact,
                box=await self.sandbox() if self.sandbox is not None and _runs(task) else None,
                network=True,
            )
        finally:
            if is_item_id(task.id):  # there may be a thousand of them, and a copy can have 500 MiB
                await self.copies.drop(task.id)

    async def _judged(self, task: Task) -> TaskCopy:
        """The copy in which the last draft of the task is judged: with what its tools changed."""
        state = self._tasks().get(task.id)
        drafted = next((step for step in reversed(state.steps) if step.draft), None) if state and task.tools else None
        if drafted is None or drafted.draft is None:
            return await self.copies.of(task.id)
        return await self.copies.at(task.id, await loaded(self._log, drafted.files, at=drafted.draft.at))

    def tree(self, task: Task) -> str:
        """The state of the project as the task's work copy has it, the session's own outputs left out; "" without one."""
        return self.copies.line(task.id)

    async def changed(self, step: StepState) -> str:
        """What tools changed of the project for the draft of a step, as a patch that a judge reads."""
        from swarm.tools.diff import bounded

        if step.draft is None:
            return ""
        return bounded(await loaded(self._log, step.files, at=step.draft.at), MOST_CHANGED_CHARS)

    async def apply(self, task: Task, changes: Sequence[Change], *, only_see: bool = False) -> None:
        """Bring what tools changed to the user's tree, or see that this can be done.

        Raises ChangesConflict where a file there is another by now.
        """
        from swarm.tools.apply import apply, require_no_conflict

        # whoever is cancelled waits for it: no thread writes to the user's files once its task has ended
        content = partial(self.copies.content, task.id)
        act = require_no_conflict if only_see else apply
        await to_thread.run_sync(partial(act, self.root, changes, key=key_beside(self._log.url), content=content))

    async def deliver(self, task: Task, text: str, before: Sequence[OutputFile]) -> tuple[OutputFile, ...]:
        """Write the accepted result to the user's tree. Raises OutputConflict where a file changed meanwhile."""
        outputs = delivered_texts(task, text)
        known = {output.path: output.digest or None for output in before}
        # whoever is cancelled waits for it: no thread writes to the user's files once its task has ended
        return await to_thread.run_sync(deliver, self.root, outputs, known)

    async def _result(self, state: TaskState) -> str | None:
        """What came of a task; of one that failed over some of its items the others' results. None: it has none.

        One that a condition ruled may have ended without a result.
        """
        if state.result is not None:
            return await self.accepted(state)
        done = [child for name in state.children or () if (child := self._tasks()[name]).status == "accepted"]
        if not done:
            return None
        spec = await self._log.text(state.spec.ref, at=state.spec.at)
        return await results_of(msgspec.json.decode(spec, type=Task), done, self.accepted)

    async def accepted(self, state: TaskState) -> str:
        """The result of a task that has one."""
        assert state.result is not None, "an accepted task has a result"
        return await self._log.text(state.result.ref, at=state.result.at)

    async def close(self) -> None:
        await self.copies.close()


def stage_of(task: Task, name: str) -> str:
    """The stage that what a task is given to read under a name passes; "" where it stays as it is."""
    if not may_be_shorter(task, name):
        return ""
    return "results" if any(source.from_task == name for source in task.inputs) else "inputs"


def _runs(task: Task) -> bool:
    """Whether its checks run commands."""
    return any(check.run is not None for check in task.checks)


@asynccontextmanager
async def open_surroundings(
    root: Path,
    log: EventLog,
    tasks: Callable[[], Mapping[str, TaskState]],
    redact: Callable[[str], str],
    *,
    environ: Mapping[str, str] = NOTHING,
    say: Callable[[str], None] = lambda _: None,
    session: str = "",
) -> AsyncGenerator[Surroundings]:
    """The work copies made in it are removed at the end. `environ` says where skills lie, `say` is told what a person is to know."""
    surroundings = Surroundings(root, log, tasks, redact, environ=environ, say=say, session=session)
    try:
        yield surroundings
    finally:
        with anyio.CancelScope(shield=True):
            await surroundings.close()
