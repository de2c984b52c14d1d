"""How much of a skill is told: its name, its line, its headings, its text, its text with the names of its files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, get_args

import msgspec

from skills.files import File
from skills.skill import Skill

Level = Literal["name", "line", "outline", "body", "resources"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""From the least to the most."""

MOST_CHARACTERS = 300
"""Of a description in the catalogue: public ones have 250 in the middle, and the model may read the rest."""

MOST_FILES = 20
"""Of a skill that are named."""

_HEADING = re.compile(r" {0,3}(#{1,4})[ \t]")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


class Offer(msgspec.Struct, frozen=True):
    """A skill that may be told, and what it costs at each level that there is of it."""

    name: str
    costs: Mapping[Level, int]  # tokens
    top: Level = "resources"


class Part(msgspec.Struct, frozen=True):
    """What is told of a skill."""

    skill: Skill
    level: Level
    text: str
    tokens: int


class Brief(msgspec.Struct, frozen=True):
    """What is told of skills, the best first."""

    parts: tuple[Part, ...] = ()
    left_out: tuple[str, ...] = ()  # the names of those of which nothing is told
    refused: tuple[str, ...] = ()  # why others are not used

    @property
    def loaded(self) -> tuple[Skill, ...]:
        """Those whose text is told."""
        return tuple(part.skill for part in self.parts if part.level in ("body", "resources"))

    @property
    def tokens(self) -> int:
        return sum(part.tokens for part in self.parts)


def choose_levels(offers: Sequence[Offer], budget: int) -> dict[str, tuple[Level, int]]:
    """By the name of each skill of which something can be told its level and what that costs, never more than `budget` together.

    The names of all come first, then their lines, then the most of each, in the order of the offers: a long text takes no line from
    another skill.
    """
    chosen: dict[str, tuple[Level, int]] = {}
    left = budget
    for most in ("name", "line", None):
        for offer in offers:
            before = chosen.get(offer.name)
            spent = before[1] if before else 0
            if found := _highest(offer, most or offer.top, left + spent, before):
                chosen[offer.name] = found
                left += spent - found[1]
    return {offer.name: chosen[offer.name] for offer in offers if offer.name in chosen}


def _highest(offer: Offer, most: Level, room: int, before: tuple[Level, int] | None) -> tuple[Level, int] | None:
    """The highest level up to `most` that has room and is above the one before."""
    low = LEVELS.index(before[0]) + 1 if before else 0
    high = min(LEVELS.index(most), LEVELS.index(offer.top))
    for level in reversed(LEVELS[low : high + 1]):
        if level in offer.costs and offer.costs[level] <= room:
            return level, offer.costs[level]
    return None


def told(skill: Skill) -> Mapping[Level, str]:
    """What the catalogue alone has to tell of a skill."""
    return {"name": f"- {skill.name}", "line": f"- {skill.name}: {shortened(skill.description)}"}


def shortened(description: str) -> str:
    """A description that is cut between two words, and says so."""
    if len(description) <= MOST_CHARACTERS:
        return description
    return f"{description[:MOST_CHARACTERS].rsplit(' ', 1)[0]} …"


def outlined(line: str, body: str) -> str:
    """The catalogue line with the headings of the text below it."""
    return "\n".join([line, *(f"  {heading}" for heading in headings(body))])


def headings(body: str) -> list[str]:
    """The headings of a Markdown text, down to the fourth level; what stands in code is none.

    >>> headings("# A\\n```\\n# no\\n```\\n## B")
    ['# A', '## B']
    """
    return [
        f"{found[1]} {line[found.end() :].strip().rstrip('#').rstrip()}"
        for _, line in code_free_lines(body)
        if (found := _HEADING.match(line))
    ]


def code_free_lines(body: str) -> Iterator[tuple[int, str]]:
    """The lines of a Markdown text with their numbers from 0, without those between fences."""
    fence = ""
    for number, line in enumerate(body.split("\n")):
        opened = _FENCE.match(line)
        if not fence and not opened:
            yield number, line
        elif opened and not fence:
            fence = opened[1]
        elif opened and opened[1].startswith(fence):
            fence = ""


def listed_files(files: Sequence[File]) -> str:
    """A last line that names the files of a skill; empty where there are none."""
    if not files:
        return ""
    named = ", ".join(f"{file.path} ({file.size:,} bytes)" for file in files[:MOST_FILES])
    more = f" and {len(files) - MOST_FILES} more" if len(files) > MOST_FILES else ""
    return f"\n\nFiles of this skill: {named}{more}"
