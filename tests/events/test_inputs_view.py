"""What providers counted for inputs stands beside our quick count of the same, by model; what says nothing of it is left out."""

from __future__ import annotations

from typing import Any

import pytest

from events.log import EventLog, NewEvent
from events.memory import MemoryLog
from events.testing import builders as make
from events.testing.builders import MORNING, SetClock
from events.types.any import AnyEvent
from events.types.call import CallUnknown
from events.views.base import fold
from events.views.carried import FORMS
from events.views.inputs import Inputs, InputsView


async def add(log: EventLog, event: AnyEvent) -> int:
    return (await log.append([NewEvent(event=event, topic="session/1", session=1, task="build")])).positions[0]


async def asked(log: EventLog, counted: int, quick: int, *, model: str = "small", **how: Any) -> None:
    reservation = await add(log, make.reserved(model=model, quick_tokens=quick))
    await add(log, make.settled(reservation, input_tokens=counted, **how))


@pytest.fixture
def log() -> EventLog:
    return MemoryLog(clock=SetClock(MORNING))


async def test_the_last_call_weighs_most_and_models_stand_apart(log: EventLog) -> None:
    await asked(log, 150, 100)
    await asked(log, 300, 200)
    await asked(log, 7, 9, model="large")
    view = await fold(log, InputsView())
    assert view.models == {"small": Inputs(0.9 * 150 + 300, 0.9 * 100 + 200, 2), "large": Inputs(7, 9, 1)}
    assert view.of("unheard of") == Inputs()


@pytest.mark.parametrize(
    "how",
    [{"basis": "reservation"}, {"doubts": ("too-little-input",)}, {"doubts": ("total-differs", "too-much-input")}],
)
async def test_what_says_nothing_of_how_a_provider_counts_is_left_out(log: EventLog, how: dict[str, Any]) -> None:
    await asked(log, 150, 100, **how)
    await asked(log, 150, 0)  # of an older version, which counted nothing
    await asked(log, 0, 100)
    assert (await fold(log, InputsView())).models == {}


async def test_a_call_of_which_nobody_knows_counts_for_nothing_when_a_person_settles_it(log: EventLog) -> None:
    reservation = await add(log, make.reserved(quick_tokens=100))
    await add(log, CallUnknown(reservation=reservation, reason="killed"))
    await add(log, make.settled(reservation, basis="invoice", input_tokens=150))
    assert (await fold(log, InputsView())).models == {}


async def test_an_archive_carries_them_on(log: EventLog) -> None:
    await asked(log, 150, 100)
    view, form = await fold(log, InputsView()), FORMS["inputs"][1]
    assert form.read(form.write(view)).models == view.models
