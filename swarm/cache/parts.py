"""A question in its parts: words, and what is kept as it stands: code, quotes, paths, flags, names of things, numbers."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

Kind = Literal["word", "code", "number", "other"]
WORD: Kind = "word"
CODE: Kind = "code"
NUMBER: Kind = "number"
OTHER: Kind = "other"

_PARTS = re.compile(
    r"""
      (?P<code> `[^`\n]+` | "[^"\n]*" | “[^”\n]*” | «[^»\n]*» | (?<!\w)'[^'\n]+'(?!\w)
              | [a-zA-Z][a-zA-Z+.-]*://\S*[^\s.,;:!?)]                              # URLs
              | (?<![\w])--?[a-zA-Z][\w-]*(?:=\S*[^\s.,;:!?)])?                     # flags
              | (?:~|\.{1,2})?[/\\][\w./\\~+@-]*[\w/\\] | [\w.@~+-]+[/\\][\w./\\~+@-]*[\w/\\]?   # paths
              | [^\W\d]\w*(?:(?:\.|::|->)\w+)+(?:\(\))? | \w+\(\)                     # a.b, a::b, f()
              | \w+_\w* | _\w+ | [a-z]+[A-Z]\w* | [A-Z][a-z0-9]+[A-Z]\w*              # snake_case, camelCase
              | [^\W\d]+\d\w* | [@\#$%]\w+ | [^\W\d]\+\+ | [^\W\d]\# )
    | (?P<number> [-+±]?[$€£¥]?\d[\d.,:/]*\d%?\w* | [-+±]?[$€£¥]?\d\w*%? )
    | (?P<word> [^\W\d_]+(?:['\u2019][^\W\d_]+)* )
    | (?P<other> \s+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)


class Part(msgspec.Struct, frozen=True, array_like=True):
    kind: Kind
    text: str


def parts_of(text: str) -> list[Part]:
    """The parts of a text in order; together they are the text.

    >>> [part.text for part in parts_of("Run `a b` 3 times") if part.kind != "other"]
    ['Run', '`a b`', '3', 'times']
    """
    return [Part(match.lastgroup, match.group()) for match in _PARTS.finditer(text)]  # type: ignore[arg-type]  # the groups are the kinds
