"""The YAML that nearly all front matter is: keys with plain or quoted values, blocks, one level of keys or items below.

Reading it with PyYAML costs a millisecond a file, and there may be thousands of files. What is not surely understood is not
read here at all; what is read comes to the same as with `yaml.load(text, Loader=yaml.BaseLoader)`.
"""

from __future__ import annotations

import re

Value = str | list[str] | dict[str, str]

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_PLAIN_START = re.compile(r"[A-Za-z0-9(/._+~$^<=;\u00a1-\ud7ff]")
# tabs, what YAML may not hold or breaks a line at, and lines of spaces, which may belong to a text
_UNUSUAL = re.compile(r"[^\n\x20-\x7e\u00a1-\u2027\u202a-\ud7ff\ue000-\ufdff]|(?:\A|\n) +(?:\n|\Z)")
_BLOCKS = {">": "\n", ">-": "", "|": "\n", "|-": ""}  # by the sign: what the last line ends with


class NotSimple(Exception):
    """The text may be YAML, but is none that is read here."""


def read_simple(text: str) -> dict[str, Value]:
    """Return the keys of a mapping with their values, all of them as written. The text ends with a line. Raises NotSimple."""
    if not text.endswith("\n") or _UNUSUAL.search(text):
        raise NotSimple
    lines = text.split("\n")
    found: dict[str, Value] = {}
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line.strip(" ") or line.startswith("#"):
            continue
        key, written = _split(line)
        end = _end_of_block(lines, at)
        found[key] = _value(written, lines[at:end])
        at = end
    if not found:
        raise NotSimple
    return found


def _split(line: str) -> tuple[str, str]:
    key, colon, written = line.partition(":")
    if not colon or (written and written[0] != " ") or not _KEY.fullmatch(key):
        raise NotSimple
    return key, written.strip(" ")


def _end_of_block(lines: list[str], at: int) -> int:
    """Where the lines end that are indented, or empty between such."""
    end = at
    while at < len(lines) and (not lines[at] or lines[at][0] == " "):
        at += 1
        if lines[at - 1].strip(" "):
            end = at
    return end


def _value(written: str, below: list[str]) -> Value:
    if not below and written not in _BLOCKS:
        return _scalar(written)
    if written in _BLOCKS:
        return _block(written, below)
    if any(line.lstrip(" ").startswith("#") for line in below):
        raise NotSimple
    if written:
        return _continued(written, below)
    return _nested(below)


def _block(sign: str, below: list[str]) -> str:
    indent = _indent_of(below)
    lines = [line[indent:] if line.strip(" ") else "" for line in below]
    if sign[0] == ">":
        if any(not line or line[0] == " " for line in lines):
            raise NotSimple  # what folds around an empty or a deeper line is for those who know
        return " ".join(lines) + _BLOCKS[sign]
    return "\n".join(lines) + _BLOCKS[sign]


def _indent_of(below: list[str]) -> int:
    """How far the lines are indented. Raises NotSimple where the first is empty, or one stands further left."""
    if not below or not below[0].strip(" "):
        raise NotSimple
    indent = len(below[0]) - len(below[0].lstrip(" "))
    if any(line.strip(" ") and line[:indent].strip(" ") for line in below):
        raise NotSimple
    if any(not line.strip(" ") and len(line) > indent for line in below):
        raise NotSimple  # spaces that belong to the text
    return indent


def _continued(written: str, below: list[str]) -> str:
    """A plain value that goes on in further lines."""
    lines = [written, *(line.strip(" ") for line in below)]
    if any(not line for line in lines) or written[0] in "\"'[{":
        raise NotSimple
    _plain(written)
    if any(": " in line or " #" in line or line.endswith(":") for line in lines):
        raise NotSimple
    return " ".join(lines)


def _nested(below: list[str]) -> Value:
    indent = _indent_of(below)
    lines = [line[indent:] for line in below]
    if any(not line or line[0] == " " for line in lines):
        raise NotSimple
    if lines[0].startswith("- "):
        return [_item(line) for line in lines]
    pairs = [_split(line) for line in lines]
    return {key: _scalar(written) for key, written in pairs}


def _item(line: str) -> str:
    written = line[2:].strip(" ")
    if not line.startswith("- ") or not written:
        raise NotSimple
    return _scalar(written)


def _scalar(written: str) -> str:
    if not written:
        return ""
    if written[0] == '"':
        return _double_quoted(written)
    if written[0] == "'":
        return _single_quoted(written)
    return _plain(written)


def _double_quoted(written: str) -> str:
    inner = written[1:-1]
    if len(written) < 2 or written[-1] != '"' or "\\" in inner or '"' in inner:
        raise NotSimple
    return inner


def _single_quoted(written: str) -> str:
    inner = written[1:-1].replace("''", "\0")
    if len(written) < 2 or written[-1] != "'" or "'" in inner:
        raise NotSimple
    return inner.replace("\0", "'")


def _plain(written: str) -> str:
    if not _PLAIN_START.match(written) or ": " in written or " #" in written or written[-1] == ":":
        raise NotSimple
    return written
