"""The hands of an attempt that went on after a crash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from events.blobs import Pack
from events.log import open_log
from events.testing.builders import planned, submitted
from events.types.tool import ToolStarted
from events.views.base import fold
from events.views.tasks import TaskState, TasksView
from swarm.engine.copies import Copies
from swarm.engine.hands import Allowed, LiveHands
from swarm.engine.outputs import Outputs
from swarm.engine.working import Working
from swarm.journal import Attempt, Journal
from swarm.messages import ToolCall, ToolSpec
from swarm.tools.base import Tool
from swarm.tools.workcopy import WorkCopy
from tests.ledger_agents import a_session

NO_TASKS: Mapping[str, TaskState] = {}


class Empty:
    """A box whose tools are gone: the server that had them is no longer configured."""

    async def known(self) -> Mapping[str, Tool]:
        return {}

    async def working(self, copy: WorkCopy) -> Mapping[str, Tool]:
        return {}

    async def allowed_by(self, skills: Sequence[str]) -> Sequence[Sequence[str]]:
        return ()

    def narrow(self, lists: Sequence[Sequence[str]]) -> None:
        return

    async def offered(self) -> Sequence[ToolSpec]:
        return ()


async def test_a_use_whose_end_nobody_knows_is_told_as_that_though_its_tool_is_gone(tmp_path: Path) -> None:
    asked: list[str] = []

    async def doubtful(question: str) -> bool:
        asked.append(question)
        return False

    async def allow(*_: object, **__: object) -> Allowed:
        raise AssertionError("nothing is used")

    async with open_log("memory:") as log:
        owner = await a_session(log)
        pack = Pack(owner.known)
        spec, arguments = pack.put("spec"), pack.put("{}")
        began = ToolStarted(tool="mail__send", call="c1", ordinal=1, arguments=arguments, effect="world")
        events = [owner.new(submitted(spec=spec), task="t"), owner.new(planned(), task="t", step=1)]
        await owner.append([*events, owner.new(began, task="t", step=1, attempt=1)], texts=pack.texts)
        journal, state = await fold(log, Journal()), (await fold(log, TasksView())).of(1)["t"]
        recorded = journal.of("t", 1, 1, "worker")
        attempt = Attempt(owner, state, step=1, attempt=1, role="worker", recorded=recorded)
        copies = Copies(tmp_path, log, lambda: NO_TASKS, str, lambda: b"key")
        hands = LiveHands(
            attempt,
            working=Working(attempt, "t", copies, (), 0),
            box=Empty(),
            allow=allow,
            outputs=Outputs(attempt),
            doubtful=doubtful,
            redact=str,
        )
        used = await hands.use(ToolCall("c1", "mail__send", "{}"))
    assert asked == [
        "mail__send was being used when the process ended, and nobody knows whether it was done. Use it again?"
    ]
    assert (used.tool, used.failed) == ("mail__send", True)
    assert used.answer.startswith("Nobody knows whether this was done")
