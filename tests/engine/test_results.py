"""Results of tools in the hands of an attempt: given again where all is as it was, and never across a change of anything."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import anyio
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from events.log import EventLog, open_log, system_clock
from events.testing.builders import planned, submitted
from events.types.tool import ToolFinished
from events.views.base import fold
from events.views.tasks import TasksView
from swarm.engine.copies import Copies
from swarm.engine.hands import Allowed, LiveHands
from swarm.engine.outputs import Outputs
from swarm.engine.results import Results, open_results
from swarm.engine.working import Working
from swarm.journal import Attempt, Recorded
from swarm.messages import ToolCall, ToolSpec
from swarm.owner import Owner
from swarm.tools.base import Fresh, Said, Tool
from tests.engine.test_hands import NO_TASKS, Empty
from tests.ledger_agents import a_session
from tests.test_session_tools import events


class State(msgspec.Struct, frozen=True):
    """All that the result of the tool below depends on."""

    file: str = "one"
    project: Literal["p", "q"] = "p"
    description: str = "looks"
    depends_on: str = "version 1"
    server: str = "docs"
    argument: str = "x"


class Box(Empty):
    """A box with a tool that says in which state it was used."""

    def __init__(self, state: State, root: Path, used: list[State], changes_meanwhile: bool) -> None:
        self._state, self._root, self._used = state, root, used
        self._changes_meanwhile = changes_meanwhile

    async def known(self) -> Mapping[str, Tool]:
        async def use(arguments: Mapping[str, Any]) -> Said:
            self._used.append(self._state)
            if self._changes_meanwhile:
                (self._root / "a.txt").write_text(f"other {len(self._used)}")
            text = f"{(self._root / 'a.txt').read_text()} {self._state}"
            return Said(text=text, failed=self._state.argument == "fails", fresh=Fresh(seconds=60))

        schema = {"type": "object", "properties": {"q": {"type": "string"}}}
        tool = Tool(
            spec=ToolSpec("docs__look", self._state.description, schema),
            effect="world",
            use=use,
            in_copy=False,
            source=self._state.server,
            depends_on=self._state.depends_on,
            sees_files=True,
        )
        return {tool.name: tool}


async def allow(*_: object, **__: object) -> Allowed:
    return Allowed(yes=True)


async def certain(_: str) -> bool:
    return True


class Run:
    """One session in which the tool is used in one state after the other."""

    def __init__(self, log: EventLog, owner: Owner, folder: Path) -> None:
        self._log, self._owner, self._folder = log, owner, folder
        self._results: dict[str, Results] = {}
        self._attempts = 0
        self.used: list[State] = []
        self.changes_meanwhile = False

    async def use(self, state: State, *, redact: Any = str) -> str:
        root = self._folder / state.project
        root.mkdir(exist_ok=True)
        (root / "a.txt").write_text(state.file)
        if state.project not in self._results:
            self._results[state.project] = await open_results(
                self._log, project=str(root), ttl_s=3600, clock=system_clock
            )
        self._attempts += 1
        state_of = (await fold(self._log, TasksView())).of(1)["t"]
        attempt = Attempt(self._owner, state_of, step=1, attempt=self._attempts, role="worker", recorded=Recorded())
        copies = Copies(root, self._log, lambda: NO_TASKS, str, lambda: b"key")
        hands = LiveHands(
            attempt,
            working=Working(attempt, "t", copies, (), 0),
            box=Box(state, root, self.used, self.changes_meanwhile),
            allow=allow,
            outputs=Outputs(attempt),
            doubtful=certain,
            redact=redact,
            results=self._results[state.project],
        )
        said = await hands.use(ToolCall("c", "docs__look", f'{{"q": "{state.argument}"}}'))
        await attempt.leave()
        return said.answer


async def a_run(log: EventLog, folder: Path) -> Run:
    owner = await a_session(log)
    await owner.append([owner.new(submitted(), task="t"), owner.new(planned(), task="t", step=1)])
    return Run(log, owner, folder)


STATES = st.builds(
    State,
    file=st.sampled_from(["one", "two"]),
    project=st.sampled_from(["p", "q"]),
    description=st.sampled_from(["looks", "looks well"]),
    depends_on=st.sampled_from(["version 1", "version 2"]),
    server=st.sampled_from(["docs", "other"]),
    argument=st.sampled_from(["x", "y"]),
)


@settings(max_examples=12, deadline=None)
@given(st.lists(STATES, min_size=2, max_size=6))
def test_a_result_is_never_given_across_a_change_of_file_tool_server_or_project(states: Sequence[State]) -> None:
    async def check(folder: Path) -> None:
        async with open_log("memory:") as log:
            run = await a_run(log, folder)
            for state in states:
                assert await run.use(state) == f"{state.file} {state}"
            assert len(run.used) == len(set(states)), "where nothing is another it was not used again"

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(check, Path(folder))


async def test_what_a_tool_said_while_a_file_was_changed_is_not_given_again(tmp_path: Path) -> None:
    async with open_log("memory:") as log:
        run = await a_run(log, tmp_path)
        run.changes_meanwhile = True
        for _ in range(2):
            await run.use(State())
        assert len(run.used) == 2


def without_secret(text: str) -> str:
    return text.replace("hunter2", "[secret:PW]")


async def test_what_failed_or_was_asked_with_a_secret_is_not_given_again(tmp_path: Path) -> None:
    async with open_log("memory:") as log:
        run = await a_run(log, tmp_path)
        for _ in range(2):
            await run.use(State(argument="fails"))
            await run.use(State(argument="hunter2"), redact=without_secret)
        assert len(run.used) == 4
        assert not any(each.keeping or each.given for each in await events(log, ToolFinished))
