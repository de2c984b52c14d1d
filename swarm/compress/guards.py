"""What of a question must not be lost: its numbers, names, and what it quotes or spells out."""

from __future__ import annotations

import re
from collections.abc import Iterator

_GUARDED = re.compile(
    r"`(?P<code>[^`\n]+)`|\"(?P<quoted>[^\"\n]{2,60})\"|“(?P<curly>[^”\n]{2,60})”"
    r"|(?P<path>(?<![\w.~-])[\w.~-]*/[\w./~-]+\w)"
    r"|(?P<name>(?<!\w)\w+(?:_\w+)+|(?<![a-z])[a-z]+[A-Z]\w*|(?<!\w)\w+(?:\.\w+)+(?=\b|\())"
    r"|(?P<number>\b\d[\d.,:]*\d\b|\b\d\b)|(?<=[\w,] )(?P<capital>[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*)"  # noqa: RUF001
)
_MOST, _MOST_CHARS = 12, 4_000


def guarded(sought: str) -> list[str]:
    """Return numbers, names, paths and quoted passages of a question in their order, each once, a dozen at the most."""
    found = (match.group(match.lastgroup or 0) for match in _GUARDED.finditer(sought[:_MOST_CHARS]))
    return list(dict.fromkeys(item for item in found if item.strip()))[:_MOST]


def specifics(text: str) -> list[str]:
    """Return the same of any text, without what is only written with a capital letter, as each name of a person is."""
    found = (match for match in _GUARDED.finditer(text) if match.lastgroup != "capital")
    return list(dict.fromkeys(match.group(match.lastgroup or 0) for match in found))


def guarded_spans(text: str) -> Iterator[tuple[int, int]]:
    """Return where numbers, names, paths and quoted passages stand in a text, in their order."""
    return (match.span() for match in _GUARDED.finditer(text))


def stands_in(item: str, text: str) -> bool:
    """Whether a text holds the item, in capitals or not, and not as a part of a longer word or number."""
    at = text.find(item)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(item) : at + len(item) + 1]
        if not (_joins(before) and _joins(item[0])) and not (_joins(after) and _joins(item[-1])):
            return True
        at = text.find(item, at + 1)
    return False


def _joins(letter: str) -> bool:
    return letter.isalnum() or letter == "_"
