"""How `each` is read: a written list, `survey.output[]`, or {files: globs}."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from swarm.task import MOST_ITEMS, Each
from swarm.taskfile import yamltree
from swarm.taskfile.problems import Wrong
from swarm.taskfile.values import PATH, At, Key, Keys, Kind, fields, items_in, mapping_schema, text
from swarm.taskfile.yamltree import Node, Scalar, Sequence
from swarm.units import shortened

_SOURCE = re.compile(r"(?P<task>[a-z0-9][a-z0-9_-]{0,63})\.output(?P<field>(?:\.[A-Za-z_][\w-]*)*)\[\]")

_EXAMPLE = "write a list, `survey.output[]` for the list that a task gives, or {files: src/*.py}"


def source_of(node: Node | None) -> Scalar | None:
    """Return the text that names the task whose result holds the items, None where there is none."""
    return node if isinstance(node, Scalar) and not node.is_null else None


def _each(node: Node, at: At) -> Each:
    at = At(at.report, at.where, at.scope.fresh(items=False))  # no item is known where items are named
    if isinstance(node, Scalar):
        return _from_task(node, at)
    if isinstance(node, Sequence):
        return _written(node, at)
    found = fields(node, at, _FILES)
    if not found.get("files"):
        raise Wrong(node.place, f"{at.where} names no files", _EXAMPLE)
    return Each(**found)


def _from_task(node: Scalar, at: At) -> Each:
    written = text(node, at)
    found = _SOURCE.fullmatch(written.strip())
    if found is None:
        raise Wrong(node.place, f"{at.where} is {shortened(written)}, which names no list of items", _EXAMPLE)
    return Each(from_task=found["task"], field=tuple(found["field"].split(".")[1:]))


def _written(node: Sequence, at: At) -> Each:
    if not node.items:
        raise Wrong(node.place, f"{at.where} holds no item", _EXAMPLE)
    if len(node.items) > MOST_ITEMS:
        message = f"{at.where} holds {len(node.items):,} items, more than {MOST_ITEMS:,}"
        raise Wrong(node.place, message, "split the task")
    return Each(items=tuple(_item(item, at) for item in node.items))


def _item(node: Node, at: At) -> Any:
    """Return an item as JSON has it; a number keeps the letters that it was written with, as any text does."""
    if isinstance(node, Scalar):
        return text(node, at)
    value = yamltree.value(node)
    if len(msgspec.json.encode(value)) > 65_536:
        raise Wrong(node.place, f"an item of {at.where} has more than 64 KiB", "name a file, and give it as `input`")
    return value


_FILES: Keys = {"files": Key(items_in(PATH), "globs; an item is the path of a file")}

EACH = Kind(
    _each,
    {
        "anyOf": [
            {"type": "string", "pattern": rf"^{_SOURCE.pattern}$".replace("?P<task>", "").replace("?P<field>", "")},
            {"type": "array", "minItems": 1, "maxItems": MOST_ITEMS},
            mapping_schema(_FILES),
        ]
    },
)
