"""No float ever touches money: what is an amount is an int, as it is declared, and as it comes out of a run."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import events.types
import events.views
import swarm.money
from events.log import open_log
from events.views.base import fold
from events.views.cost import CostView
from events.views.money import MoneyView
from events.views.spending import Asked, SpendingView
from swarm import messages
from swarm.settings import load
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import DEAR, Cast, model, run, serving

AMOUNT = ("nanos", "tokens", "wasted", "later")
MODULES = [
    importlib.import_module(found.name)
    for package in (events.types, events.views, swarm.money)
    for found in pkgutil.iter_modules(package.__path__, prefix=f"{package.__name__}.")
]


def fields() -> Iterator[tuple[str, str]]:
    """Each field of a struct in which money or tokens are kept, with its type in words."""
    for module in (*MODULES, messages, load):
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == module.__name__:
                for name, hint in kind.__annotations__.items():
                    if any(word in name for word in AMOUNT) or kind.__name__ in ("Amount", "ScopeState", "Cost"):
                        yield f"{kind.__name__}.{name}", str(hint)


FIELDS = dict(fields())


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_no_amount_is_declared_as_anything_but_a_whole_number(name: str) -> None:
    assert "float" not in FIELDS[name] and "Any" not in FIELDS[name] and "object" not in FIELDS[name]


def test_the_amounts_that_matter_are_among_them() -> None:
    known = {"CallReserved.cost_nanos", "CallSettled.cost_nanos", "CallOverran.tokens", "Amount.nanos", "Cap.nanos"}
    known |= {"Rates.input_nanos", "Price.request_nanos", "BudgetSettings.day_nanos", "Estimated.p90_nanos"}
    assert known <= set(FIELDS)


def numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """The numbers in a document, with the path to each."""
    if isinstance(value, dict):
        for name, inner in value.items():  # pyright: ignore[reportUnknownVariableType]
            yield from numbers(inner, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for inner in value:  # pyright: ignore[reportUnknownVariableType]
            yield from numbers(inner, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value


LIES: list[dict[str, Any] | None] = [
    {"prompt_tokens": 10.5, "completion_tokens": 3},
    {"prompt_tokens": 100.0, "completion_tokens": 3.0},
    {"prompt_tokens": "100", "completion_tokens": 3, "cost": 0.001},
    {"prompt_tokens": 10**7, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 0.5}},
    {"prompt_tokens": float("inf"), "completion_tokens": 1},
    None,
]


@pytest.mark.parametrize("usage", LIES, ids=repr)
async def test_whatever_a_provider_counts_all_amounts_of_a_run_are_whole_numbers(usage: Any, tmp_path: Path) -> None:
    async with open_log(tmp_path / "log.db") as log:
        cast = Cast(worker=[Answer("A fine result.", usage=usage)])
        async with serving(cast, model("m1", "paid", price=DEAR)) as (_, plan):
            result = await run(log, "prompt: Write.\nbudget: $0.40\n", plan, tmp_path)
        views = (
            await fold(log, MoneyView()),
            (await fold(log, CostView())).total(),
            (await fold(log, SpendingView())).findings(Asked()),
        )
        documents = [msgspec.to_builtins(each) for each in (*(entry.event for entry in await entries_of(log)), *views)]
    found = [*numbers(documents), ("result.nanos", result.cost_nanos), ("result.tokens", result.tokens)]
    amounts = [(path, number) for path, number in found if any(word in path for word in AMOUNT)]
    assert len(amounts) > 20
    assert [(path, number) for path, number in amounts if type(number) is not int] == []
