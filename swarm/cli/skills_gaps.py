"""`swarm skills gaps`: kinds of work that no skill fits, and faults that come again and again; `--draft` has a skill written for one."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from events.log import system_clock
from events.views.base import fold
from events.views.gaps import GapsView
from skills.library import Library
from swarm.cli.output import counted
from swarm.cli.recorded import local_time, recorded, settings_of, zone_of
from swarm.errors import UsageError
from swarm.insight.gaps import Gap, Gaps, find_gaps
from swarm.insight.periods import period_of
from swarm.library import library_here, ranked

if TYPE_CHECKING:
    from swarm.cli.output import Output

_SHOWN = 90  # characters of the text that stands for a kind


def act(args: argparse.Namespace, output: Output) -> int:
    if args.words and args.draft is None:
        raise UsageError("`swarm skills gaps` takes a name only with --draft: `swarm skills gaps --draft 1 sql-review`")
    library = library_here(Path.cwd(), os.environ)
    found = anyio.run(_found, args, library)
    if args.draft is not None:
        from swarm.cli.skills_draft import draft

        return draft(_chosen(found.gaps, args.draft), found.gaps, args, output)
    if output.json:
        output.document("swarm.skills.gaps/1", _document(found))
        return 0
    _tell(found, output, any_task=args.any)
    return 0


async def _found(args: argparse.Namespace, library: Library) -> Gaps:
    def fits(text: str, tags: Sequence[str]) -> bool:
        return bool(library.match(text, rank=ranked, tags=tags, most=1).fitting)

    settings = settings_of(args)
    async with recorded(settings.log) as log:
        view = await fold(log, GapsView())
        return await find_gaps(log, view, within=_within(args), fits=fits, any_task=args.any)


def _within(args: argparse.Namespace) -> Callable[[int], bool]:
    """Whether a moment is in the period."""
    zone = zone_of(settings_of(args))
    period = period_of(args.period or "all", local_time(system_clock(), zone).date())
    if period is None:
        return lambda _: True
    return lambda at: period.first <= local_time(at, zone).date() <= period.last


def _chosen(gaps: Sequence[Gap], number: int) -> Gap:
    if not 1 <= number <= len(gaps):
        known = f"there are 1 to {len(gaps)}" if gaps else "there is none"
        raise UsageError(f"--draft {number}: {known}; `swarm skills gaps` lists them")
    return gaps[number - 1]


def _tell(found: Gaps, output: Output, *, any_task: bool) -> None:
    kinds = [gap for gap in found.gaps if gap.kind == "tasks"]
    faults = [gap for gap in found.gaps if gap.kind == "faults"]
    if kinds:
        output.line("kinds of tasks that no skill fits", "bold")
        header = ["GAP", "TASKS", "FAILED", "REJECTED DRAFTS", "WORDS", "SUCH AS"]
        output.table(header, [[*_cells(gap), ", ".join(gap.words), ", ".join(gap.examples)] for gap in kinds])
    if faults:
        output.line("faults that drafts have again and again", "bold")
        rows = [[str(gap.number), f"{len(gap.cases):,}", _line(gap), ", ".join(gap.examples)] for gap in faults]
        output.table(["GAP", "TIMES", "FAULT", "IN"], rows)
    if not found.gaps:
        whose = "tasks" if any_task else "tasks with tools"
        output.line(f"no gap is seen: no {whose} of a kind went without a skill, and no fault came twice")
    for said in left_out(found):
        output.note(said)
    if found.gaps:
        output.note(
            "`swarm skills gaps --draft N` has a skill written for one; nothing is kept of it before you say yes"
        )


def left_out(found: Gaps) -> list[str]:
    said = [f"{counted(found.lone, 'task')} without a skill like no other"] if found.lone else []
    said += [f"{counted(found.fitted, 'task')} that had no skill, and that one fits by now"] if found.fitted else []
    return said + ([f"{counted(found.unread, 'task')} whose texts are no longer kept"] if found.unread else [])


def _cells(gap: Gap) -> list[str]:
    count = len(gap.cases)
    failed = f"{round(100 * gap.failed / count)} %" if gap.failed else "-"
    return [str(gap.number), f"{count:,}", failed, f"{gap.rejected:,}" if gap.rejected else "-"]


def _line(gap: Gap) -> str:
    said = " ".join(gap.cases[0].text.split())
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN].rsplit(' ', 1)[0]} …"


def _document(found: Gaps) -> dict[str, Any]:
    return {
        "gaps": [
            {
                "number": gap.number,
                "kind": gap.kind,
                "words": list(gap.words),
                "count": len(gap.cases),
                "failed": gap.failed,
                "rejected_drafts": gap.rejected,
                "examples": list(gap.examples),
                "text": gap.cases[0].text,
            }
            for gap in found.gaps
        ],
        "lone": found.lone,
        "fitted_by_now": found.fitted,
        "texts_gone": found.unread,
    }
