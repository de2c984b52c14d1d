"""A prompt as modules: the sections of a Markdown text, and what each says of when it holds. Pure.

A section is a module. One that is too large is divided at its headings, and so is one in which a part says when it holds.

    ## Migrations
    <!-- when: tags sql, data; paths *.sql -->
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from posixpath import basename
from typing import NamedTuple

import msgspec

from skills.levels import code_free_lines
from swarm.agents.profile import TAG
from swarm.text.tokens import quick_tokens
from swarm.toolnames import is_known, means
from swarm.units import shortened

MOST_TOKENS = 600
"""Of a module; a larger section is divided where it has headings."""

MOST_TITLE = 80
"""Characters of a heading by which a module is called."""

KINDS = ("tags", "types", "tools", "paths")
"""What a condition may speak of."""

WHEN_RULE = (
    "write `<!-- when: always -->`, or name of what one has to be there: `<!-- when: tags sql, data; paths *.sql -->`"
)

HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)")
"""A line that begins a section: its level in signs, and its title."""

_WHEN = re.compile(r"[ \t]*<!--[ \t]*when[ \t]*:(.*)", re.IGNORECASE)
_RULE = re.compile(r"\b(?:never|always|must|mustn't|forbidden|prohibited|mandatory|do not|don't)\b", re.IGNORECASE)


class When(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a module holds: always, or where one of these does. Without any of them it never does."""

    always: bool = False
    tags: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()  # globs; one without `/` is matched with the names of files

    @property
    def said(self) -> str:
        """As it is written."""
        given = ((kind, getattr(self, kind)) for kind in KINDS)
        return "always" if self.always else "; ".join(f"{kind} {', '.join(names)}" for kind, names in given if names)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a task that a condition may speak of."""

    tags: tuple[str, ...] = ()
    type: str = ""
    tools: tuple[str, ...] = ()  # the words of a task file
    paths: tuple[str, ...] = ()


class Module(NamedTuple):
    """A part of a prompt that is given whole, or left out."""

    title: str  # with those of the sections that it stands in; "": what stands before the first heading
    text: str
    tokens: int  # by a quick count
    rules: float  # the share of its lines that forbid or demand something, 0 to 1
    when: When | None  # its own, or else that of the section that it stands in
    under: int  # the number of the module with the heading of the section that it stands in; -1: of none
    is_head: bool  # it says who is spoken to, and what all of it is


class Trouble(NamedTuple):
    """What is wrong with a prompt, in which line from 1."""

    line: int
    message: str
    hint: str


class BadWhen(ValueError):
    """A condition that cannot be read; `hint` says what to write."""

    def __init__(self, message: str, hint: str = WHEN_RULE) -> None:
        self.hint = hint
        super().__init__(message)


class _Section(NamedTuple):
    """A heading with what stands below it, up to `end`; its own lines end at `own`."""

    level: int
    title: str
    start: int
    own: int
    end: int
    inside: Sequence[_Section]


def holds(when: When, facts: Facts) -> str:
    """What of a condition holds for a task, as it is told; "" where nothing of it does.

    >>> holds(When(tags=("sql",), paths=("*.sql",)), Facts(paths=("db/schema.sql",)))
    'path *.sql'
    """
    if when.always:
        return "always"
    for name in when.tags:
        if name in facts.tags:
            return f"tag {name}"
    for name in when.types:
        if name == facts.type:
            return f"type {name}"
    for name in when.tools:
        if means(facts.tools, name):
            return f"tool {name}"
    return next((f"path {glob}" for glob in when.paths if any(_is_at(path, glob) for path in facts.paths)), "")


def _is_at(path: str, glob: str) -> bool:
    return fnmatchcase(path, glob) or ("/" not in glob and fnmatchcase(basename(path), glob))


def parse_when(written: str) -> When:
    """Read what stands behind `when:`. Raises BadWhen.

    >>> parse_when("tags sql, data; paths *.sql")
    When(tags=('sql', 'data'), paths=('*.sql',))
    """
    if written.strip() == "always":
        return When(always=True)
    found: dict[str, tuple[str, ...]] = {}  # by kind
    for part in written.split(";"):
        kind, _, rest = part.strip().partition(" ")
        kind = kind.removesuffix(":")
        names = tuple(dict.fromkeys(name.strip() for name in rest.split(",")))
        if kind not in KINDS:
            raise BadWhen(
                f"{shortened(kind)} in a 'when' is none of always, {', '.join(KINDS)}" if kind else "a 'when' is empty"
            )
        if kind in found:
            raise BadWhen(f"{kind!r} stands twice in a 'when'", "put all of them behind one, with commas between them")
        for name in names:
            _check(kind, name)
        found[kind] = names
    return msgspec.convert(found, When)


def _check(kind: str, name: str) -> None:
    if not name:
        raise BadWhen(f"{kind!r} in a 'when' names nothing, or a comma stands alone")
    if kind in ("tags", "types") and not re.fullmatch(TAG, name):
        raise BadWhen(
            f"{shortened(name)} in a 'when' is no tag", "a tag is one word of a-z, 0-9, '_', '.', '+' and '-'"
        )
    if kind == "tools" and not is_known(name):
        raise BadWhen(f"{shortened(name)} in a 'when' is no tool here", "`swarm plan --tools FILE` lists them")
    if any(sign.isspace() for sign in name):
        raise BadWhen(f"{shortened(name)} in a 'when' are several words", "put a comma between two names")


def is_when(line: str) -> bool:
    """Whether a line is meant to be a condition."""
    return _WHEN.match(line) is not None


def troubles_of(text: str) -> list[Trouble]:
    """What is wrong with the conditions of a prompt, in the order of its lines."""
    found: list[Trouble] = []
    lines = text.split("\n")
    places = {_when_line(lines, section) for section in _all(_sections(text))}
    for number, line in code_free_lines(text):
        if (match := _WHEN.match(line)) is None:
            continue
        if number not in places:
            hint = "write it on the line below the heading of its section"
            found.append(Trouble(number + 1, "a 'when' stands under no heading", hint))
            continue
        try:
            parse_when(_written(match))
        except BadWhen as error:
            found.append(Trouble(number + 1, str(error), error.hint))
    return found


def _written(match: re.Match[str]) -> str:
    inner, end, rest = match[1].partition("-->")
    if not end or rest.strip():
        raise BadWhen("a 'when' is not a comment on a line of its own")
    return inner


@lru_cache(maxsize=64)
def modules_of(text: str, divided: int = MOST_TOKENS) -> tuple[Module, ...]:
    """The modules of a prompt in their order; joined they are the text, but for blank lines and for conditions.

    A section of more than `divided` tokens is divided at its headings. A condition that cannot be read is none: `troubles_of` says what is wrong with it.
    """
    lines = text.split("\n")
    sections = _sections(text)
    first = sections[0].start if sections else len(lines)
    found: list[Module] = []
    if any(line.strip() for line in lines[:first]):
        found.append(_module("", lines[:first], None, -1, is_head=True))
    for section in sections:
        title = not found and bool(section.inside)
        _divide(lines, section, found, under=-1, when=None, is_title=title, most=divided)
    return tuple(found)


def _divide(
    lines: Sequence[str],
    section: _Section,
    found: list[Module],
    *,
    under: int,
    when: When | None,
    is_title: bool,
    most: int,
) -> None:
    at = _when_line(lines, section)
    own = _when_at(lines, at)
    when = own or when
    above = found[under].title if under >= 0 and not found[under].is_head else ""
    title = f"{above} > {section.title}" if above else section.title
    said = [line for number, line in enumerate(lines[section.start : section.end], section.start) if number != at]
    large = quick_tokens("\n".join(said)) > most
    parted = [one for one in _all(section.inside) if _when_line(lines, one) is not None]
    if not section.inside or not (large or parted):
        found.append(_module(title, said, when, under))
        return
    mine = said[: section.own - section.start - (at is not None)]
    found.append(_module(title, mine, when, under, is_head=is_title and when is None))
    number = len(found) - 1
    for one in section.inside:
        _divide(lines, one, found, under=number, when=when, is_title=False, most=most)


def _module(title: str, lines: Sequence[str], when: When | None, under: int, *, is_head: bool = False) -> Module:
    text = "\n".join(lines).strip("\n") + "\n\n"
    said = [line for line in lines if line.strip()]
    rules = sum(_RULE.search(line) is not None for line in said) / max(1, len(said))
    return Module(title, text, quick_tokens(text), rules, when, under, is_head)


def _when_line(lines: Sequence[str], section: _Section) -> int | None:
    """The line of a section's condition: the first below its heading that is not blank."""
    for number in range(section.start + 1, section.own):
        if lines[number].strip():
            return number if _WHEN.match(lines[number]) else None
    return None


def _when_at(lines: Sequence[str], at: int | None) -> When | None:
    match = _WHEN.match(lines[at]) if at is not None else None
    if match is None:
        return None
    try:
        return parse_when(_written(match))
    except BadWhen:
        return None


def _sections(text: str) -> Sequence[_Section]:
    """The sections of a text by their nesting."""
    headings = [
        (number, len(match[1]), match[2].strip().rstrip("#").rstrip()[:MOST_TITLE])
        for number, line in code_free_lines(text)
        if (match := HEADING.match(line))
    ]
    return _nested(headings, text.count("\n") + 1)


def _nested(headings: Sequence[tuple[int, int, str]], end: int) -> Sequence[_Section]:
    found: list[_Section] = []
    at = 0
    while at < len(headings):
        start, level, title = headings[at]
        past = next((number for number in range(at + 1, len(headings)) if headings[number][1] <= level), len(headings))
        last = headings[past][0] if past < len(headings) else end
        own = headings[at + 1][0] if at + 1 < past else last
        found.append(_Section(level, title or "untitled", start, own, last, _nested(headings[at + 1 : past], last)))
        at = past
    return found


def _all(sections: Sequence[_Section]) -> Iterator[_Section]:
    for section in sections:
        yield section
        yield from _all(section.inside)
