"""What the view of skills shows: the tables of `swarm skills stats`, `list` and `gaps` as of a place in the log."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from events.log import EventLog
from events.views.base import begin
from events.views.gaps import GapsView
from events.views.kept import fold_kept
from events.views.skills import SKILLS, SkillsView
from skills.levels import LEVELS
from skills.library import Library
from skills.lock import SkillError
from swarm.cli.lookup.folded import Folded
from swarm.cli.lookup.skill_lines import GAP, Here, here_of, skills_sheet
from swarm.cli.skills_show import holding, looked_at
from swarm.errors import UsageError
from swarm.insight.gaps import Gap, Gaps, find_gaps
from swarm.insight.skills import ledgers
from swarm.library import about_tokens, library_here, ranked
from tui.document import Document, Part, Rows, prose
from tui.live import Live
from tui.rows import Row
from tui.sheet import Sheet
from tui.skilled import SkillsAsked
from tui.words import visible

_MOST_CASES = 20  # of a gap, that are told


class SkillsReading:
    """Looks the sheet up. What lies in the folders is looked at as it is now, wherever in the log is looked from."""

    def __init__(self, log: EventLog, root: Path) -> None:
        self._log, self._root = log, root
        self._wanted = 0
        self._used = Folded(log, self._begin_skills)
        self._undone = Folded(log, _begin_gaps)
        self._gaps: tuple[object, Gaps] | None = None  # and of what they are

    async def sheet(self, live: Live, now: int, asked: SkillsAsked) -> Sheet:
        """Raises LogError."""
        position = self._wanted = live.position
        try:
            here = await asyncio.to_thread(self._look_here)
        except UsageError as trouble:
            return Sheet(title="Skills", notes=([(f"✘ {visible(str(trouble))}", "bad")],))
        view = await self._used.at(position)
        rows = ledgers(view, {skill.name for skill in here.library.skills}, None)
        found = await self._gaps_at(position, here.library)
        return skills_sheet(rows, here, found, now, only_gaps=asked.only_gaps)

    async def preview(self, key: str) -> Document:
        """What a skill tells, level by level, or what a gap was seen by."""
        if key.startswith(GAP):
            found = self._gaps[1].gaps if self._gaps is not None else ()
            gap = next((each for each in found if f"{GAP}{each.number}" == key), None)
            return _gap_told(gap) if gap is not None else Document((prose("this gap is not seen any more"),))
        try:
            return await asyncio.to_thread(self._skill_told, key)
        except (SkillError, UsageError) as trouble:
            return Document((prose(f"✘ {trouble}", tone="bad"),))

    def _look_here(self) -> Here:
        return here_of(library_here(self._root, os.environ))

    def _skill_told(self, name: str) -> Document:
        """Raises SkillError, UsageError."""
        library = library_here(self._root, os.environ)
        skill = holding(name, library).skill
        shown = looked_at(library, skill)
        texts, parts = shown.texts(skill), list[Part]()
        for level in LEVELS[1:]:  # the line begins with the name
            tokens, text = about_tokens(texts[level]), texts[level]
            if level == "resources":
                text = text.removeprefix(texts["body"]).strip() or "no other files"
            head: Row = [(f"{level} ", "busy"), (f"about {tokens:,} token{'' if tokens == 1 else 's'}", "faint")]
            parts += [Rows([[], head] if parts else [head], mark=level), prose(text, gutter=("│ ", "faint"))]
        return Document(tuple(parts))

    async def _begin_skills(self, log: EventLog) -> tuple[SkillsView, int]:
        start = await fold_kept(log, SKILLS, until=self._wanted)
        return start.view, start.position

    async def _gaps_at(self, position: int, library: Library) -> Gaps:
        """Looked for again only where the work or the skills have changed."""

        def fits(text: str, tags: Sequence[str]) -> bool:
            return bool(library.match(text, rank=ranked, tags=tags, most=1).fitting)

        view = await self._undone.at(position)
        of = _state_of(view, library)
        if self._gaps is None or self._gaps[0] != of:
            self._gaps = of, await find_gaps(self._log, view, within=lambda _: True, fits=fits)
        return self._gaps[1]


async def _begin_gaps(log: EventLog) -> tuple[GapsView, int]:
    return await begin(log, GapsView())


def _state_of(view: GapsView, library: Library) -> object:
    """What gaps depend on, as far as it can change."""
    tasks = hash(
        tuple((done.worked, done.tools, done.skills, done.ended, done.rejected) for done in view.tasks.values())
    )
    return tasks, len(view.refused), tuple((skill.name, skill.description, skill.tags) for skill in library.skills)


def _gap_told(gap: Gap) -> Document:
    """The cases of a gap, those that are like most others first."""
    head = (
        f"`swarm skills gaps --draft {gap.number} NAME` has a skill written for it; nothing is kept before you say yes"
    )
    parts: list[Part] = [prose(head, tone="faint")]
    for case in gap.cases[:_MOST_CASES]:
        more = f"  {case.rejected:,} rejected" * bool(case.rejected) + "  failed" * case.failed
        parts.append(Rows([[], [(visible(case.task), "busy"), (more, "bad")]], mark=case.task))
        parts.append(prose(case.text, gutter=("│ ", "faint")))
    if (left := len(gap.cases) - _MOST_CASES) > 0:
        parts.append(Rows([[], [(f"and {left:,} more", "faint")]]))
    return Document(tuple(parts))
