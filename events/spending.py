"""What calls cost and what came of it, for a report: folded over a short log, summed over columns of a long one.

It blocks: who reports has nothing else to do, and an event loop would cost a third of the start of a program.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from events.costs import LONG, Costs, Field, narrowed_sums
from events.views.spending import Asked, Findings, SpendingView


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """Sums by day, payer and price row over the whole log, and what was found of the time that was asked of.

    An archived beginning is in the sums and not in the findings: what is older than `archived` may be in it.
    """

    costs: Costs
    findings: Findings
    archived: int  # microseconds since 1970; 0 = nothing was archived


def spending(url: str | Path, fields: Sequence[Field], asked: Asked) -> Spending:
    """Read what was spent by these fields of the payers. Raises LogError where the log cannot be read."""
    path = Path(url).expanduser()
    return _by_columns(path, fields, asked) or _by_fold(path, fields, asked)


def _by_columns(path: Path, fields: Sequence[Field], asked: Asked) -> Spending | None:
    """None: it is short, or begins with what is carried on, or holds what columns cannot, or what the fold says better."""
    if not _is_long(path):
        return None
    from events.sqlite import schema
    from events.sqlite.spending import spent  # numpy with it
    from events.views.cost import CostView

    try:
        found = spent(path, 0, CostView(), fields, asked)
    except schema.UNREADABLE as error:
        raise schema.translate(error, str(path)) from error
    except ValueError:
        return None
    if not _is_long(path):
        return None  # its beginning was cut off meanwhile
    return Spending(costs=Costs(found.costs, tuple(found.wrong)), findings=found.findings, archived=0)


def _is_long(path: Path) -> bool:
    """Whether the log is long and has its beginning."""
    from events.sqlite.bounds import beginning
    from events.sqlite.readonly import read_only

    with read_only(path) as connection:
        head: int = connection.execute("SELECT coalesce(max(position), 0) FROM batch").fetchone()[0]
        return head >= LONG and beginning(connection)[0] == 0


def _by_fold(path: Path, fields: Sequence[Field], asked: Asked) -> Spending:
    import asyncio

    from events.log import open_log
    from events.types.upkeep import LogArchived
    from events.views.base import fold

    async def read() -> tuple[SpendingView, int]:
        async with open_log(path, read_only=True) as log:
            view, last = await fold(log, SpendingView()), await log.archived()
            return view, last.event.before if last is not None and isinstance(last.event, LogArchived) else 0

    view, archived = asyncio.run(read())
    return Spending(costs=Costs(narrowed_sums(view.cost, fields)), findings=view.findings(asked), archived=archived)
