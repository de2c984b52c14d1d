"""How the values of a task file are read: texts, numbers, lists, mappings of known keys.

A reader takes a node and gives the value that it stands for, or raises Wrong with the place and what to do. A kind is a
reader with the JSON Schema of what may be written for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from swarm.taskfile import yamltree
from swarm.taskfile.paths import BadPath, output_path, project_path
from swarm.taskfile.problems import Report, Reported, Wrong, nearest
from swarm.taskfile.scope import Scope, fill
from swarm.taskfile.yamltree import Node, Scalar, Sequence
from swarm.units import shortened

_NO_SCOPE = Scope()


class At(msgspec.Struct, frozen=True):
    """Where reading stands: the report, the words for this spot in a sentence, and what can be looked up here."""

    report: Report
    where: str
    scope: Scope = _NO_SCOPE

    def within(self, where: str) -> At:
        return At(self.report, where, self.scope)


Reader = Callable[[Node, At], Any]


class Kind(msgspec.Struct, frozen=True):
    """How a value is read, and the JSON Schema of what may be written."""

    read: Reader
    schema: Mapping[str, Any]


class Key(msgspec.Struct, frozen=True):
    """A key of a mapping: its values, what it is for in one line, and the field that it becomes."""

    kind: Kind
    says: str
    field: str = ""  # empty: named like the key


Keys = Mapping[str, Key]

_LATER = {
    "cache": "leave it out",
    "session": "use 'tokens'",
    "count": "leave it out",
    "parallel": "leave it out; `concurrency` of a provider in the settings bounds its calls",
    "warn": "leave it out",
    "compress": "leave it out",
    "<<": "write under 'defaults' what all tasks have in common",
}
"""Keys that mean something elsewhere or will later, with what to do today. A mapping's own keys come before these."""


def fields(node: Node, at: At, keys: Keys) -> dict[str, Any]:
    """Read a mapping: each known key by its reader, under the name of the field that it becomes.

    Raises Wrong where the node is no mapping, and Reported once everything in it was looked at and something was wrong.
    """
    if not isinstance(node, yamltree.Mapping):
        raise Wrong(node.place, f"{at.where} is {kind(node)}, but must be keys with values", _told(keys))
    seen = at.report.seen
    found: dict[str, Any] = {}
    for key, under in node.pairs:
        with at.report.collect():
            known = keys.get(key.text)
            if known is None:
                raise _unknown(key, at, keys)
            if isinstance(under, Scalar) and under.is_null:
                raise Wrong(key.place, f"{key.text!r} in {at.where} has no value", "give it one, or take the line out")
            found[known.field or key.text] = known.kind.read(under, at.within(f"{key.text!r} of {at.where}"))
    if at.report.seen > seen:
        raise Reported
    return found


def _unknown(key: Scalar, at: At, keys: Keys) -> Wrong:
    if key.text in _LATER:
        return Wrong(key.place, f"{key.text!r} in {at.where} is not supported yet", _LATER[key.text])
    meant = nearest(key.text, keys)
    return Wrong(key.place, f"unknown key {shortened(key.text)} in {at.where}{meant}", _told(keys))


def mapping_schema(keys: Keys, *, required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the JSON Schema of a mapping with these keys."""
    properties = {name: {**key.kind.schema, "description": key.says} for name, key in keys.items()}
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": list(required)} if required else schema


def items_of(node: Node) -> list[Node]:
    """Return the entries of a list; what is no list is its own only entry."""
    return node.items if isinstance(node, Sequence) else [node]


def text(node: Node, at: At) -> str:
    """Read a text. A number or a truth value keeps the letters that it was written with."""
    written = any_text(node, at)
    if not written.strip():
        raise Wrong(node.place, f"{at.where} is empty", "write the text, or take the line out")
    return written


def any_text(node: Node, at: At) -> str:
    if not isinstance(node, Scalar):
        raise Wrong(node.place, f"{at.where} is {kind(node)}, but must be text", "quote it if it is meant as text")
    if node.is_null:
        raise Wrong(node.place, f"{at.where} is empty", "write the text, or take the line out")
    if "\0" in node.text:
        raise Wrong(node.place, f"{at.where} holds a NUL character", "take it out")
    return node.text


def kind(node: Node) -> str:
    if isinstance(node, Scalar):
        return "nothing" if node.is_null else f"the text {shortened(node.text)}"
    return "a list" if isinstance(node, Sequence) else "a mapping of keys"


def _told(keys: Keys) -> str:
    return "keys here: " + ", ".join(keys)


def filled_text(node: Node, at: At) -> str:
    """Read a text and fill its lookups."""
    return fill(text(node, at), node, at.where, at.scope, at.report)


def filled_any(node: Node, at: At) -> str:
    return fill(any_text(node, at), node, at.where, at.scope, at.report)


def prose(node: Node, at: At) -> str:
    """Read a text for a model: lookups filled, without space around it."""
    written = filled_text(node, at).strip()
    if not written:
        raise Wrong(node.place, f"{at.where} is empty once its templates are filled", "give the variable a value")
    return written


_WRITTEN = {"type": ["string", "number", "boolean"]}  # a number or a truth value is taken as it is written

TEXT = Kind(text, _WRITTEN)
FILLED = Kind(filled_text, _WRITTEN)
PROSE = Kind(prose, _WRITTEN)


def _path_kind(rule: Callable[[str], str]) -> Kind:
    def read(node: Node, at: At) -> str:
        try:
            return rule(prose(node, at))
        except BadPath as bad:
            raise Wrong(node.place, f"{at.where} {bad.what}", bad.hint) from None

    return Kind(read, {"type": "string", "minLength": 1})


PATH = _path_kind(project_path)
OUTPUT_PATH = _path_kind(output_path)


def one_of(*words: str, meant: Mapping[str, str] | None = None) -> Kind:
    """Make a kind of one of `words`; `meant` has what people write instead, and which of them they mean."""

    def read(node: Node, at: At) -> str:
        word = text(node, at)
        if word in words:
            return word
        asked = nearest(word, words, meant or {})
        raise Wrong(
            node.place, f"{at.where} is {shortened(word)}, which is not known{asked}", f"known here: {', '.join(words)}"
        )

    return Kind(read, {"enum": list(words)})


def items_in(entry: Kind, *, unique: bool = False) -> Kind:
    """Make a kind of lists; one entry may stand without a list around it. With `unique` each counts once."""

    def read(node: Node, at: At) -> tuple[Any, ...]:
        found: list[Any] = []
        seen = at.report.seen
        for item in items_of(node):
            with at.report.collect():
                found.append(entry.read(item, at))
        if at.report.seen > seen:
            raise Reported
        return tuple(dict.fromkeys(found) if unique else found)

    return Kind(read, {"anyOf": [entry.schema, {"type": "array", "items": entry.schema}]})


def whole(least: int, most: int) -> Kind:
    def read(node: Node, at: At) -> int:
        written = text(node, at)
        if not re.fullmatch(r"[0-9]{1,9}", written) or not least <= int(written) <= most:
            message = f"{at.where} is {shortened(written)}, which is not from {least} to {most}"
            raise Wrong(node.place, message, f"write a whole number from {least} to {most}")
        return int(written)

    number = {"type": "integer", "minimum": least, "maximum": most}
    return Kind(read, {"anyOf": [number, {"type": "string", "pattern": "^[0-9]{1,9}$"}]})


def level_of(names: Mapping[str, int], least: int, most: int) -> Kind:
    """Make a kind of one of `names`, or of a number from `least` to `most`; it is read as the number."""
    number = whole(least, most)

    def read(node: Node, at: At) -> int:
        written = text(node, at)
        if written in names:
            return names[written]
        if re.fullmatch(r"[0-9]{1,9}", written):
            level: int = number.read(node, at)
            return level
        known = f"{', '.join(names)}, or a number from {least} to {most}"
        raise Wrong(
            node.place,
            f"{at.where} is {shortened(written)}, which is not known{nearest(written, names)}",
            f"known here: {known}",
        )

    return Kind(read, {"anyOf": [{"enum": list(names)}, number.schema]})


def share(node: Node, at: At) -> float:
    """Read a number from 0 to 1."""
    written = text(node, at)
    if not re.fullmatch(r"0|1|[01]?\.[0-9]{1,9}", written) or float(written) > 1:
        raise Wrong(node.place, f"{at.where} is {shortened(written)}, which is not from 0 to 1", "write it as 0.8")
    return float(written)


def amount(parse: Callable[[str], Any], *forms: Mapping[str, Any]) -> Kind:
    """Make a kind of what `parse` takes; its ValueError is what is wrong, and behind the `;` what to do."""

    def read(node: Node, at: At) -> Any:
        try:
            return parse(text(node, at))
        except ValueError as error:
            what, _, hint = str(error).partition("; ")
            raise Wrong(node.place, f"{at.where}: {what}", hint) from None

    return Kind(read, {"anyOf": list(forms)})


def truth(node: Node, at: At) -> bool:
    found = yamltree.boolean(node) if isinstance(node, Scalar) else None
    if found is None:
        raise Wrong(
            node.place, f"{at.where} is {kind(node)}, but must be true or false", "write true or false, without quotes"
        )
    return found


TRUTH = Kind(truth, {"type": "boolean"})


def named(name: str, rule: str, value: Kind) -> Kind:
    """Make a kind of mappings whose keys are names that the user gives, by a pattern; `rule` says what a name may be."""
    is_name = re.compile(name).fullmatch

    def read(node: Node, at: At) -> dict[str, Any]:
        if not isinstance(node, yamltree.Mapping):
            raise Wrong(
                node.place, f"{at.where} is {kind(node)}, but must be names with values", "write it as {name: value}"
            )
        found: dict[str, Any] = {}
        seen = at.report.seen
        for key, under in node.pairs:
            with at.report.collect():
                if not is_name(key.text):
                    raise Wrong(key.place, f"{shortened(key.text)} cannot be a name in {at.where}", rule)
                found[key.text] = value.read(under, at.within(f"{key.text!r} of {at.where}"))
        if at.report.seen > seen:
            raise Reported
        return found

    names = {"pattern": f"^(?:{name})$"}
    return Kind(read, {"type": "object", "propertyNames": names, "additionalProperties": value.schema})


def exactly_one(node: Node, at: At, found: dict[str, Any], keys: Keys) -> str:
    """Return the one of `keys` that was found."""
    there = [name for name, key in keys.items() if (key.field or name) in found]
    if len(there) != 1:
        said = "none" if not there else " and ".join(repr(key) for key in there)
        raise Wrong(
            node.place,
            f"{at.where} needs exactly one of {', '.join(keys)}, and has {said}",
            "split it into two entries" if there else "add one",
        )
    return there[0]
