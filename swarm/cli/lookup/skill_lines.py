"""The lines of the view of skills: each skill with what it took and brought, and where one is missing. Pure but for `here_of`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from skills.library import Library
from skills.skill import Finding
from swarm.cli.output import counted
from swarm.cli.skills_gaps import left_out
from swarm.cli.skills_list import skill_row, state_of
from swarm.cli.skills_stats import difference_told
from swarm.insight.difference import Count
from swarm.insight.gaps import Gap, Gaps
from swarm.insight.skills import Ledger
from tui.rows import Row
from tui.sheet import Column, Line, Sheet, Text
from tui.words import Tone, cut

GAP = "gap "  # begins the key of a gap, and of no skill: there is a blank in it
_DAY_US = 86_400_000_000
_UNUSED_DAYS = 30
_MOST_TAGS = 4
_NAME = 40

_COLUMNS = (
    Column("skill", least=12, most=_NAME),
    Column("tags", rank=7, most=26),
    Column("told", right=True),
    Column("read", right=True, rank=5),
    Column("calls", right=True, rank=6),
    Column("tokens", right=True, rank=3),
    Column("with ✔/✘", right=True),
    Column("without ✔/✘", right=True, rank=4),
    Column("difference", right=True, rank=2),
    Column("state", rank=1, most=72),
)

_GAP_COLUMNS = (
    Column("gap", least=12, most=_NAME),
    Column("of", rank=2),
    Column("times", right=True),
    Column("failed", right=True, rank=1),
    Column("rejected", right=True, rank=1),
    Column("such as", rank=3),
)


class Here(msgspec.Struct, frozen=True):
    """The skills that lie here: by name what `swarm skills list` says of those that hold, and what is wrong with others."""

    library: Library
    rows: Mapping[str, Mapping[str, Any]]
    broken: Sequence[Finding]


def here_of(library: Library) -> Here:
    """Reads all files of the skills that need trust."""
    rows: dict[str, Mapping[str, Any]] = {}
    for each in library.found:
        row = skill_row(each, state_of(each, library))
        if each.skill.name not in rows or not row["state"]:
            rows[each.skill.name] = row
    return Here(library, rows, [each for each in library.warnings if each.is_error])


def skills_sheet(rows: Sequence[Ledger], here: Here, found: Gaps, now: int, *, only_gaps: bool) -> Sheet:
    """All as a sheet; `now` is the moment from which it is said how long a skill was not used."""
    if only_gaps:
        return _gaps_sheet(found)
    gaps = [_gap_line(gap) for gap in found.gaps]
    ledgers = {row.name: row for row in rows}
    waiting = [name for name in here.rows if name not in ledgers]
    lines = [_skill_line(row, here.rows.get(row.name), now) for row in rows]
    lines += [_skill_line(Ledger(name=name), here.rows[name], now) for name in waiting]
    lines += [_broken_line(each) for each in here.broken]
    notes = _notes(lines, gaps)
    title = f"Skills {len(rows) + len(waiting)} · {_gaps_counted(gaps)}"
    return Sheet(title=title, columns=_COLUMNS, lines=(*lines, *gaps), notes=notes)


def _gaps_sheet(found: Gaps) -> Sheet:
    said = [_faint(each) for each in left_out(found)]
    if not found.gaps:
        said.insert(
            0, _faint("no gap is seen: no tasks with tools of a kind went without a skill, and no fault came twice")
        )
    lines = tuple(_only_gap_line(gap) for gap in found.gaps)
    return Sheet(title=f"Skills · {_gaps_counted(lines)} alone", columns=_GAP_COLUMNS, lines=lines, notes=tuple(said))


def _gaps_counted(gaps: Sequence[Line]) -> str:
    return counted(len(gaps), "gap")


def _notes(lines: Sequence[Line], gaps: Sequence[Line]) -> tuple[Row, ...]:
    if not lines and not gaps:
        return (_faint("there are no skills here, and none was used; `swarm skills new NAME` writes one"),)
    return (
        [],
        _faint("with and without: first drafts of like work that passed and did not; a skill is not told at random"),
    )


def _faint(text: str) -> Row:
    return [(text, "faint")]


def _skill_line(row: Ledger, listed: Mapping[str, Any] | None, now: int) -> Line:
    tags: list[str] = listed["tags"] if listed is not None else []
    shown = " ".join(tags[:_MOST_TAGS]) + (f" +{len(tags) - _MOST_TAGS}" if len(tags) > _MOST_TAGS else "")
    state, tone = state_told(row, str(listed["state"]) if listed is not None else "", now)
    is_used = bool(row.uses)
    cells = (
        Text(cut(row.name, _NAME)),
        Text(cut(shown, 60) or "-", "faint"),
        _number(row.loads, is_used),
        _number(row.reads, is_used),
        _number(row.calls, is_used),
        _number(row.tokens, is_used),
        Text(_verdicts(row.passed)),
        Text(_verdicts(row.without) if is_used else "-", "faint"),
        Text(difference_told(row.gain) if row.gain is not None else "-"),
        Text(state, tone),
    )
    return Line(cells, key=row.name if listed is not None else "")


def state_told(row: Ledger, listed: str, now: int) -> tuple[str, Tone]:
    """Whether a skill can be used, and whether it is worth to be kept; `listed` is what `swarm skills list` says of it."""
    if listed:
        return cut(listed, 80), "warn"
    if not row.here:
        return "not here any more", "faint"
    days = (now - row.last) // _DAY_US if row.last else 0
    if row.uses and row.suggests:
        return row.suggests, "warn"
    if days >= _UNUSED_DAYS:
        return f"unused {days} d → deprecate?", "warn"
    return ("ok", "good") if row.uses else ("never used", "faint")


def _broken_line(finding: Finding) -> Line:
    name = finding.path.rsplit("/", 2)[-2] if finding.path.count("/") > 1 else finding.path
    blank = (Text("-", "faint"),) * (len(_COLUMNS) - 2)
    return Line((Text(cut(name, _NAME)), *blank, Text(cut(f"broken: {finding.message}", 120), "bad")))


def _gap_line(gap: Gap) -> Line:
    cells = [Text("")] * len(_COLUMNS)
    cells[0] = Text(cut(_gap_name(gap), _NAME), "busy")
    cells[-1] = Text(missed_told(gap), "warn")
    return Line(tuple(cells), key=f"{GAP}{gap.number}")


def _only_gap_line(gap: Gap) -> Line:
    cells = (
        Text(cut(_gap_name(gap), _NAME), "busy"),
        Text("tasks that none fitted" if gap.kind == "tasks" else "drafts with this fault"),
        Text(f"{len(gap.cases):,}"),
        Text(f"{gap.failed:,}", "bad" if gap.failed else "faint"),
        Text(f"{gap.rejected:,}", "" if gap.rejected else "faint"),
        Text(cut(" ".join(gap.examples), 60), "faint"),
    )
    return Line(cells, key=f"{GAP}{gap.number}")


def _gap_name(gap: Gap) -> str:
    return f"(gap) {', '.join(gap.words) or gap.cases[0].text}"


def missed_told(gap: Gap) -> str:
    """How often a skill was missed."""
    missed = f"missed {counted(len(gap.cases), 'time')}"
    if gap.kind == "faults":
        return f"{missed}: drafts with the same fault"
    more = [f"{gap.failed:,} failed"] * bool(gap.failed) + [f"{gap.rejected:,} rejected"] * bool(gap.rejected)
    return ", ".join([f"{missed}: tasks that none fitted", *more])


def _number(number: int, is_used: bool) -> Text:
    return Text(f"{number:,}" if is_used else "-", "" if number else "faint")


def _verdicts(count: Count) -> str:
    return f"{count.passed:,}/{count.failed:,}" if count.total else "-"
