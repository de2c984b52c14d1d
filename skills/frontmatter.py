"""The front matter of a SKILL.md: where it ends, and what its keys say, also where it is not quite YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import cast

import msgspec

from skills.simpleyaml import NotSimple, Value, read_simple

MOST_BYTES = 64 * 1024
"""Of a front matter; the catalogue reads no further."""

_FENCE = re.compile(rb"---[ \t]*\r?\n")
_CLOSING = re.compile(rb"\n---[ \t]*(?:\r?\n|\Z)")
_LEAST = 16  # bytes in which an opening fence stands
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_BOM = b"\xef\xbb\xbf"


class Unreadable(Exception):
    """The front matter cannot be read; the text says why. `line` is that of the file, 0 the file as a whole."""

    def __init__(self, message: str, hint: str = "", *, line: int = 0) -> None:
        self.message, self.hint, self.line = message, hint, line
        super().__init__(message)


class Front(msgspec.Struct, frozen=True):
    """The text between the fences, with \\n as the only end of a line, and how much of the file it takes with them."""

    text: str
    size: int  # bytes
    has_mark: bool = False  # a byte order mark before it
    has_returns: bool = False  # lines that end with \r\n


class Keys(msgspec.Struct, frozen=True):
    """What the keys say: texts, lists and maps of texts. `mended` says why it was no YAML, empty where it was."""

    values: Mapping[str, Value]
    mended: str = ""


def front_of(raw: bytes, *, whole: bool = True) -> Front | None:
    """Find the front matter at the beginning of a file; None where more of the file is needed. Raises Unreadable.

    `whole` says that there is no more of the file.
    """
    start = len(_BOM) if raw.startswith(_BOM) else 0
    fence = _FENCE.match(raw, start)
    if fence is None:
        if not whole and len(raw) < _LEAST:
            return None
        hint = "begin it with a line ---, name: and description:, and another line ---"
        raise Unreadable("the file does not begin with front matter", hint, line=1)
    closing = _CLOSING.search(raw, fence.end() - 1)
    if closing is None or (closing.end() == len(raw) and not whole):
        if not whole:
            return None
        raise Unreadable("the front matter has no end", "close it with a line ---", line=1)
    try:
        text = raw[fence.end() : closing.start() + 1].decode("utf-8")
    except UnicodeDecodeError as error:
        byte = raw[fence.end() + error.start]
        raise Unreadable(f"the front matter is not UTF-8 text: byte 0x{byte:02x}", "save it as UTF-8") from error
    has_returns = "\r\n" in text
    return Front(text.replace("\r\n", "\n") if has_returns else text, closing.end(), start > 0, has_returns)


def keys_of(text: str) -> Keys:
    """Read the keys. What is no YAML for an unquoted colon or sign is read as if the values were quoted. Raises Unreadable."""
    try:
        return Keys(read_simple(text))
    except NotSimple:
        pass
    try:
        return Keys(_read_yaml(text))
    except Unreadable as error:
        mended = quoted(text)
        if mended == text:
            raise
        try:
            return Keys(_read_yaml(mended), mended=error.message)
        except Unreadable:
            raise error from None


def _read_yaml(text: str) -> dict[str, Value]:
    import yaml  # only a few files need it

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # makes texts, lists and maps of it, and nothing else
    with yaml_trouble():
        found: object = yaml.load(text, Loader=loader)
    if not isinstance(found, dict) or not found:
        raise Unreadable("the front matter holds no keys with values", "write name: and description: there", line=2)
    return {key: _flat(value) for key, value in cast("dict[object, object]", found).items() if isinstance(key, str)}


@contextmanager
def yaml_trouble() -> Generator[None]:
    """Turn what PyYAML raises into Unreadable, with the line of the file."""
    import yaml

    try:
        yield
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark is not None else 0  # a fence stands above the first
        hint = "put values that hold a colon or begin with a sign in quotes"
        raise Unreadable(f"the front matter is no YAML: {_said(error)}", hint, line=line) from error


def _said(error: Exception) -> str:
    return str(getattr(error, "problem", None) or error).splitlines()[0]


def _flat(value: object) -> Value:
    """Only texts, lists and maps of texts are of use; what lies deeper is left out."""
    match value:
        case str():
            return value
        case list():
            return [each for each in cast("list[object]", value) if isinstance(each, str)]
        case dict():
            pairs = cast("dict[object, object]", value).items()
            return {key: each for key, each in pairs if isinstance(key, str) and isinstance(each, str)}
        case _:
            return ""


def quoted(text: str) -> str:
    """The same with quotes around the values that stand on a line of their own key."""

    def line(written: str) -> str:
        key, _, rest = written.partition(":")
        value = rest.strip(" \t")
        if not value or rest[0] not in " \t" or value[0] in "\"'|>[{" or not _KEY.fullmatch(key):
            return written
        return f"{key}: {json.dumps(value)}"

    return "\n".join(line(each) for each in text.split("\n"))
