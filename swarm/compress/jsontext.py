"""JSON as it is written: read so that a number keeps its spelling and a key that stands twice is seen, and written without spaces."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

DEEPEST = 200
"""Levels of JSON that are read; deeper ones could exhaust the stack."""


class Number(str):
    """A number, as it is spelled."""

    __slots__ = ()


Value = str | bool | None | list["Value"] | dict[str, "Value"]
"""What a document is made of. A Number is a str, too: ask for it first."""

_ALONE = re.compile("[\ud800-\udfff]")  # half of a pair, which no encoding takes


class NoJson(Exception):
    """A text that is none, is too deep, or whose objects have a key twice."""


def read(text: str) -> Value:
    """Return what a JSON text says. Raises NoJson."""
    try:
        value: Value = json.loads(
            text, parse_int=Number, parse_float=Number, parse_constant=_refuse, object_pairs_hook=_object
        )
        require_shallow(value)
    except (ValueError, RecursionError) as error:
        raise NoJson(str(error)) from error
    return value


def require_shallow(value: Value) -> None:
    """Raise NoJson where a value has more than DEEPEST levels."""
    level: list[Value] = [value]
    for _ in range(DEEPEST):
        level = [each for value in level for each in _within(value)]
        if not level:
            return
    raise NoJson(f"it has more than {DEEPEST} levels")


def _within(value: Value) -> Sequence[Value]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else ()


def _refuse(constant: str) -> NoReturn:
    raise NoJson(f"{constant} is no JSON")


def _object(pairs: Sequence[tuple[str, Value]]) -> dict[str, Value]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NoJson("an object has a key twice")
    return found


def written(value: Value) -> str:
    """Return a value as JSON, without spaces, and with letters of all scripts as they are."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{quoted(key)}:{written(each)}' for key, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(written, value))}]"
    return {None: "null", True: "true", False: "false"}[value]


def quoted(text: str) -> str:
    """Return a text as a JSON string."""
    return _ALONE.sub(lambda half: f"\\u{ord(half.group()):04x}", json.dumps(text, ensure_ascii=False))
