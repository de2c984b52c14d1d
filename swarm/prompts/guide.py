"""What a worker is told of skills: the texts of those that fit its task, lines for others; and less of it, the best first. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from swarm.text.tokens import quick_tokens

if TYPE_CHECKING:
    from swarm.prompts.modules import Query

OTHERS = "Other skills, which read_skill reads:"

LISTED = 2
"""Skills that are told in a line: who wants another looks for it."""

LINE_CHARS = 100
"""Of what a skill is for, where it is told in short: what it does. When it is for, the rest of most descriptions, is why it is listed."""

SECTION_TOKENS = 150
"""From which on a section of a skill is divided at its headings: its text has 700 tokens, most of them in two or three sections."""

_FIRST = re.compile(r"(.*?)(?:[.;:](?:\s|$)| [-\u2013\u2014] |$)", re.DOTALL)
_HEADING = re.compile(r"# Skill: [^\n]*\n+")


class GuidePart(msgspec.Struct, frozen=True):
    """A skill of which something is told, the best first."""

    name: str
    description: str
    text: str  # as it is told
    is_body: bool  # that is its text, else no more than a line and perhaps headings


def guide_text(parts: Sequence[GuidePart], *, lists: bool) -> str:
    """What is told of the skills: the texts, and with `lists` behind them lines for those whose text is not told."""
    texts = [part.text for part in parts if part.is_body]
    lines = [part.text for part in parts if not part.is_body] if lists else []
    return "\n\n".join([*texts, "\n".join([OTHERS, *lines])] if lines else texts)


def guide_in_short(parts: Sequence[GuidePart], query: Query, room: int) -> tuple[GuidePart, ...]:
    """The same in about `room` tokens: of the skill that fits best the sections that fit the task, of each other one a line.

    What a skill begins with, and its first section, which says how the work is done, are given whatever room there is.
    """
    best = next((part for part in parts if part.is_body), None)
    others = _in_lines([part for part in parts if part is not best])
    if best is None:
        return tuple(others)
    left = room - sum(quick_tokens(f"{part.text}\n") for part in others)
    return (msgspec.structs.replace(best, text=_sections(best, query, left)), *others)


def _sections(part: GuidePart, query: Query, room: int) -> str:
    from swarm.prompts.modules import chosen  # only where a skill is told in short

    heading = _HEADING.match(part.text)
    body = part.text[heading.end() :] if heading else part.text
    found = chosen(body, query, max(1, room), divided=SECTION_TOKENS, begins=True)
    note = f" (read_skill gives all of {part.name})" if found.text != body else ""
    return f"{heading[0] if heading else ''}{found.text}{note}"


def _in_lines(others: Sequence[GuidePart]) -> list[GuidePart]:
    """A line for each of those that fit best, and one that says how the others are found."""
    listed = [_in_a_line(part) for part in others[:LISTED]]
    if more := len(others) - len(listed):
        listed.append(GuidePart(name="", description="", text=f"- {more} more, which find_skill finds", is_body=False))
    return listed


def _in_a_line(part: GuidePart) -> GuidePart:
    match = _FIRST.match(part.description.strip())
    said = match[1].strip() if match else ""
    if len(said) > LINE_CHARS:
        said = f"{said[:LINE_CHARS].rsplit(' ', 1)[0]} …"
    return msgspec.structs.replace(part, text=f"- {part.name}: {said}", is_body=False)
