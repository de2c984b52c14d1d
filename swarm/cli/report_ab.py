"""`swarm report ab`: how tasks went with each stage, beside those that were held back for comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from events.types.stage import StageWithdrawn
from events.views.stages import StagesView
from swarm.cli.report import of_period, stages_view
from swarm.cli.rows import Value
from swarm.cli.skills_stats import count_document, difference_told, gain_document, share_told
from swarm.insight.difference import METHOD, Difference
from swarm.insight.periods import Period
from swarm.insight.stages import ENOUGH, Compared, compared

if TYPE_CHECKING:
    from swarm.cli.output import Output

MEANS = "tokens and money: the mean of a task against that of the held back, of like work, with its 95 % interval (delta method)"

read = stages_view


def tell(view: StagesView, period: Period | None, output: Output) -> None:
    rows = compared(view, period)
    if output.json:
        output.document("swarm.report.ab/1", {**of_period(period), **_document(rows, view)})
        return
    if period is not None:
        output.note(f"{period.label} ({period.first} to {period.last})", "dim")
    if not rows:
        output.line("no task that ended passed a stage; `tokens.preset` in your settings says which there are")
        return
    header = ("STAGE", "WITH IT", "HELD BACK", "DIFFERENCE", "TOKENS", "MONEY")
    output.table(header, [_cells(row) for row in rows])
    for gone in view.withdrawn.values():
        output.line(f"{gone.stage}: withdrawn, since fewer tasks were accepted with it; settings that name it use it")
    output.line()
    output.note(f"tasks that were accepted with no draft rejected; {METHOD}; {MEANS}")
    if all(row.gain is None for row in rows):
        output.note(
            'nothing was held back so far: `tokens.preset = "adaptive"`, or a share such as `tokens.stages.inputs = 0.9`, leaves '
            f"some tasks as they are; from {ENOUGH} of each on, what makes less be accepted is withdrawn"
        )


def _cells(row: Compared) -> list[str]:
    return [
        row.stage,
        share_told(row.used),
        share_told(row.held),
        difference_told(row.gain),
        _less(row.tokens),
        _less(row.nanos),
    ]


def _less(part: Difference | None) -> str:
    return f"{100 * part.mean:+.0f} % ({100 * part.low:+.0f} to {100 * part.high:+.0f})" if part is not None else "-"


def _document(rows: list[Compared], view: StagesView) -> dict[str, Any]:
    return {
        "method": f"{METHOD}; {MEANS}",
        "stages": [
            {
                "stage": row.stage,
                "with": count_document(row.used),
                "held": count_document(row.held),
                "difference": gain_document(row.gain),
                "tokens": gain_document(row.tokens),
                "money": gain_document(row.nanos),
            }
            for row in rows
        ],
        "withdrawn": [_withdrawn(each) for each in view.withdrawn.values()],
    }


def _withdrawn(gone: StageWithdrawn) -> dict[str, Any]:
    return msgspec.structs.asdict(gone)


def rows(view: StagesView, period: Period | None) -> tuple[Sequence[str], list[Sequence[Value]]]:
    """The rows for other programs: counts, and each difference with the ends of its interval."""
    header = ["stage", "passed", "of", "held_passed", "held_of"]
    header += [f"{name}{part}" for name in ("difference", "tokens", "money") for part in ("", "_low", "_high")]
    found: list[Sequence[Value]] = []
    for row in compared(view, period):
        parts = [_interval(part) for part in (row.gain, row.tokens, row.nanos)]
        counts = (row.used.passed, row.used.total, row.held.passed, row.held.total)
        found.append([row.stage, *counts, *(value for part in parts for value in part)])
    return header, found


def _interval(part: Difference | None) -> tuple[Value, Value, Value]:
    return (None, None, None) if part is None else (part.mean, part.low, part.high)
