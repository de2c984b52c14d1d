"""What a skill is to the rest of the program: its line in the catalogue, and where the rest of it lies."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from skills.words import spoken_words, telling_words

Origin = Literal["project", "user", "shipped"]
"""Whose folder it lies in. What a project brings along wants a person's trust."""

FILE = "SKILL.md"


class Place(msgspec.Struct, frozen=True):
    """A folder in which skills may lie."""

    path: Path
    origin: Origin


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, or only odd, in a file. Lines and columns count from 1; line 0 is the file as a whole."""

    path: str
    message: str
    hint: str = ""
    line: int = 0
    column: int = 1
    is_error: bool = False

    def show(self) -> str:
        """Write it for people: `warning: path:line:column: message`, the hint below."""
        at = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        said = f"{'error' if self.is_error else 'warning'}: {at}: {self.message}"
        return f"{said}\n  {self.hint}" if self.hint else said


class Skill(msgspec.Struct, frozen=True, kw_only=True):
    """A skill as the catalogue has it. Its body and its other files are read when they are needed."""

    name: str
    description: str  # on one line
    folder: str  # where it lies, every symlink followed
    origin: Origin
    digest: str  # SHA-256 of the front matter as it stands in the file
    head_bytes: int  # of the front matter
    body_bytes: int
    own_tags: tuple[str, ...] = ()  # as `metadata.tags` has them
    allowed_tools: tuple[str, ...] | None = None  # as the skill names them; None where it does not
    license: str = ""
    compatibility: str = ""

    @property
    def path(self) -> Path:
        """Its SKILL.md."""
        return Path(self.folder, FILE)

    @property
    def tags(self) -> tuple[str, ...]:
        """Its own tags, then those that its name and its description are good for; nothing twice."""
        derived = (*spoken_words(self.name).values(), *telling_words(self.description))
        return tuple(dict.fromkeys((*self.own_tags, *derived)))
