"""A TOML file with the lines of its keys, so that a problem can be shown where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from swarm.errors import UsageError

MOST_BYTES = 1 << 20
_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_HEADER = re.compile(rf"\s*\[\[?\s*({_PART}(?:\s*\.\s*{_PART})*)\s*\]")
_POSITION = re.compile(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)

KeyPath = tuple[str, ...]


class TomlFile:
    """What a TOML file says (`data`, numbers with a point as Decimal) and where each key stands."""

    __slots__ = ("_lines", "data", "path")

    def __init__(self, path: Path, text: str, data: dict[str, Any]) -> None:
        self.path, self.data = path, data
        self._lines = text.splitlines()

    def line_of(self, key: KeyPath) -> int:
        """Return the line of a key, or of the nearest table around it; 1 where none is found."""
        best_line, best_depth = 1, 0
        for number, path in keys_in(self._lines):
            if len(path) > best_depth and path == key[: len(path)]:
                best_line, best_depth = number, len(path)
        return best_line


def read_toml(path: Path) -> TomlFile:
    """Read a TOML file. Raises UsageError with file, line and column where it cannot be read."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror}); correct its permissions or move it away"
        ) from error
    if len(raw) > MOST_BYTES:
        raise UsageError(f"{path} has {len(raw):,} bytes and is no settings file; one has at most {MOST_BYTES:,}")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}:{line}: this is not UTF-8; save the file as UTF-8") from error
    return TomlFile(path, text, _parse(path, text))


def _parse(path: Path, text: str) -> dict[str, Any]:
    import tomllib  # only a user with a settings file pays for it

    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        found = _POSITION.match(str(error))
        message, line, column = found.groups() if found else (str(error), None, None)
        place = f"{line}:{column}" if line else f"{text.count(chr(10)) + 1}"
        raise UsageError(f"{path}:{place}: this is not TOML: {message}") from error
    except (RecursionError, ArithmeticError, ValueError) as error:
        raise UsageError(f"{path}: this is not TOML that can be read ({type(error).__name__}: {error})") from error


def dotted(key: KeyPath) -> str:
    """Write a key as TOML has it: dots between the parts, quotes around a part that needs them."""
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]+|\*", part) else f'"{part}"' for part in key)


def keys_in(lines: list[str]) -> Iterator[tuple[int, KeyPath]]:
    """Yield each line that opens a table or sets a key, with the whole path of it."""
    table: KeyPath = ()
    for number, line in enumerate(lines, start=1):
        if header := _HEADER.match(line):
            table = _split(header[1])
            yield number, table
        elif key := _KEY.match(line):
            yield number, table + _split(key[1])


def _split(written: str) -> KeyPath:
    return tuple(part.strip("\"'") for part in re.findall(_PART, written))
