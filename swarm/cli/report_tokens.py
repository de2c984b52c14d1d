"""`swarm report tokens`: what passed each stage, and what requests had less by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from events.log import EventLog
from events.views.follows import FollowsView, follows
from events.views.hits import Hits, HitsView, hits
from events.views.stages import StagesView
from swarm.cache.prefetch import guessed_said
from swarm.cli.report import of_period, stages_view
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


class Read(msgspec.Struct, frozen=True):
    """What the log says of stages, and of what was given again."""

    stages: StagesView
    hits: HitsView
    follows: FollowsView


async def read(log: EventLog) -> Read:
    """Raises LogError where the log cannot be read."""
    return Read(await stages_view(log), (await hits(log)).view, (await follows(log)).view)


def tell(found: Read, period: Period | None, output: Output) -> None:
    rows = passed(found.stages, period)
    if output.json:
        document: dict[str, Any] = {
            **of_period(period),
            "basis": BASIS,
            "stages": [msgspec.structs.asdict(row) for row in rows],
        }
        document["given_again"] = {
            **{name: {"given": each.given, "asked": each.asked} for name, each in _hits(found.hits).items()},
            "read next": {"guessed": found.follows.guessed, "right": found.follows.hits},
        }
        output.document("swarm.report.tokens/1", document)
        return
    if period is not None:
        output.note(f"{period.label} ({period.first} to {period.last})", "dim")
    if not rows:
        output.line("no text passed a stage; `tokens.preset` in your settings says which there are")
        _tell_hits(found, output)
        return
    output.table(("STAGE", "", "TEXTS", "TOKENS", "TO", "SAVED", "MONEY"), [_cells(row) for row in rows])
    used = [row for row in rows if row.how == "used"]
    if used:
        output.line()
        saved, nanos = sum(row.saved for row in used), sum(row.saved_nanos for row in used)
        output.line(f"{saved:,} tokens saved, about {dollars(nanos)}")
    _tell_hits(found, output)
    output.note(BASIS)


def _hits(view: HitsView) -> dict[str, Hits]:
    return {"answers": view.answers, "results of tools": view.results}


def _tell_hits(found: Read, output: Output) -> None:
    """How often something was given again, in all that the log holds."""
    for name, each in _hits(found.hits).items():
        if each.given and each.rate is not None:
            output.line(
                f"{name} given again: {each.given:,} of {each.given + each.asked:,} that were looked for, "
                f"{100 * each.rate:.0f} % (of all that the log holds; `swarm cache`)"
            )
    if said := guessed_said(found.follows):
        output.line(said)


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
