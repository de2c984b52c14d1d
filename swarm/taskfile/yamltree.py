"""YAML as a tree of nodes that know their place; what is no YAML, or more of it than a task file needs, is refused.

The tree is put together from the parser's events, so that it is bounded while it grows: in depth and in size, with
every alias filled in. Values stay texts until somebody asks for more: `1.10` is a version where a text is wanted, and
`on` and `12:30` are never anything but texts.
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple, TypeAlias

import msgspec
import yaml

from swarm.taskfile.problems import START, Place, Report, Wrong
from swarm.units import shortened

DEEPEST = 40
MOST_NODES = 200_000
"""Nodes with aliases filled in; a file of 5,000 tasks with ten keys each has half as many."""

LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NULL = ("", "~", "null", "Null", "NULL")
_TRUE, _FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")


class Scalar(msgspec.Struct):
    """A text, a number or nothing; `plain` = written without quotes."""

    text: str
    plain: bool
    place: Place
    span: tuple[int, int]  # where it stands in the text, as indexes

    @property
    def is_null(self) -> bool:
        return self.plain and self.text in _NULL


class Sequence(msgspec.Struct):
    items: list[Node]
    place: Place


class Mapping(msgspec.Struct):
    pairs: list[tuple[Scalar, Node]]
    place: Place

    def get(self, key: str) -> Node | None:
        """Return the value under `key`, None where there is none."""
        return next((value for known, value in self.pairs if known.text == key), None)


Node: TypeAlias = Scalar | Sequence | Mapping


def compose(report: Report, loader: type[Any] = LOADER, *, end: int | None = None) -> Node | None:
    """Read the report's text, or what stands before `end`; None where it holds no value at all.

    Keys that stand twice are reported, the first holds.

    Raises Wrong at the first place where the text cannot be read.
    """
    bad = _UNREADABLE.search(report.text)
    if bad:
        place = report.place_at(bad.start(), 1)
        raise Wrong(
            place,
            f"character U+{ord(bad[0]):04X} may not stand in a task file",
            "take it out; the editor may not show it",
        )
    tree = _Tree(report)
    try:
        for event in yaml.parse(report.text[:end], Loader=loader):
            tree.take(event)
    except yaml.MarkedYAMLError as error:
        raise _translated(error, report) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the parser in Python lets chr() fail on an escape
        raise Wrong(START, f"this is not YAML: {shortened(str(error), 200)}") from error
    return None if isinstance(tree.root, Scalar) and tree.root.is_null else tree.root


def boolean(node: Scalar) -> bool | None:
    """Return the truth value of YAML 1.2, None where it is none: `yes` and `on` are words."""
    if node.plain and node.text in _TRUE + _FALSE:
        return node.text in _TRUE
    return None


def value(node: Node) -> Any:
    """Return the node as JSON has it. Raises Wrong at a number that JSON cannot carry from one program to the next."""
    if isinstance(node, Mapping):
        return {key.text: value(under) for key, under in node.pairs}
    if isinstance(node, Sequence):
        return [value(item) for item in node.items]
    if not node.plain:
        return node.text
    if node.is_null:
        return None
    truth = boolean(node)
    return _number(node) if truth is None else truth


def _number(node: Scalar) -> int | float | str:
    """Return the number that a plain text is, or the text. Raises Wrong at one that not every program can hold."""
    if not _NUMBER.fullmatch(node.text):
        return node.text
    if node.text.lstrip("+-").isdigit() and len(node.text) <= 19:
        return int(node.text)
    number = float(node.text)
    if math.isinf(number) or node.text.lstrip("+-").isdigit():
        raise Wrong(
            node.place, f"{shortened(node.text)} is too large a number", "write a smaller one, or quote it as text"
        )
    return number


class _Open(msgspec.Struct):
    """A sequence or mapping whose end has not come yet."""

    node: Sequence | Mapping
    anchor: str | None
    nodes_before: int
    height: int = 1  # levels from it down, so far
    key: Scalar | None = None
    lines: dict[str, int] = msgspec.field(default_factory=dict[str, int])  # of the keys so far


class _Anchored(NamedTuple):
    """What an anchor names; how many nodes and how many levels an alias to it stands for."""

    node: Node
    size: int
    height: int


class _Tree:
    """Puts the parser's events together."""

    def __init__(self, report: Report) -> None:
        self.root: Node | None = None
        self._report = report
        self._documents = 0
        self._nodes = 0
        self._open: list[_Open] = []
        self._anchors: dict[str, _Anchored | None] = {}  # None while it is open

    def take(self, event: Any) -> None:
        """Put one event in its place. Raises Wrong where the tree would become what is not read here."""
        start: Any = event.start_mark
        end: Any = event.end_mark
        place = _place(start, end)
        if getattr(event, "tag", None) is not None:
            raise Wrong(place, f"tags such as {shortened(event.tag)} are not read here", "quote what starts with '!'")
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise Wrong(place, "a second document starts here", "take out the line '---' and what follows")
            case yaml.AliasEvent():
                known = self._aliased(str(event.anchor), place)
                self._attach(known.node, place, known.height)
            case yaml.ScalarEvent():
                span = (start.index, end.index)
                node = Scalar(event.value, not event.style, place, span)
                self._count(1, place)
                if event.anchor:
                    self._anchors[event.anchor] = _Anchored(node, 1, 0)
                self._attach(node, place, 0)
            case yaml.SequenceStartEvent():
                self._enter(Sequence([], place), event.anchor)
            case yaml.MappingStartEvent():
                self._enter(Mapping([], place), event.anchor)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._leave()
            case _:
                pass  # the stream's start and end, a document's end

    def _enter(self, node: Sequence | Mapping, anchor: str | None) -> None:
        self._count(1, node.place, height=1)
        self._open.append(_Open(node, anchor, self._nodes - 1))
        if anchor:
            self._anchors[anchor] = None

    def _leave(self) -> None:
        done = self._open.pop()
        if done.anchor:
            self._anchors[done.anchor] = _Anchored(done.node, self._nodes - done.nodes_before, done.height)
        self._attach(done.node, done.node.place, done.height)

    def _attach(self, node: Node, place: Place, height: int) -> None:
        """Put a finished node where it belongs; `place` is where it stands, an alias's own for what it stands for."""
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.height = max(parent.height, height + 1)
        if isinstance(parent.node, Sequence):
            parent.node.items.append(node)
        elif parent.key is None:
            parent.key = _key(node, place)
        elif parent.key.text in parent.lines:
            first = parent.lines[parent.key.text]
            self._report.add(
                parent.key.place,
                f"key {shortened(parent.key.text)} stands here twice, first in line {first}",
                "keep one of them",
            )
            parent.key = None
        else:
            parent.lines[parent.key.text] = parent.key.place.line
            parent.node.pairs.append((parent.key, node))
            parent.key = None

    def _aliased(self, name: str, place: Place) -> _Anchored:
        if name not in self._anchors:
            hint = f'if the text itself starts with a star, quote it: "*{name}"'
            raise Wrong(place, f"'*{name}' stands for an anchor '&{name}' that is not there", hint)
        known = self._anchors[name]
        if known is None:
            raise Wrong(place, f"'*{name}' stands inside of what it stands for", "write out what is meant")
        self._count(known.size, place, known.height)
        return known

    def _count(self, size: int, place: Place, height: int = 0) -> None:
        """Take `size` nodes on `height` levels in at `place`. Raises Wrong where a task file needs no more."""
        if len(self._open) + height > DEEPEST:
            raise Wrong(place, f"this is nested more than {DEEPEST} levels deep", "write it flatter")
        self._nodes += size
        if self._nodes > MOST_NODES:
            raise Wrong(
                place, f"the file holds more than {MOST_NODES:,} values up to here, aliases filled in", "split it"
            )


def _key(node: Node, place: Place) -> Scalar:
    if not isinstance(node, Scalar):
        hint = 'quote a text that starts with a bracket, such as "{{name}}"'
        raise Wrong(place, "a bracket stands where a key is expected", hint)
    return Scalar(node.text, node.plain, place, node.span)


def _place(start: Any, end: Any) -> Place:
    width = end.column - start.column if end.line == start.line else 1
    return Place(start.line + 1, start.column + 1, max(1, width))


class _Syntax(NamedTuple):
    """What a sentence of the parser's that holds `piece` means."""

    piece: str
    message: str
    hint: str
    opened: bool = False  # it is shown where the thing began, not where the parser gave up


_QUOTE = "put the whole text in quotes"
_COLUMN = "lines that belong together start in the same column"
_NOT_PART = "this does not belong to what stands above it"

_SYNTAX = (  # of the parser in C and of the one in Python
    _Syntax("alphabetic or numeric", "a text that starts with '*' or '&' must stand in quotes", _QUOTE, opened=True),
    _Syntax(
        "mapping values are not allowed",
        "a ':' stands inside a text, or this line is indented too far",
        f"{_QUOTE}, or write '|' and the text on the lines below; {_COLUMN}",
    ),
    _Syntax("expected ',' or", "a bracket that is opened here is not closed", f"close it, or {_QUOTE}", opened=True),
    _Syntax("unexpected end of stream", "a quote that is opened here is not closed", "close it", opened=True),
    _Syntax(
        "could not find expected ':'",
        "this line is neither 'key: value' nor part of a text",
        "add the ':', or write '|' behind the key above and indent this line",
        opened=True,
    ),
    _Syntax("found a tab character", "a tab stands where spaces are expected", "use spaces"),
    _Syntax("expected <block end>", _NOT_PART, f"{_COLUMN}; if a text holds quotes or brackets, {_QUOTE}"),
    _Syntax("did not find expected key", _NOT_PART, f"{_COLUMN}; if a text holds quotes or brackets, {_QUOTE}"),
    _Syntax("expected '-' indicator", _NOT_PART, f"every entry of a list starts with '- '; {_COLUMN}"),
    _Syntax("document start", _NOT_PART, f"write it as 'key: value'; {_COLUMN}"),
    _Syntax("unknown escape character", "YAML does not know this escape", "use single quotes, or double the backslash"),
    _Syntax("invalid Unicode character", "this escape is no character", "write the character itself"),
    _Syntax(
        "sequence entries are not allowed", "a list starts behind other text", "put the first '- ' on its own line"
    ),
    _Syntax("node content", "a bracket or comma stands where a value is expected", _QUOTE),
)


def _translated(error: yaml.MarkedYAMLError, report: Report) -> Wrong:
    """Say for people what the parser met."""
    said = str(error.problem)
    met: Any = error.problem_mark or error.context_mark
    place = START if met is None else _place(met, met)
    if "cannot start any token" in said and met is not None:
        sign = report.text[met.index : met.index + 1]
        if sign == "\t":
            return Wrong(place, "a tab stands where spaces are expected", "use spaces")
        return Wrong(place, f"a text that starts with {sign!r} must stand in quotes", _QUOTE)
    for known in _SYNTAX:
        if known.piece in said:
            began: Any = error.context_mark
            if known.opened and began is not None:
                place = _place(began, began)
            return Wrong(place, known.message, known.hint)
    return Wrong(place, f"this is not YAML: {said}", "look at the quotes and the indentation here")
