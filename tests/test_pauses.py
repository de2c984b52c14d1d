"""Where calls wait while their task is paused, and how a pause waits for what had begun."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from swarm.pauses import Pauses, Stopped


async def test_a_pause_lets_nothing_begin_and_waits_for_what_is_on_its_way_into_the_record() -> None:
    pauses, begun, release, closed = Pauses(), anyio.Event(), anyio.Event(), anyio.Event()

    async def begin() -> None:
        with pauses.beginning("a", "b"):
            begun.set()
            await release.wait()

    async def close() -> None:
        await pauses.close(["a"])
        closed.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(begin)
            await begun.wait()
            group.start_soon(close)
            for _ in range(5):
                await checkpoint()
            assert pauses.hold("a") and not pauses.hold("b") and not closed.is_set()
            release.set()
            await closed.wait()
        assert pauses.hold("a"), "until it is recorded, or refused"
        pauses.decided()
        assert not pauses.hold("a")


async def test_who_waits_goes_on_with_its_own_task_and_stops_with_the_session() -> None:
    pauses, paused, passed = Pauses(), {"a", "b"}, list[str]()
    pauses.is_paused = paused.__contains__

    async def wait(task: str) -> None:
        await pauses.passed(task)
        passed.append(task)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(wait, "a")
            await checkpoint()
            paused.remove("a")
            pauses.look()
        assert passed == ["a"]
        pauses.stopping = True
        with pytest.raises(Stopped):
            await pauses.passed("b")
        await pauses.passed("a")
