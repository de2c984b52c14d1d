"""`--at-prices`: what recorded calls cost at the prices of today, or of a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from events.bus import read_all
from events.log import EventLog
from events.views.base import begin
from events.views.cost import Cost, CostView, Payer
from swarm.cli.recorded import recorded
from swarm.errors import UsageError
from swarm.messages import Price
from swarm.money.repricing import Kept, PriceOf, RepricedView
from swarm.settings.load import Settings
from swarm.settings.pricefile import read_price_file

TODAY = "today"


class AtPrices(msgspec.Struct, frozen=True):
    """Costs by payer at other prices; `kept` counts the calls that keep what was recorded, by model and price row."""

    costs: dict[Payer, Cost]
    kept: dict[Kept, int]
    archived: int  # amounts that an archive took keep what was recorded, too: how many calls that are


def prices_named(words: str, settings: Settings) -> PriceOf:
    """The prices that `today` or the name of a file stands for. Raises UsageError."""
    if words == TODAY:
        models = settings.models
        return lambda name: models[name].price if name in models else None
    path = Path(words).expanduser()
    if not path.is_file():
        raise UsageError(f"--at-prices {words}: there is no such file; name one, or say today or recorded")
    found: Mapping[str, Price] = read_price_file(path)
    return found.get


async def costs_at(url: str, price_of: PriceOf) -> AtPrices:
    """What the log's calls cost at these prices. Raises NothingRecorded, LogTrouble."""
    async with recorded(url) as log:
        while True:
            archived = await log.archived()
            costs = await _folded(log, price_of)
            if archived == await log.archived():
                return costs  # else what was still to be read was cut off meanwhile: again


async def _folded(log: EventLog, price_of: PriceOf) -> AtPrices:
    begun, after = await begin(log, CostView())
    carried = begun.total().calls
    view = RepricedView(price_of, begun)
    async for entries in read_all(log, after=after):
        for entry in entries:
            view.apply(entry)
    return AtPrices(view.costs.costs, view.kept, carried)


def told(found: AtPrices) -> list[str]:
    """What was not repriced, for people."""
    notes: list[str] = []
    paid = [f"{kept.model} ({kept.row})" for kept in sorted(found.kept) if kept.row != "free"]
    if paid:
        notes.append(f"as recorded, since no price is known for it: {', '.join(paid)}")
    if found.archived:
        notes.append(f"as recorded: {found.archived:,} calls that an archive took, whose sums alone are kept")
    return notes


def kept_rows(found: AtPrices) -> list[dict[str, str | int]]:
    """The same for programs."""
    return [{"model": kept.model, "price": kept.row, "calls": calls} for kept, calls in sorted(found.kept.items())]
