"""What calls cost and what came of it, for a report: folded over a short log, summed over columns of a long one.

It blocks: who reports has nothing else to do, and an event loop would cost a third of the start of a program.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from events.views.cost import Cost, CostView, Payer, narrowed
from events.views.spending import Asked, Findings, SpendingView

Field = Literal["session", "task", "role", "agent", "model", "tier", "price", "project"]

LONG = 32_768
"""Events from which on numpy has paid for its import (0.1 s)."""


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """Sums by payer over the whole log, and what was found of the time that was asked of.

    The fields of a payer that were not asked for are empty, but for its day. An archived beginning is in the sums and not in
    the findings: what is older than `archived` may be in it.
    """

    costs: dict[Payer, Cost]
    notes: tuple[str, ...] = ()  # which caches could not be used
    findings: Findings
    archived: int  # microseconds since 1970; 0 = nothing was archived


class _Begun(msgspec.Struct, frozen=True):
    """Behind which position the log begins, with what, and until when it was archived; how many events it holds."""

    after: int
    costs: CostView
    archived: int
    events: int


def spending(url: str | Path, fields: Sequence[Field], asked: Asked) -> Spending:
    """Read what was spent by these fields of the payers. Raises LogError where the log cannot be read."""
    path = Path(url).expanduser()
    while True:
        begun = _begun(path)
        found = _by_columns(path, fields, asked, begun) or _by_fold(path, fields, asked, begun)
        if begun.after == _bounds(path)[0]:
            return found  # else what was still to be read was cut off meanwhile: again


def _by_columns(path: Path, fields: Sequence[Field], asked: Asked, begun: _Begun) -> Spending | None:
    """None: it is short, or holds what columns cannot, or what the fold says better."""
    if begun.events < LONG:
        return None
    from events.sqlite import schema
    from events.sqlite.spending import spent  # numpy with it

    try:
        found = spent(path, begun.after, begun.costs, fields, asked)
    except schema.UNREADABLE as error:
        raise schema.translate(error, str(path)) from error
    except ValueError:  # sums that columns cannot hold, or a damaged row: the fold says which
        return None
    return Spending(costs=found.costs, notes=tuple(found.wrong), findings=found.findings, archived=begun.archived)


def _bounds(path: Path) -> tuple[int, int]:
    """The position after which the log begins, and its last one."""
    from events.sqlite.bounds import beginning
    from events.sqlite.readonly import read_only

    with read_only(path) as connection:
        head: int = connection.execute("SELECT coalesce(max(position), 0) FROM batch").fetchone()[0]
        return beginning(connection)[0], head


def _begun(path: Path) -> _Begun:
    first, head = _bounds(path)
    if not first:
        return _Begun(0, CostView(), 0, head)
    import asyncio

    from events.log import open_log
    from events.types.upkeep import LogArchived
    from events.views.base import begin

    async def read() -> _Begun:
        async with open_log(path, read_only=True) as log:
            costs, after = await begin(log, CostView())
            last = await log.archived()
            before = last.event.before if last is not None and isinstance(last.event, LogArchived) else 0
            return _Begun(after, costs, before, head - after)

    return asyncio.run(read())


def _by_fold(path: Path, fields: Sequence[Field], asked: Asked, begun: _Begun) -> Spending:
    import asyncio

    from events.log import open_log
    from events.views.base import fold

    async def read() -> SpendingView:
        async with open_log(path, read_only=True) as log:
            return await fold(log, SpendingView())

    view = asyncio.run(read())
    costs: dict[Payer, Cost] = {}
    for payer, cost in view.cost.costs.items():
        costs.setdefault(narrowed(payer, fields), Cost()).add(cost)
    return Spending(costs=costs, findings=view.findings(asked), archived=begun.archived)
