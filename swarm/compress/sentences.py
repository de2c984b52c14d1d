"""A text as titles, paragraphs and sentences, each by its place in it. The same for every language, as far as stops and capitals go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

LONGEST = 400
"""Characters of a sentence; what is longer, as a text without stops, is several."""

_WRAPPED = 50  # characters from which on a line may go on in the next
_TITLE_CHARS, _TITLE_WORDS = 90, 14
_SHARE = 0.6  # of the line below, which a title is shorter than; lines of one sentence are of about the same length
_NONE = (0, 0)
_CLOSING, _STOPS = "\"'”’)]*_", ".!?;,。"  # noqa: RUF001 - quotes of people, not of programs

_HEADING = re.compile(r"#{1,6} +\S|(?:Document )?\[\d+\] ?\(Title: [^\n]+?\)|Title: ")
_LABELLED = re.compile(
    r"(?:Document )?\[\d+\] ?\(Title: [^\n]+?\)"
)  # as data sets of questions have it, the text behind it
_ITEM = re.compile(r"\s*(?:[-*+•|>]|\d{1,3}[.)]|[A-Za-z_][\w.-]*\s*[:=])\s")
_UNDERLINE = re.compile(r"(?:={3,}|-{3,})[ \t]*(?:\n|\Z)")
_STOP = re.compile(
    r"""[.!?…]["'”’)\]*_]*(?=\s+["'“‘(\[*_]*[^\W_a-zß-öø-ÿ])|[。！？]["”』」）]*|\n"""  # noqa: RUF001 - stops of other scripts
)
_SHORT_FORM = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|mt|sr|jr|vs|no|vol|fig|sec|ch|pp|approx|inc|ltd|co|corp|gen|lt|col|capt|sgt|rev|hon|gov|sen|rep"
    r"|e\.g|i\.e|cf|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec)|\b[A-Z](?:\.[A-Z])*)\.\Z",
    re.IGNORECASE,
)


class Sentence(NamedTuple):
    """A sentence, an item of a list, or a piece of a long one."""

    start: int
    end: int
    paragraph: int
    leads: bool  # its paragraph begins with it


class Paragraph(NamedTuple):
    """Sentences that stand together, and the title over them; an empty place where they have none."""

    start: int
    end: int
    title: tuple[int, int]


class Divided(NamedTuple):
    """A text divided."""

    paragraphs: list[Paragraph]
    sentences: list[Sentence]


def divided(text: str) -> Divided:
    """Divide a text. Outside of its sentences and titles stand spaces, and the marks of titles."""
    found = Divided([], [])
    for paragraph in _paragraphs(text):
        number = len(found.paragraphs)
        spans = list(_sentences(text, paragraph.start, paragraph.end))
        if spans:
            found.paragraphs.append(paragraph)
            found.sentences.extend(Sentence(*span, number, span is spans[0]) for span in spans)
    return found


def _paragraphs(text: str) -> Iterator[Paragraph]:
    blocks = _blocks(text)
    title, lasts = _NONE, False
    for (start, end), after in zip_longest(blocks, blocks[1:]):
        over = _title_of(text, start, end, leads_on=after is not None and not _is_line_of_its_own(text, *after))
        if over and over[2] >= end and (after is None or _HEADING.match(text, *after)):
            yield Paragraph(start, end, _NONE)  # nothing is under it
            continue
        if over:
            title, lasts, start = over
        if start < end:
            yield Paragraph(start, end, title)
            title = title if lasts else _NONE


def _blocks(text: str) -> list[tuple[int, int]]:
    """Lines that hold something, up to the next empty one."""
    found: list[tuple[int, int]] = []
    start = 0
    for line in text.split("\n"):
        end = min(start + len(line) + 1, len(text))
        if line.strip():
            begins = found.pop()[0] if found and found[-1][1] == start else start
            found.append((begins, end))
        start = end
    return found


def _title_of(text: str, start: int, end: int, *, leads_on: bool) -> tuple[tuple[int, int], bool, int] | None:
    """Where the title stands with which a block begins, whether it is over more than this block, and where the rest begins."""
    behind = text.find("\n", start, end) + 1 or end
    if labelled := _LABELLED.match(text, start, end):
        return labelled.span(), False, _bare(text, labelled.end(), end)[0]
    if _HEADING.match(text, start, end):
        return _bare(text, start, behind), True, behind
    if _is_line_of_its_own(text, start, end):
        return (_bare(text, start, end), True, end) if leads_on else None
    underlined = _UNDERLINE.match(text, behind, end)
    if underlined or (_may_title(text[start:behind]) and _is_over(text, start, behind, end)):
        return _bare(text, start, behind), bool(underlined), underlined.end() if underlined else behind
    return None


def _is_line_of_its_own(text: str, start: int, end: int) -> bool:
    return start < end and text.find("\n", start, end - 1) < 0 and _may_title(text[start:end])


def _may_title(line: str) -> bool:
    """Whether a line could stand over others: it is short, no item, and no sentence."""
    bare = line.strip()
    if not bare or len(bare) > _TITLE_CHARS or _ITEM.match(line) or len(bare.split()) > _TITLE_WORDS:
        return False
    return bare.rstrip(_CLOSING)[-1:] not in _STOPS and any(letter.isalpha() for letter in bare)


def _is_over(text: str, start: int, behind: int, end: int) -> bool:
    """Whether the first line is a title over the others, not the same sentence in lines of about the same length."""
    others = [line for line in text[behind:end].split("\n") if line.strip()]
    if not others:
        return False
    share = _SHARE / 2 if others[0].lstrip()[0].islower() else _SHARE
    return behind - start < share * max(map(len, others))


def _bare(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[end - 1].isspace():
        end -= 1
    while start < end and text[start].isspace():
        start += 1
    return start, end


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    begun = start
    for stop in _STOP.finditer(text, start, end):
        if _ends(text, begun, stop):
            yield from _pieces(text, begun, stop.end())
            begun = stop.end()
    yield from _pieces(text, begun, end)


def _ends(text: str, begun: int, stop: re.Match[str]) -> bool:
    if stop.group() == "\n":
        line = stop.start() - max(begun, text.rfind("\n", begun, stop.start()) + 1)
        return line < _WRAPPED or _ITEM.match(text, stop.end()) is not None
    return stop.group()[0] != "." or not _SHORT_FORM.search(text[max(begun, stop.start() - 12) : stop.start() + 1])


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    start, end = _bare(text, start, end)
    while end - start > LONGEST:
        at = max(text.rfind(sign, start + LONGEST // 2, start + LONGEST) for sign in ("; ", ", ", " ", "\n"))
        at = at + 1 if at > start else start + LONGEST
        yield _bare(text, start, at)
        start = _bare(text, at, end)[0]
    if start < end:
        yield start, end
