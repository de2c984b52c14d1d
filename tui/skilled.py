"""What the view of skills looks up: what each was for, where one is missing, and what a skill says."""

from __future__ import annotations

from typing import Protocol

import msgspec

from tui.document import Document
from tui.live import Live
from tui.sheet import Sheet


class SkillsAsked(msgspec.Struct, frozen=True):
    """What a person chose in the view of skills."""

    only_gaps: bool = False


class SkillsLookup(Protocol):
    """Both raise LogError."""

    async def sheet(self, live: Live, now: int, asked: SkillsAsked) -> Sheet:
        """The skills and the gaps as of where the view model stands. The keys of its lines are for `preview`."""
        ...

    async def preview(self, key: str) -> Document:
        """All that a skill tells a model, level by level; or of a gap what it was seen by."""
        ...
