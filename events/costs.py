"""What calls cost, by what is asked for: folded over a short log, summed over columns of a long one. Both say the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from events.log import EventLog, open_log
from events.views.cost import Cost, CostView, Payer, narrowed

Field = Literal["session", "task", "role", "agent", "model", "tier", "price", "project"]

LONG = 32_768  # events from which on numpy has paid for its import (0.1 s)


class Costs(msgspec.Struct, frozen=True):
    """Sums by payer; the fields that were not asked for are empty. `notes` say which caches could not be used."""

    costs: dict[Payer, Cost]
    notes: tuple[str, ...] = ()


async def costs_by(url: str | Path, fields: Sequence[Field]) -> Costs:
    """Sum what calls cost by day and these fields of their payers.

    Raises LogError where the log cannot be read.
    """
    from events.views.base import begin  # and with it an event loop, which a report does without

    async with open_log(url, read_only=True) as log:
        while True:
            archived = await log.archived()
            begun, after = await begin(log, CostView())
            long = (await log.head()).position - after >= LONG
            costs = await _by_columns(log, begun, after, fields) if long else await _by_fold(log, fields)
            if archived == await log.archived():
                return costs  # else what was still to be read was cut off meanwhile: again


async def _by_columns(log: EventLog, begun: CostView, after: int, fields: Sequence[Field]) -> Costs:
    import asyncio

    from events.sqlite import schema
    from events.sqlite.costs import sums

    try:
        costs, wrong = await asyncio.to_thread(sums, Path(log.url), after, begun, fields)
    except schema.UNREADABLE as error:
        raise schema.translate(error, log.url) from error
    except ValueError:  # sums that columns cannot hold, or a damaged row: the fold says which
        return await _by_fold(log, fields)
    return Costs(costs, tuple(wrong))


async def _by_fold(log: EventLog, fields: Sequence[Field]) -> Costs:
    from events.views.base import fold

    return Costs(narrowed_sums(await fold(log, CostView()), fields))


def narrowed_sums(view: CostView, fields: Sequence[Field]) -> dict[Payer, Cost]:
    """The sums of a view by day and these fields alone."""
    costs: dict[Payer, Cost] = {}
    for payer, cost in view.costs.items():
        costs.setdefault(narrowed(payer, fields), Cost()).add(cost)
    return costs
