"""`swarm report waste`: what was spent on what came to no accepted result, and what avoids the like of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from events.log import EventLog
from events.views.stages import StagesView
from events.views.waste import WasteView, waste_past
from swarm.cli.report import of_period
from swarm.cli.rows import Value
from swarm.errors import dollars
from swarm.insight.periods import Period
from swarm.insight.reason import many
from swarm.insight.waste import BASIS, Row, Sizes, Waste, tool_sizes, waste

if TYPE_CHECKING:
    from swarm.cli.output import Output


class Found(msgspec.Struct, frozen=True):
    """What the log says."""

    waste: WasteView
    stages: StagesView
    sizes: Sizes
    archived: bool  # its beginning was


async def read(log: EventLog, _: Period | None = None) -> Found:
    """Raises LogError where the log cannot be read."""
    wasted, stages = await waste_past(log)
    sizes = await tool_sizes(log, wasted.view.lists)
    return Found(wasted.view, stages.view, sizes, await log.archived() is not None)


def tell(found: Found, period: Period | None, output: Output) -> None:
    said = waste(found.waste, found.stages, found.sizes, period)
    notes = _notes(said, found)
    if output.json:
        output.document("swarm.report.waste/1", {**of_period(period), **_document(said), "notes": notes})
        return
    if period is not None:
        output.note(f"{period.label} ({period.first} to {period.last})", "dim")
    if not said.rows:
        output.line(f"nothing was wasted of {_spent(said)}" if said.all.count else "no call was made")
    for part, header in ((False, "CALLS FOR NOTHING"), (True, "PARTS OF CALLS")):
        rows = [row for row in said.rows if row.part is part]
        if rows:
            output.table((header, "TIMES", "TOKENS", "MONEY", "WHAT"), [_cells(row) for row in rows])
            output.line()
    if said.rows:
        output.line(f"{_share(said)} went into calls that came to no accepted result")
        for row in said.rows:
            output.line(f"{row.what}: {row.avoid}")
        output.note(BASIS)
    for note in notes:
        output.note(note)


def _cells(row: Row) -> list[str]:
    return [row.what, f"{row.count:,}", f"{row.tokens:,}", dollars(row.nanos), row.says]


def _share(said: Waste) -> str:
    percent = f" ({100 * said.calls.tokens / said.all.tokens:.0f} %)" if said.all.tokens else ""
    return f"{said.calls.tokens:,} of {said.all.tokens:,} tokens{percent} and {dollars(said.calls.nanos)} of {dollars(said.all.nanos)}"


def _spent(said: Waste) -> str:
    return f"{many(said.all.count, 'call')} with {said.all.tokens:,} tokens for {dollars(said.all.nanos)}"


def _notes(said: Waste, found: Found) -> list[str]:
    notes: list[str] = []
    if said.unread:
        notes.append(f"of {many(said.unread, 'request')} the tools are left out: their list is no longer in the log")
    if found.archived:
        notes.append("what was archived is not in it")
    return notes


def _document(said: Waste) -> dict[str, object]:
    return {
        "basis": BASIS,
        "all": msgspec.structs.asdict(said.all),
        "wasted": msgspec.structs.asdict(said.calls),
        "rows": [msgspec.structs.asdict(row) for row in said.rows],
    }


def rows(found: Found, period: Period | None) -> tuple[Sequence[str], list[Sequence[Value]]]:
    """The rows for other programs."""
    said = waste(found.waste, found.stages, found.sizes, period)
    return Row.__struct_fields__, [msgspec.structs.astuple(row) for row in said.rows]
