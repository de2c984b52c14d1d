"""From 80 % of a cap on a session buys cheaper and says what is left; from 90 % on it sends less. A replay comes to the same."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from events.log import EventLog, open_log
from events.types.call import CallReserved
from events.types.choice import ChoiceMade
from swarm.messages import Price
from swarm.replay import replay
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import DEAR, Cast, model, run, serving

LOW = Price(row="low-1", input_nanos=10_000_000, output_nanos=40_000_000)

FILE = """
tasks:
  first: {{prompt: Write the first line, check: {{contains: line}}, limits: {{answer: 1024}}, roles: {{worker: {{models: dear}}}}}}
  second: {{prompt: Write the second line, check: {{contains: line}}, needs: first, limits: {{answer: 1024}}, input: notes.md}}
budget: {budget}
"""
"""A dear model takes the first task; any may take the second."""


@pytest.fixture
async def log(tmp_path: Path) -> AsyncGenerator[EventLog]:
    async with open_log(tmp_path / "state" / "log.db") as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "notes.md").write_text("".join(f"# Part {n}\n{'About lines. ' * 30}\n" for n in range(40)))
    return folder


class Seen:
    """What the second task's worker was told, how much output was asked for, and how it was chosen."""

    def __init__(self, told: str, asked: int, choice: ChoiceMade) -> None:
        self.told, self.asked, self.choice = told, asked, choice


async def second_of(log: EventLog, root: Path, budget: str) -> Seen:
    """Run both tasks; the first costs $0.00425."""
    used = {"prompt_tokens": 250, "completion_tokens": 1_000, "total_tokens": 1_250}
    cast = Cast(worker=[Answer("A line.\n\n" + "It-goes-on.\n\n" * 800, usage=used), Answer("A line, too.")])
    dear, low = model("dear", "paid", price=DEAR), model("low", "paid", price=LOW)
    async with serving(cast, dear, low) as (_, plan):
        result = await run(log, FILE.format(budget=budget), plan, root)
    assert result.exit_code == 0, result.tasks
    assert (await replay(log, 1)).divergence is None
    entries = [entry for entry in await entries_of(log) if entry.task == "second"]
    (choice,) = [entry.event for entry in entries if isinstance(entry.event, ChoiceMade)]
    (reserved,) = [entry.event for entry in entries if isinstance(entry.event, CallReserved)]
    return Seen(cast.prompts("worker")[1], reserved.max_output_tokens, choice)


async def test_far_from_a_cap_nothing_is_said_of_it(log: EventLog, root: Path) -> None:
    seen = await second_of(log, root, "$10")
    assert (seen.choice.spent_scope, seen.choice.spent_percent, "left (s1)" in seen.told) == ("", 0, False)
    assert seen.asked == 1_024


async def test_from_80_percent_on_the_cheaper_of_two_paid_models_is_bought_and_told_what_is_left(
    log: EventLog, root: Path
) -> None:
    seen = await second_of(log, root, "$0.0052")
    assert (seen.choice.model, seen.choice.spent_scope, seen.choice.spent_percent) == ("low", "s1", 81)
    *_, line, _, length = seen.told.splitlines()
    assert length.startswith("Be brief: at most ")
    assert line == "The budget of this work has $0.00095 of $0.0052 left (s1): be brief."
    assert seen.told.count("About lines.") == 1_200, "it is given all of its input"
    assert seen.told.count("It-goes-on.") == 800


async def test_from_90_percent_on_less_is_sent_and_asked_for(log: EventLog, root: Path) -> None:
    seen = await second_of(log, root, "{usd: 0.0047}")
    assert (seen.choice.model, seen.choice.spent_percent) == ("low", 90)
    assert 0 < seen.told.count("About lines.") < 400
    assert seen.told.count("It-goes-on.") < 400
    assert "Answer in at most 256 words." in seen.told
    assert seen.asked == 512
