"""`swarm report tokens`: what requests had less by each stage, what was answered again, and whether answers kept to their words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from events.log import EventLog
from events.views.follows import FollowsView, follows
from events.views.hits import HitsView, hits
from events.views.stages import StagesView
from swarm.cache.prefetch import guessed_said
from swarm.cli.report import of_period, stages_view
from swarm.cli.rows import Value
from swarm.errors import dollars
from swarm.insight.answered import Answered, answered
from swarm.insight.periods import Period
from swarm.insight.reason import many
from swarm.insight.stages import Passed, passed

if TYPE_CHECKING:
    from swarm.cli.output import Output

BASIS = (
    "tokens by our own count; saved: what answered requests had less than with the whole texts, each time they held one, and "
    "its money at the mean price of a token of the same requests (an estimate: a provider's cache makes it less); asked for: a "
    "worker wanted what was left out, and the request that lacked it counts against what was saved"
)
_HOW = {"used": "", "measured": "measured alone", "held": "held back"}


class Found(msgspec.Struct, frozen=True):
    """What the log says."""

    stages: StagesView
    answered: Answered
    hits: HitsView
    follows: FollowsView


async def read(log: EventLog, period: Period | None) -> Found:
    """Raises LogError where the log cannot be read."""
    stages, again = await stages_view(log, period), await answered(log, period)
    return Found(stages, again, (await hits(log)).view, (await follows(log)).view)


def tell(found: Found, period: Period | None, output: Output) -> None:
    rows = passed(found.stages, period)
    if output.json:
        stages = [msgspec.structs.asdict(row) for row in rows]
        document = {**of_period(period), "basis": BASIS, "stages": stages, **_document(found)}
        output.document("swarm.report.tokens/1", document)
        return
    if period is not None:
        output.note(f"{period.label} ({period.first} to {period.last})", "dim")
    _stages(rows, output)
    for line in (_again(found.answered), _results(found), _words(found.answered), guessed_said(found.follows)):
        if line:
            output.line(line)
    if found.answered.unread:
        output.note(
            f"{many(found.answered.unread, 'draft')} the log does not keep any more: their words are not counted"
        )


def _stages(rows: Sequence[Passed], output: Output) -> None:
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


def _results(found: Found) -> str:
    """How often what a tool had said was given again, in all that the log holds; "" where it was not."""
    again = found.hits.results
    if not again.given or again.rate is None:
        return ""
    looked = f"{again.given:,} of {many(again.given + again.asked, 'use')} of tools"
    return f"{looked} had an earlier result ({100 * again.rate:.0f} %, of all that the log holds; `swarm cache`)"


def _again(found: Answered) -> str:
    """How often an earlier answer was given; "" where none could be."""
    saved = found.saved
    might = found.asked + saved.served
    if not might:
        return ""
    tokens = saved.input_tokens + saved.output_tokens
    what = (
        f", {tokens:,} tokens and {dollars(saved.cost_nanos)} saved, by what the answers had taken"
        if saved.served
        else ""
    )
    return f"{saved.served:,} of {many(might, 'call')} had an earlier answer ({100 * saved.served / might:.0f} %){what}"


def _words(found: Answered) -> str:
    """How many drafts kept to the words that their requests told; "" where none told any."""
    if not found.told:
        return ""
    cut = f", {found.cut:,} {'was' if found.cut == 1 else 'were'} cut" if found.cut else ""
    share = 100 * found.kept / found.told
    return f"{found.kept:,} of {many(found.told, 'draft')} kept to the words that they were told ({share:.0f} %){cut}"


def _document(found: Found) -> dict[str, object]:
    again, results = found.answered, found.hits.results
    return {
        "answers": {
            "asked": again.asked,
            "served": {how: msgspec.structs.asdict(each) for how, each in sorted(again.served.items())},
        },
        "words": {"told": again.told, "kept": again.kept, "cut": again.cut, "unread": again.unread},
        "results_of_tools": {"given": results.given, "asked": results.asked},
        "read_next": {"guessed": found.follows.guessed, "right": found.follows.hits},
    }


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


def rows(found: Found, period: Period | None) -> tuple[Sequence[str], list[Sequence[Value]]]:
    """The rows of the stages, for other programs."""
    return Passed.__struct_fields__, [msgspec.structs.astuple(row) for row in passed(found.stages, period)]
