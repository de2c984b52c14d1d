"""No answer that was cut is accepted, whoever gave it: as a draft, as a plan or as a verdict."""

from __future__ import annotations

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, get_args

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.log import Entry, open_log
from events.types.call import CallReserved, CallSettled
from events.types.task import StepAccepted, StepDrafted, StepPlanned, StepRejected, TaskAccepted
from swarm.messages import Finish
from swarm.roles.answers import is_whole
from swarm.roles.checks import form_check
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import PASS, Cast, model, plan_text, role_of, run, serving, verdict

FINISHES = ("stop", "length", "content_filter", "tool_calls", "stop_sequence", "abort")
"""As providers call them; the last two are none that the program knows."""

LINES = {
    "explorer": (plan_text("do it"), plan_text("first", "then"), "no plan"),
    "worker": ("A fine result.", "word " * 50, ""),
    "validator": (PASS, verdict(False), "no verdict"),
}


class Moody(Cast):
    """Every role says a line of its own and ends it in any way."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = Random(seed)

    def __call__(self, body: dict[str, Any]) -> Answer:
        role = role_of(body)
        return Answer(self._random.choice(LINES[role]), finish=self._random.choice(FINISHES))


def made_of(entry: Entry, role: str, entries: list[Entry]) -> CallSettled:
    """The last answer of the role in the attempt whose outcome an entry is."""
    step = 0 if role == "explorer" else entry.step
    calls = {
        each.position
        for each in entries
        if isinstance(each.event, CallReserved)
        and each.event.role == role
        and (each.task, each.step, each.attempt) == (entry.task, step, entry.attempt)
    }
    answers = [
        each.event for each in entries if isinstance(each.event, CallSettled) and each.event.reservation in calls
    ]
    return answers[-1]


def check(entries: list[Entry]) -> None:
    for entry in entries:
        match entry.event:
            case StepPlanned() if entry.attempt:
                assert made_of(entry, "explorer", entries).finish not in ("length", "refusal")
            case StepAccepted(judge=judge):
                assert made_of(entry, "worker", entries).finish not in ("length", "refusal")
                if judge:
                    assert made_of(entry, "validator", entries).finish not in ("length", "refusal")
            case StepRejected(judge=judge) if judge:
                assert made_of(entry, "validator", entries).finish not in ("length", "refusal")
            case StepDrafted(finish=finish):
                assert finish == made_of(entry, "worker", entries).finish
            case _:
                pass


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 1 << 32), st.booleans())
def test_whatever_roles_answer_and_however_it_ends_nothing_comes_of_what_was_cut(seed: int, judged: bool) -> None:
    async def play() -> None:
        with TemporaryDirectory() as folder:
            async with open_log("memory:") as log, serving(Moody(seed), model("m1", judge=judged)) as (_, plan):
                await run(log, "prompt: Do it\nexplore: true\nlimits: {attempts: 4}\n", plan, Path(folder))
                check(list(await entries_of(log)))

    anyio.run(play)


async def test_a_cut_draft_that_passes_all_checks_and_its_judge_is_not_accepted(tmp_path: Path) -> None:
    cast = Cast(worker=[Answer("A fine result.", finish="length")])
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        result = await run(log, "prompt: Do it\ncheck: [{contains: fine}]\naccept: It is fine.\n", plan, tmp_path)
        assert result.exit_code == 1
        assert not [each for each in await entries_of(log) if isinstance(each.event, StepAccepted | TaskAccepted)]
    assert "validator" not in cast.roles, "no judge is asked about half a draft"


@pytest.mark.parametrize("finish", get_args(Finish))
def test_only_what_came_to_its_end_is_whole(finish: Finish) -> None:
    assert is_whole(finish) == (finish not in ("length", "refusal"))
    assert form_check("A fine result.", finish, 10).passed == is_whole(finish)
