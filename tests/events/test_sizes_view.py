"""Sizes of answers are kept by who gave them to what; those that say nothing of a size are left out."""

from __future__ import annotations

from typing import Any

import pytest

from events.log import EventLog, NewEvent
from events.memory import MemoryLog
from events.testing import builders as make
from events.testing.builders import MORNING, SetClock
from events.types.any import AnyEvent
from events.types.call import Foreseen
from events.views.base import fold
from events.views.carried import FORMS
from events.views.sizes import Kind, Sizes, SizesView

OWN = Kind("worker", "simple", "code", "small")


async def add(log: EventLog, event: AnyEvent) -> int:
    return (await log.append([NewEvent(event=event, topic="session/1", session=1, task="build")])).positions[0]


async def answered(log: EventLog, tokens: int, *, foreseen: Foreseen | None = None, **how: Any) -> None:
    reservation = await add(log, make.reserved(foreseen=foreseen))
    await add(log, make.settled(reservation, output_tokens=tokens, **how))


async def begun() -> MemoryLog:
    log = MemoryLog(clock=SetClock(MORNING))
    await add(log, make.submitted())
    return log


async def test_an_answer_counts_for_its_model_its_type_and_its_role() -> None:
    log = await begun()
    await answered(log, 100)
    await answered(log, 500, finish="length")
    view = await fold(log, SizesView())
    of_all = Sizes({103: 1}, cut=1)
    assert view.kinds == {OWN: of_all, **dict.fromkeys(OWN.wider, of_all)}
    assert of_all.answers == 2


@pytest.mark.parametrize("how", [{"finish": "refusal"}, {"basis": "reservation"}, {"doubts": ("too-much-output",)}])
async def test_what_says_nothing_of_a_size_is_not_counted(how: dict[str, Any]) -> None:
    log = await begun()
    await answered(log, 100, **how)
    assert (await fold(log, SizesView())).kinds == {}


async def test_what_was_cut_at_a_limit_that_was_foreseen_is_counted_with_the_answer_that_follows() -> None:
    log, foreseen = await begun(), Foreseen(50, 40, "model")
    await answered(log, 50, foreseen=foreseen, finish="length")
    await answered(log, 100)
    await answered(log, 30, foreseen=foreseen)
    assert (await fold(log, SizesView())).of(OWN) == Sizes({103: 1, 31: 1})


async def test_an_archive_carries_them_on() -> None:
    log = await begun()
    await answered(log, 100)
    view, form = await fold(log, SizesView()), FORMS["sizes"][1]
    assert form.read(form.write(view)).kinds == view.kinds
