"""A tool is remembered by the steps that it served: those whose work was accepted, and only while they are."""

from __future__ import annotations

import msgspec

from events.log import EventLog
from events.memory import MemoryLog
from events.testing import builders as make
from events.testing.builders import SetClock
from events.types.any import AnyEvent
from events.types.task import Overruled
from events.types.tool import ToolFinished
from events.views.base import decode_state, encode_state, fold
from events.views.toolpast import KEPT, ToolPastView, texts_of, tool_past

WORD = Overruled(context="code", agent="plain", model="small")


class Work:
    """A log in which steps of one session are worked on."""

    def __init__(self) -> None:
        self.log: EventLog = MemoryLog(clock=SetClock())

    async def add(self, event: AnyEvent, *texts: str, task: str = "build", step: int = 0, attempt: int = 0) -> None:
        new = make.new(event, task=task, step=step, attempt=attempt)
        await self.log.append([new], texts=[make.a_text(text) for text in texts])

    async def planned(self, instruction: str, *, step: int = 1) -> None:
        await self.add(make.planned(instruction=make.a_ref(instruction)), instruction, step=step)

    async def used(
        self, tool: str, *, step: int = 1, attempt: int = 1, failed: bool = False, refused: str = ""
    ) -> None:
        event = ToolFinished(
            tool=tool, call="c", ordinal=1, arguments=make.a_ref(), answer=make.a_ref(), failed=failed, refused=refused
        )
        await self.add(event, step=step, attempt=attempt)

    async def accepted(self, *, step: int = 1, attempt: int = 1) -> None:
        await self.add(make.accepted(), step=step, attempt=attempt)

    async def view(self) -> ToolPastView:
        return await fold(self.log, ToolPastView())

    async def texts(self) -> dict[str, tuple[str, ...]]:
        return await texts_of(self.log, await self.view())


async def test_a_tool_that_served_an_accepted_step_is_remembered_with_what_the_step_was_told() -> None:
    work = Work()
    await work.planned("Find the failing test")
    await work.used("search")
    await work.used("read")
    await work.used("search")
    assert await work.texts() == {}
    await work.accepted()
    assert await work.texts() == {"read": ("Find the failing test",), "search": ("Find the failing test",)}


async def test_the_only_step_of_a_task_is_told_its_prompt() -> None:
    work, spec = Work(), msgspec.json.encode({"id": "build", "prompt": "Mend it"}).decode()
    await work.add(make.submitted(spec=make.a_ref(spec)), spec)
    await work.add(make.planned(), step=1)
    await work.used("edit")
    await work.accepted()
    assert await work.texts() == {"edit": ("Mend it",)}


async def test_what_failed_was_refused_or_was_used_in_another_attempt_did_not_serve() -> None:
    work = Work()
    await work.planned("Mend it")
    await work.used("a", failed=True)
    await work.used("b", refused="deny shell")
    await work.used("c", attempt=1)
    await work.used("d", attempt=2)
    await work.accepted(attempt=2)
    assert [*await work.texts()] == ["d"]


async def test_what_a_person_takes_back_served_nothing() -> None:
    work = Work()
    for step, instruction in enumerate(("Mend it", "Tell of it"), start=1):
        await work.planned(instruction, step=step)
        await work.used("edit", step=step)
        await work.used(f"only {step}", step=step)
        await work.accepted(step=step)
    await work.add(make.rejected(), step=1)
    assert len((await work.view()).uses["edit"]) == 2
    await work.add(make.rejected(overrules=WORD), step=1)
    assert await work.texts() == {"edit": ("Tell of it",), "only 2": ("Tell of it",)}


async def test_the_last_uses_of_a_tool_are_kept_and_no_more() -> None:
    work = Work()
    for step in range(1, KEPT + 4):
        await work.planned(f"Step {step}", step=step)
        await work.used("read", step=step)
        await work.accepted(step=step)
    assert (await work.texts())["read"] == tuple(f"Step {step}" for step in range(4, KEPT + 4))


async def test_of_a_finished_session_nothing_is_held_but_the_uses_and_they_survive_a_snapshot() -> None:
    work = Work()
    await work.planned("Mend it")
    await work.used("edit")
    await work.accepted()
    await work.add(make.closed(finished=True))
    view = await work.view()
    assert decode_state(ToolPastView, encode_state(view)) == view == (await tool_past(work.log)).view
    assert len(encode_state(view)) < 200


async def test_a_text_that_is_gone_is_left_out() -> None:
    work = Work()
    await work.add(make.planned(instruction=make.a_ref("never stored")), step=1)
    await work.used("edit")
    await work.accepted()
    assert "edit" in (await work.view()).uses
    assert await work.texts() == {}
