"""The headings of a text in Markdown. Pure."""

from __future__ import annotations

import re

SUFFIXES = (".md", ".markdown")

_HEADING = re.compile(r"(?m)^(#{1,6}) .*$")
_CODE_BLOCK = re.compile(r"(?ms)^(```|~~~).*?^\1")


def is_markdown(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def headings(text: str) -> list[tuple[int, int, str]]:
    """Return where each heading begins, its level from 1, and its line; what looks like one in a block of code is none."""
    code = [(block.start(), block.end()) for block in _CODE_BLOCK.finditer(text)]
    found: list[tuple[int, int, str]] = []
    at = 0
    for match in _HEADING.finditer(text):
        while at < len(code) and code[at][1] <= match.start():
            at += 1
        if at == len(code) or match.start() < code[at][0]:
            found.append((match.start(), len(match[1]), match[0]))
    return found
