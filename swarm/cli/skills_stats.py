"""`swarm skills stats`: what each skill took, how first drafts went with it and without, and what that suggests. It changes nothing."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from events.log import system_clock
from events.views.skills import SkillsView, skills_past
from skills.library import UnknownSkill
from swarm.cli.output import counted
from swarm.cli.recorded import local_time, recorded, settings_of, utc_text, zone_of
from swarm.cli.skills_show import SkillTrouble
from swarm.insight.difference import METHOD, Count, Difference
from swarm.insight.periods import Period, period_of
from swarm.insight.skills import Ledger, Together, ledgers, together
from swarm.library import library_here

if TYPE_CHECKING:
    from swarm.cli.output import Output

_MOST_TOGETHER = 5  # in the text; a document has them all
_CAVEAT = (
    "a skill is not told at random, so what differs may be the work: `swarm skills eval NAME` does the same work with it "
    "and without"
)


def act(args: argparse.Namespace, output: Output) -> int:
    settings = settings_of(args)
    zone = zone_of(settings)
    period = period_of(args.period or "all", local_time(system_clock(), zone).date())

    async def read() -> SkillsView:
        async with recorded(settings.log) as log:
            return (await skills_past(log)).view

    view = anyio.run(read)
    here = {skill.name for skill in library_here(Path.cwd(), os.environ).skills}
    rows, pairs = ledgers(view, here, period), together(view, period)
    if args.words:
        rows = _chosen(rows, args.words)
        pairs = [pair for pair in pairs if {pair.one, pair.other} & set(args.words)]
    if output.json:
        output.document("swarm.skills.stats/1", document(rows, pairs, period))
        return 0
    _tell(rows, pairs, period, output)
    return 0


def _chosen(rows: Sequence[Ledger], names: Sequence[str]) -> list[Ledger]:
    known = {row.name: row for row in rows}
    for name in names:
        if name not in known:
            raise SkillTrouble(str(UnknownSkill(name, list(known))))
    return [known[name] for name in dict.fromkeys(names)]


def _tell(rows: Sequence[Ledger], pairs: Sequence[Together], period: Period | None, output: Output) -> None:
    if period is not None:
        output.note(f"{period.label} ({period.first} to {period.last})", "dim")
    if not rows:
        output.line("there are no skills here, and none was used; `swarm skills new NAME` writes one")
        return
    used = [row for row in rows if row.uses]
    if not used and period is not None:
        output.line(
            f"none of {counted(len(rows), 'skill')} was used" if len(rows) > 1 else f"{rows[0].name} was not used"
        )
    if used:
        header = ["SKILL", "TOLD", "READ", "CALLS", "TOKENS", "WITH IT", "WITHOUT", "DIFFERENCE"]
        output.table(header, [_cells(row) for row in used])
        output.line()
    for row in rows:
        if row.types:
            said = ", ".join(f"{type_ or 'no type'} {times:,}" for type_, times in row.types)
            output.line(f"{row.name}: used for {said}" + ("" if row.here else "; it is not here any more"))
    for pair in pairs[:_MOST_TOGETHER]:
        said = f"{pair.one} and {pair.other} went together in {counted(pair.drafts, 'draft')}"
        output.line(f"{said} of type {pair.type}" if pair.type else said)
    for row in rows:
        if row.suggests and (row.uses or period is None):
            output.line(f"{row.name}: {row.suggests}", "yellow" if row.uses else "")
    if any(row.gain for row in rows):
        output.note(f"with it and without: first drafts that passed, of like work; {METHOD}; {_CAVEAT}")


def _cells(row: Ledger) -> list[str]:
    return [
        row.name,
        f"{row.loads:,}",
        f"{row.reads:,}",
        f"{row.calls:,}",
        f"{row.tokens:,}",
        share_told(row.passed),
        share_told(row.without),
        difference_told(row.gain),
    ]


def share_told(count: Count) -> str:
    """How many of how many passed."""
    return f"{count.passed:,} of {count.total:,}" if count.total else "-"


def difference_told(gain: Difference | None) -> str:
    """A difference of shares in percentage points, with its interval."""
    if gain is None:
        return "-"
    return f"{100 * gain.mean:+.0f} ({100 * gain.low:+.0f} to {100 * gain.high:+.0f}) points"


def document(rows: Sequence[Ledger], pairs: Sequence[Together], period: Period | None) -> dict[str, Any]:
    """Everything as one JSON document; shares are from 0 to 1."""
    return {
        "period": period.name if period else "all",
        "from": period.first.isoformat() if period else None,
        "to": period.last.isoformat() if period else None,
        "method": METHOD,
        "skills": [_row(row) for row in rows],
        "together": [msgspec.structs.asdict(pair) for pair in pairs],
    }


def _row(row: Ledger) -> dict[str, Any]:
    return {
        "name": row.name,
        "here": row.here,
        "told": row.loads,
        "read": row.reads,
        "calls": row.calls,
        "tokens": row.tokens,
        "tokens_each": row.tokens_each,
        "last": utc_text(row.last) if row.last else None,
        "first_drafts": {"with": count_document(row.passed), "without": count_document(row.without)},
        "difference": gain_document(row.gain),
        "types": dict(row.types),
        "suggests": row.suggests or None,
    }


def count_document(count: Count) -> dict[str, int]:
    return {"passed": count.passed, "of": count.total}


def gain_document(gain: Difference | None) -> dict[str, float] | None:
    if gain is None:
        return None
    return {name: round(value, 4) for name, value in msgspec.structs.asdict(gain).items()}
