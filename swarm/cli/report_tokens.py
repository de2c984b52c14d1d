"""`swarm report tokens`: what passed each stage, and what requests had less by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from events.views.stages import StagesView
from swarm.cli.report import of_period, stages_view
from swarm.cli.rows import Value
from swarm.errors import dollars
from swarm.insight.periods import Period
from swarm.insight.stages import Passed, passed

if TYPE_CHECKING:
    from swarm.cli.output import Output

BASIS = (
    "tokens by our own count; saved: what answered requests had less than with the whole texts, each time they held one, and "
    "its money at the mean price of a token of the same requests (an estimate: a provider's cache makes it less); asked for: a "
    "worker wanted what was left out, and the request that lacked it counts against what was saved"
)
_HOW = {"used": "", "measured": "measured alone", "held": "held back"}

read = stages_view


def tell(view: StagesView, period: Period | None, output: Output) -> None:
    rows = passed(view, period)
    if output.json:
        document = {**of_period(period), "basis": BASIS, "stages": [msgspec.structs.asdict(row) for row in rows]}
        output.document("swarm.report.tokens/1", document)
        return
    if period is not None:
        output.note(f"{period.label} ({period.first} to {period.last})", "dim")
    if not rows:
        output.line("no text passed a stage; `tokens.preset` in your settings says which there are")
        return
    output.table(("STAGE", "", "TEXTS", "TOKENS", "TO", "SAVED", "MONEY"), [_cells(row) for row in rows])
    used = [row for row in rows if row.how == "used"]
    if used:
        output.line()
        saved, nanos = sum(row.saved for row in used), sum(row.saved_nanos for row in used)
        output.line(f"{saved:,} tokens saved, about {dollars(nanos)}")
    output.note(BASIS)


def _cells(row: Passed) -> list[str]:
    share = f"{100 * row.after / row.before:.0f} %" if row.before else "-"
    return [
        row.stage,
        _HOW[row.how] or (f"asked for {row.undone:,} times" if row.undone else ""),
        f"{row.texts:,}",
        f"{row.before:,}",
        share,
        f"{row.saved:,}",
        dollars(row.saved_nanos),
    ]


def rows(view: StagesView, period: Period | None) -> tuple[Sequence[str], list[Sequence[Value]]]:
    """The rows for other programs."""
    return Passed.__struct_fields__, [msgspec.structs.astuple(row) for row in passed(view, period)]
