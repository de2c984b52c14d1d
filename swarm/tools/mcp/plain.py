"""What a server says of itself and its tools, made harmless: it is read by a model, and nobody of ours wrote it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast
from unicodedata import category

import msgspec

MOST_SCHEMA_BYTES = 16_384
MOST_SCHEMA_DEPTH = 24
MOST_TEXT_IN_SCHEMA = 1_024

_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
"""Kinds of characters: controls, marks of the writing direction and what has no width, surrogates, private ones, separators."""

_BLANK = re.compile("[\u115f\u1160\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # letters that nobody sees
_FENCE = re.compile(r"<{3,}|>{3,}")  # material in our own prompts stands between such marks
_TURN = re.compile(r"<\|[^<>|\n]{1,40}\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>")
"""Marks with which templates of models divide a conversation; some servers of models read them in any text."""

_MAPS = frozenset(("properties", "$defs", "definitions", "dependentSchemas"))  # of names to schemas
_DATA = frozenset(("enum", "const", "default", "examples", "required", "type", "dependentRequired", "format"))
_LEFT_OUT = frozenset(
    ("pattern", "patternProperties", "propertyNames", "$schema", "$id", "$anchor", "$comment", "examples")
)
"""A pattern is a program that the server has us run against arguments; the others say nothing to a model."""


class Unusable(ValueError):
    """A definition of a tool cannot be offered; the words say why."""


def table_of(value: object) -> Mapping[str, Any]:
    """What came as an object of JSON; empty where it is none."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def plain(text: str, most: int) -> str:
    """Return a text of a server without what is not seen and without the marks of a conversation, cut to `most` characters."""
    text = _seen(text[: 4 * most].replace("\r\n", "\n").replace("\r", "\n"))
    before = ""
    while before != text:  # taking one mark out can put another together
        before, text = text, _TURN.sub("", _FENCE.sub(lambda found: found[0][:2], text))
    text = text.strip()
    return text if len(text) <= most else text[: most - 1].rstrip() + "\u2026"


def _seen(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return _BLANK.sub("", "".join(char for char in text if char in "\n\t" or category(char) not in _UNSEEN))


def one_line(text: str, most: int) -> str:
    """The same on one line."""
    return plain(" ".join(plain(text, 4 * most).split()), most)


def plain_schema(schema: object) -> dict[str, Any]:
    """Return the schema of a tool's arguments: that of an object, bounded, its texts plain, without what would be run.

    Raises Unusable.
    """
    if not isinstance(schema, Mapping):
        raise Unusable("what it says of its arguments is no schema")
    table = cast("Mapping[str, Any]", schema)
    if table.get("type", "object") not in ("object", ["object"]):
        raise Unusable("its arguments are not those of an object")
    found = _schema(table, 0)
    found["type"] = "object"
    if not isinstance(found.setdefault("properties", {}), dict):
        raise Unusable("its properties are no object")
    if len(_encoded(found)) > MOST_SCHEMA_BYTES:
        found = cast("dict[str, Any]", _without_texts(found))
        if (size := len(_encoded(found))) > MOST_SCHEMA_BYTES:
            raise Unusable(f"the schema of its arguments has {size:,} bytes; at most {MOST_SCHEMA_BYTES:,} are offered")
    return found


def _schema(node: Mapping[str, Any], depth: int) -> dict[str, Any]:
    if depth > MOST_SCHEMA_DEPTH:
        raise Unusable(f"the schema of its arguments is nested deeper than {MOST_SCHEMA_DEPTH}")
    found: dict[str, Any] = {}
    for key, value in node.items():
        if key in _LEFT_OUT:
            continue
        if key == "$ref" and not (isinstance(value, str) and value.startswith("#")):
            continue  # it would be fetched from somewhere
        if key in _MAPS and isinstance(value, Mapping):
            found[key] = _named(cast("Mapping[str, Any]", value), depth)
        elif key in _DATA:
            if _is_plain(value):
                found[key] = value
        elif _is_plain(key):
            found[key] = _value(value, depth)
    return found


def _named(table: Mapping[str, Any], depth: int) -> dict[str, Any]:
    for name in table:
        if not _is_plain(name) or len(name) > MOST_TEXT_IN_SCHEMA:
            raise Unusable("the name of an argument has characters that nobody sees")
    return {name: _value(each, depth) for name, each in table.items()}


def _value(value: object, depth: int) -> Any:
    if isinstance(value, Mapping):
        return _schema(cast("Mapping[str, Any]", value), depth + 1)
    if isinstance(value, list):
        return [_value(each, depth + 1) for each in cast("list[object]", value)]
    return plain(value, MOST_TEXT_IN_SCHEMA) if isinstance(value, str) else value


def _is_plain(value: object) -> bool:
    """Whether data can stay as it is: a value that was changed would be another one."""
    text = value if isinstance(value, str) else _encoded(value).decode()
    return len(text) <= MOST_SCHEMA_BYTES and _seen(text) == text and not _TURN.search(text) and not _FENCE.search(text)


def _without_texts(node: object) -> object:
    """A schema without its descriptions; a property may have that name."""
    if isinstance(node, list):
        return [_without_texts(each) for each in cast("list[object]", node)]
    if not isinstance(node, dict):
        return node
    table = cast("dict[str, Any]", node)
    return {
        key: (
            {name: _without_texts(each) for name, each in cast("dict[str, Any]", value).items()}
            if key in _MAPS and isinstance(value, dict)
            else _without_texts(value)
        )
        for key, value in table.items()
        if key not in ("description", "title") or not isinstance(value, str)
    }


def _encoded(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, msgspec.MsgspecError, TypeError, RecursionError) as error:
        raise Unusable("the schema of its arguments cannot be written as JSON") from error
