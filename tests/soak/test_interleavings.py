"""The ledger under random interleavings: never over a cap that pays for five calls, and nobody waits for ever."""

from __future__ import annotations

from pathlib import Path
from random import Random

import anyio
import msgspec
import pytest

from events.log import open_log
from tests.ledger_agents import check_never_over, crowd, process, tell

pytestmark = pytest.mark.soak

AGENTS = 20
CAP = 5_000


@pytest.mark.cases(20, 1000)
async def test_twenty_agents_never_pass_a_cap_that_pays_for_five_calls_and_all_come_to_an_end(
    seed: int, tmp_path: Path
) -> None:
    async with open_log("memory:" if seed % 2 else tmp_path / "log.db") as log:
        with anyio.fail_after(20):
            ends = await crowd(log, seed, count=AGENTS, cap=CAP, durable=seed % 4 == 0)
        assert sum(ends.values()) == AGENTS
        assert ends["granted"] >= 5
        assert not (await check_never_over(log, CAP)).open


@pytest.mark.cases(3, 200)
async def test_two_processes_never_pass_the_cap_of_their_log_and_one_that_is_killed_stops_nobody(
    seed: int, tmp_path: Path
) -> None:
    path, random = tmp_path / "log.db", Random(seed)
    half = AGENTS // 2
    with anyio.fail_after(50):
        async with process("crowd", path, seed, half, CAP) as one, process("crowd", path, seed + 7, half, CAP) as two:
            tell(one)
            tell(two)
            killed = seed % 3 == 2
            if killed:
                with anyio.move_on_after(random.random() * 0.2):
                    await one.wait()
                if one.returncode is None:
                    one.kill()
                await one.wait()
            said = {each: (await each.communicate())[0] for each in (one, two)}
    ends = [msgspec.json.decode(text, type=dict[str, int]) for text in said.values() if text]
    assert all(sum(each.values()) == half for each in ends)
    assert said[two] and two.returncode == 0, "whatever became of the other"
    async with open_log(path, read_only=True) as log:
        money = await check_never_over(log, CAP)
    if not killed:
        assert len(ends) == 2 and sum(each["granted"] for each in ends) >= 5
        assert not money.open
