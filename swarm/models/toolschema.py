"""The parameters of tools in the dialects of JSON Schema that providers take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

MOST_PARTS = 2_000
"""A schema of more parts, its references written out, is taken as open from there on: a stranger's may refer to itself."""

GEMINI_TAKES = frozenset(
    (
        "type",
        "format",
        "title",
        "description",
        "enum",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "anyOf",
        "oneOf",
        "properties",
        "additionalProperties",
        "required",
    )
)
"""https://ai.google.dev/api/caching#FunctionDeclaration and .../generate-content#GenerationConfig (`responseJsonSchema`), without
references, which are written out."""

GRAMMAR_TAKES = frozenset(
    (
        "type",
        "enum",
        "const",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "anyOf",
        "oneOf",
        "properties",
        "additionalProperties",
        "required",
    )
)
"""What engines that hold an answer to a schema have in common; some refuse patterns and formats that they do not know."""

_LISTS = ("anyOf", "oneOf", "prefixItems")
_COMBINED = ("allOf", "anyOf", "oneOf")
_REFUSED_AT_THE_TOP = frozenset((*_COMBINED, "$ref", "not", "enum", "const", "if", "then", "else", "$schema", "$id"))


def object_schema(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an object, as OpenAI and Anthropic want it: with properties, and nothing combined at the top.

    What was combined there is shown as one object with all of their properties; arguments are checked against the schema
    itself, whatever a model was told.
    """
    parts = [parameters, *_branches(parameters, parameters, ("$ref", *_COMBINED))]
    properties: dict[str, Any] = {}
    for part in parts:
        for name, schema in _mapping(part.get("properties")).items():
            properties.setdefault(name, schema)
    all_hold = (parameters, *_branches(parameters, parameters, ("$ref", "allOf")))
    needed = [name for part in all_hold for name in _names(part.get("required"))]
    required = {"required": list(dict.fromkeys(needed))} if needed else {}
    rest = {word: value for word, value in parameters.items() if word not in _REFUSED_AT_THE_TOP}
    return {**rest, "type": "object", "properties": properties, **required}


def reduced(schema: Mapping[str, Any], words: frozenset[str], *, plain_choices: bool = False) -> dict[str, Any]:
    """Return a schema that says with these words alone what it can of `schema`; the rest is left out, so that it takes more.

    References inside it are written out, one that leads back to itself is open, and so is what is no schema. With
    `plain_choices` an `enum` stands only where all that it names are texts and numbers.
    """
    return _Reducing(schema, words, plain_choices).part(schema, ())


class _Reducing:
    def __init__(self, root: Mapping[str, Any], words: frozenset[str], plain_choices: bool) -> None:
        self._root, self._words, self._plain_choices = root, words, plain_choices
        self._left = MOST_PARTS

    def part(self, schema: object, inside: tuple[str, ...]) -> dict[str, Any]:
        said, inside = self._flat(schema, inside)
        found = {word: self._value(word, value, inside) for word, value in said.items() if word in self._words}
        if "const" in said and "const" not in self._words:
            found["enum"] = [said["const"]]
        return self._consistent(found)

    def _flat(self, schema: object, inside: tuple[str, ...]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """A schema with what it refers to and what it combines, and the references that it is inside of by now."""
        self._left -= 1
        said: Mapping[str, Any] = _mapping(schema) if self._left >= 0 else {}
        while isinstance(reference := said.get("$ref"), str):
            if reference in inside:
                return {}, inside
            inside = (*inside, reference)
            own = {word: value for word, value in said.items() if word != "$ref"}
            said = _both(own, _mapping(_at(self._root, reference)))
        for branch in _list(said.get("allOf")):
            flat, inside = self._flat(branch, inside)
            said = _both(said, flat)
        return said, inside

    def _value(self, word: str, value: object, inside: tuple[str, ...]) -> object:
        if word == "properties":
            return {name: self.part(each, inside) for name, each in _mapping(value).items()}
        if word in _LISTS:
            return [self.part(each, inside) for each in _list(value)]
        if word == "items" or (word == "additionalProperties" and not isinstance(value, bool)):
            return self.part(value, inside)
        return value

    def _consistent(self, found: dict[str, Any]) -> dict[str, Any]:
        """Without what refers to nothing: some providers refuse the whole request for it."""
        if "required" in found:
            found["required"] = [name for name in _names(found["required"]) if name in found.get("properties", ())]
        if self._plain_choices and not all(isinstance(each, str | int | float) for each in _list(found.get("enum"))):
            del found["enum"]
        return {word: value for word, value in found.items() if value or word not in (*_LISTS, "required")}


def _both(schema: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """A schema that asks for what both do; where they differ in a word, the first holds."""
    properties = {**_mapping(other.get("properties")), **_mapping(schema.get("properties"))}
    required = list(dict.fromkeys([*_names(schema.get("required")), *_names(other.get("required"))]))
    merged = {"properties": properties, "required": required}
    return {**other, **schema, **{word: value for word, value in merged.items() if value}}


def _branches(root: Mapping[str, Any], schema: Mapping[str, Any], words: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """The schemas that stand in these words of one, or that they refer to."""
    for word in words:
        for each in [schema] if word == "$ref" else _list(schema.get(word)):
            part = _mapping(each)
            reference = part.get("$ref")
            if word != "$ref":
                yield part
            if isinstance(reference, str):
                yield _mapping(_at(root, reference))


def _at(root: Mapping[str, Any], reference: str) -> object:
    """What a reference inside a document leads to, None where that is nothing."""
    if not reference.startswith("#"):
        return None
    place: object = root
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(place, list):
            listed = cast("list[object]", place)
            place = listed[int(name)] if name.isdecimal() and int(name) < len(listed) else None
        else:
            place = _mapping(place).get(name)
    return place


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _names(value: object) -> list[str]:
    return [name for name in _list(value) if isinstance(name, str)]
