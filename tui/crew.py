"""Who works now on what, and how much is expected of each: the agents of the first view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from events.views.calls import OpenCall
from tui.feed import Mean
from tui.rows import Row
from tui.sheet import Bar, Column, Line, Sheet, Text
from tui.words import visible

MOST = 40  # that rest and are shown

_COLUMNS = (
    Column("agent", most=13, least=6),
    Column("role", rank=3),
    Column("tier", rank=4),
    Column("model", rank=2, most=18),
    Column("trail", rank=1, least=8),
    Column("mean", right=True),
    Column("works on", most=16),
)
_NOT_KNOWN = Text("-", "faint")


def crew_sheet(calls: Sequence[OpenCall], types: Mapping[str, str], means: Sequence[Mean]) -> Sheet:
    """Those whose calls are open in the order in which these were sent, then those that rest, the best first.

    `types` are those of the tasks by name: with its role a call's task type is the context of its trail. Who judges follows
    from a rule and leaves no trail.
    """
    known = {(each.context, each.agent, each.model): each for each in means}
    lines: list[Line] = []
    busy: set[tuple[str, str, str]] = set()
    for call in calls:
        place = f"{call.role}/{types.get(call.task, '')}", call.agent, call.model
        busy.add(place)
        where = f"{call.task}/{call.step}" if call.step else call.task
        lines.append(_line(f"● {call.agent}", call.role, call.tier, call.model, known.get(place), Text(where)))
    resting = [each for each in means if (each.context, each.agent, each.model) not in busy]
    for each in sorted(resting, key=lambda mean: -mean.mean)[:MOST]:
        role, _, type_ = each.context.partition("/")
        lines.append(_line(f"○ {each.agent}", role, each.tier, each.model, each, Text(f"rests ({type_})", "faint")))
    nobody: Row = [("nobody works, and nobody was chosen yet", "faint")]
    notes = () if lines else (nobody,)
    return Sheet(title="Agents · pheromone", columns=_COLUMNS if lines else (), lines=tuple(lines), notes=notes)


def _line(agent: str, role: str, tier: str, model: str, known: Mean | None, at: Text) -> Line:
    trail = Bar(known.mean) if known is not None else _NOT_KNOWN
    mean = Text(f"{known.mean:.2f}") if known is not None else _NOT_KNOWN
    return Line((Text(visible(agent)), Text(visible(role)), Text(visible(tier)), Text(visible(model)), trail, mean, at))
