"""A file's bytes as text and back: what is no text, byte order marks, line endings. Pure."""

from __future__ import annotations

import codecs
from collections.abc import Callable

import msgspec

Redact = Callable[[str], str]
"""Takes secrets out of a text."""

_LOOKED_AT = 8_192  # bytes, as git does
BOM = "\ufeff"
_SIGNS = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\0", "a SQLite database"),
    (codecs.BOM_UTF16_LE, "text in UTF-16"),
    (codecs.BOM_UTF16_BE, "text in UTF-16"),
)


class Text(msgspec.Struct, frozen=True):
    """A file's text. Bytes that are no UTF-8 are kept as lone surrogates, so that they go back as they were."""

    text: str
    bom: bool = False

    def encoded(self) -> bytes:
        return ((BOM if self.bom else "") + self.text).encode("utf-8", "surrogateescape")


def what_it_is(raw: bytes) -> str:
    """Say what bytes are that are no text; "" for text."""
    for sign, name in _SIGNS:
        if raw.startswith(sign):
            return name
    return "a binary file" if b"\0" in raw[:_LOOKED_AT] else ""


def decoded(raw: bytes) -> Text:
    """Return the text in some bytes, for a change: `encoded` gives the same bytes back."""
    text = raw.decode("utf-8", "surrogateescape")
    return Text(text.removeprefix(BOM), text.startswith(BOM))


def readable(raw: bytes) -> str:
    """Return the text in some bytes for somebody who reads it: no byte order mark, what is no UTF-8 as U+FFFD."""
    return raw.decode("utf-8-sig", "replace")


def shown_lines(text: str, redact: Redact) -> list[str]:
    """Return the lines of a text as they may be shown, as many as it has.

    Secrets are looked for in the whole text, so that neither a part of it nor a line cut short shows half of one.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    if not lines[-1]:
        lines.pop()
    whole = redact("\n".join(lines)).split("\n")
    if whole == lines:
        return lines
    kept = frozenset(whole)
    return [line if line in kept else _without_secret(redact(line), line) for line in lines]


def _without_secret(redacted: str, line: str) -> str:
    return redacted if redacted != line else "[a line of a secret]"


def line_end(text: str) -> str:
    """The line ending that most lines of a text have; a newline where there is none."""
    windows = text.count("\r\n")
    return "\r\n" if windows * 2 > text.count("\n") else "\n"


def line_count(text: str) -> int:
    """How many lines a text has, the last with or without a newline."""
    return text.count("\n") + (not text.endswith("\n") and bool(text))
