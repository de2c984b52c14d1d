"""Front matter with the place of each key and value, for whoever tells what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from skills.frontmatter import Unreadable, yaml_trouble

if TYPE_CHECKING:
    import yaml

_DEEPEST = 3  # a map of lists or maps; the format has nothing deeper


class Key(msgspec.Struct, frozen=True):
    """A key, and where it stands in the file."""

    text: str
    line: int
    column: int


class Node(msgspec.Struct, frozen=True):
    """A value, and where it begins in the file: a text, a list or a map, of which the other two are None."""

    line: int
    column: int
    text: str | None = None
    items: tuple[Node, ...] | None = None
    pairs: tuple[Pair, ...] | None = None


Pair = tuple[Key, Node]


def pairs_of(text: str) -> tuple[Pair, ...]:
    """The keys of a front matter with their values, in their order, also where one stands twice. Raises Unreadable."""
    import yaml

    with yaml_trouble():
        for event in yaml.parse(text, Loader=yaml.BaseLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None):
                hint = "write the value itself"
                raise Unreadable("the front matter has an alias or a type of YAML", hint, line=_line(event))
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    if root is None or not (pairs := _node(root, 0).pairs):
        raise Unreadable("the front matter holds no keys with values", "write name: and description: there", line=2)
    return pairs


def _node(node: yaml.Node, depth: int) -> Node:
    import yaml

    line, column = _line(node), node.start_mark.column + 1
    match node:
        case yaml.ScalarNode():
            return Node(line, column, text=str(node.value))
        case yaml.SequenceNode() if depth < _DEEPEST:
            return Node(line, column, items=tuple(_node(each, depth + 1) for each in node.value))
        case yaml.MappingNode() if depth < _DEEPEST:
            pairs = [(_key(key), _node(value, depth + 1)) for key, value in node.value]
            return Node(line, column, pairs=tuple(pairs))
        case _:
            return Node(line, column)


def _key(node: yaml.Node) -> Key:
    return Key(str(node.value), _line(node), node.start_mark.column + 1)


def _line(node: yaml.Node | yaml.Event) -> int:
    """The line in the file: a fence stands above the first, and lines count from 1."""
    mark = node.start_mark
    return mark.line + 2 if mark is not None else 0
