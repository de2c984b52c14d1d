"""How the values of a task file are read: texts, numbers, lists, mappings of known keys.

A reader takes a node and gives the value that it stands for, or raises Wrong with the place and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from swarm.taskfile import yamltree
from swarm.taskfile.problems import Report, Reported, Wrong, nearest
from swarm.taskfile.yamltree import Node, Scalar, Sequence
from swarm.units import shortened


class At(msgspec.Struct, frozen=True):
    """Where reading stands: the report, and the words for this spot in a sentence."""

    report: Report
    where: str


Reader = Callable[[Node, At], Any]

_WRITE_OUT = "write it out in each task"
_LATER = {
    "each": "write one task for each item",
    "when": "leave it out; a task runs when all that it needs was accepted",
    "vars": "write the values themselves",
    "defaults": _WRITE_OUT,
    "prompt_file": "write the text under 'prompt', or name the file under 'input'",
    "schedule": "leave it out, and start `swarm run FILE` from cron",
    "rubric": "write it under 'accept'",
    "diff_within": "use 'run' with a command that looks at the files",
    "cache": "leave it out",
    "session": "use 'tokens'",
    "count": "leave it out",
    "outputs": "name the result's file under 'output'",
    "priority": "leave it out; 'needs' says what comes first",
    "start": "leave it out; 'tiers' says which models may take part",
    "tags": "leave it out",
    "parallel": "leave it out; `concurrency` of a provider in the settings bounds its calls",
    "budget": "write it in the task itself",
    "skills": "leave it out",
    "tools": "leave it out",
    "warn": "leave it out",
    "compress": "leave it out",
    "<<": _WRITE_OUT,
}
"""Keys that mean something elsewhere or will later, with what to do today. A reader's own keys come before these."""

_FIELDS = {
    "input": "inputs",
    "check": "checks",
    "from": "from_task",
    "usd": "usd_nanos",
    "time": "time_s",
    "timeout": "timeout_s",
}
"""Keys whose field has another name."""


def fields(node: Node, at: At, readers: Mapping[str, Reader], later: tuple[str, ...] = ()) -> dict[str, Any]:
    """Read a mapping: each known key by its reader, under the name of the field that it becomes.

    Raises Wrong where the node is no mapping, and Reported once everything in it was looked at and something was wrong.
    """
    if not isinstance(node, yamltree.Mapping):
        raise Wrong(node.place, f"{at.where} is {kind(node)}, but must be keys with values", _keys(readers))
    seen = at.report.seen
    found: dict[str, Any] = {}
    for key, under in node.pairs:
        with at.report.collect():
            if key.text in readers:
                if isinstance(under, Scalar) and under.is_null:
                    raise Wrong(
                        key.place, f"{key.text!r} in {at.where} has no value", "give it one, or take the line out"
                    )
                found[_FIELDS.get(key.text, key.text)] = readers[key.text](
                    under, At(at.report, f"{key.text!r} of {at.where}")
                )
            elif key.text in (*_LATER, *later):
                raise Wrong(
                    key.place, f"{key.text!r} in {at.where} is not supported yet", _LATER.get(key.text, "leave it out")
                )
            else:
                meant = nearest(key.text, readers)
                raise Wrong(key.place, f"unknown key {shortened(key.text)} in {at.where}{meant}", _keys(readers))
    if at.report.seen > seen:
        raise Reported
    return found


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


def _keys(readers: Mapping[str, Reader]) -> str:
    return "keys here: " + ", ".join(readers)


def prose(node: Node, at: At) -> str:
    """Read a text for a model, without space around it. Templates are refused: they would reach it as they are."""
    written = text(node, at)
    if "{{" in written and "}}" in written:
        span = node.span if isinstance(node, Scalar) else (0, 0)
        index = at.report.text.find("{{", *span)
        place = node.place if index < 0 else at.report.place_at(index, 2)
        raise Wrong(place, f"templates ({{{{...}}}}) in {at.where} are not supported yet", "write the value itself")
    return written.strip()


def one_of(*words: str, later: tuple[str, ...] = ()) -> Reader:
    """Make a reader of one of `words`; those in `later` are refused as not supported yet."""

    def read(node: Node, at: At) -> str:
        word = text(node, at)
        if word in words:
            return word
        known = ", ".join(words)
        if word in later:
            raise Wrong(node.place, f"{word!r} for {at.where} is not supported yet", f"known here: {known}")
        raise Wrong(
            node.place,
            f"{at.where} is {shortened(word)}, which is not known{nearest(word, words)}",
            f"known here: {known}",
        )

    return read


def items_in(reader: Reader) -> Reader:
    """Make a reader of lists whose entries `reader` reads; one entry may stand without a list around it."""

    def read(node: Node, at: At) -> tuple[Any, ...]:
        found: list[Any] = []
        seen = at.report.seen
        for item in items_of(node):
            with at.report.collect():
                found.append(reader(item, at))
        if at.report.seen > seen:
            raise Reported
        return tuple(found)

    return read


def names_in(reader: Reader) -> Reader:
    """Make a reader of lists in which an entry counts once."""
    return lambda node, at: tuple(dict.fromkeys(items_in(reader)(node, at)))


def whole(least: int, most: int) -> Reader:
    def read(node: Node, at: At) -> int:
        written = text(node, at)
        if not re.fullmatch(r"[0-9]{1,9}", written) or not least <= int(written) <= most:
            message = f"{at.where} is {shortened(written)}, which is not from {least} to {most}"
            raise Wrong(node.place, message, f"write a whole number from {least} to {most}")
        return int(written)

    return read


def amount(parse: Callable[[str], Any]) -> Reader:
    """Make a reader of what `parse` takes; its ValueError is what is wrong, and behind the `;` what to do."""

    def read(node: Node, at: At) -> Any:
        try:
            return parse(text(node, at))
        except ValueError as error:
            what, _, hint = str(error).partition("; ")
            raise Wrong(node.place, f"{at.where}: {what}", hint) from None

    return read


def truth(node: Node, at: At) -> bool:
    found = yamltree.boolean(node) if isinstance(node, Scalar) else None
    if found is None:
        raise Wrong(
            node.place, f"{at.where} is {kind(node)}, but must be true or false", "write true or false, without quotes"
        )
    return found


def named(is_name: Callable[[str], object], rule: str, reader: Reader) -> Reader:
    """Make a reader of mappings whose keys are names that the user gives; `rule` says what a name may be."""

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
                found[key.text] = reader(under, At(at.report, f"{key.text!r} of {at.where}"))
        if at.report.seen > seen:
            raise Reported
        return found

    return read


def exactly_one(node: Node, at: At, found: dict[str, Any], keys: tuple[str, ...]) -> str:
    """Return the one of `keys` that was found."""
    there = [key for key in keys if _FIELDS.get(key, key) in found]
    if len(there) != 1:
        said = "none" if not there else " and ".join(repr(key) for key in there)
        raise Wrong(
            node.place,
            f"{at.where} needs exactly one of {', '.join(keys)}, and has {said}",
            "split it into two entries" if there else "add one",
        )
    return there[0]
