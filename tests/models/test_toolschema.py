"""The parameters of tools as each provider takes them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from swarm.models.toolschema import GEMINI_TAKES, GRAMMAR_TAKES, MOST_PARTS, object_schema, reduced

PATH = {"type": "string"}
NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "value": {"$ref": "#/$defs/value"}}}


@pytest.mark.parametrize(
    ("parameters", "sent"),
    [
        ({}, {"type": "object", "properties": {}}),
        ({"type": "string"}, {"type": "object", "properties": {}}),
        (
            {"type": "object", "properties": {"path": PATH}, "required": ["path"], "additionalProperties": False},
            {"type": "object", "properties": {"path": PATH}, "required": ["path"], "additionalProperties": False},
        ),
        (
            {
                "oneOf": [{"properties": {"a": PATH}, "required": ["a"]}, {"properties": {"b": PATH}}],
                "description": "d",
            },
            {"type": "object", "properties": {"a": PATH, "b": PATH}, "description": "d"},
        ),
        (
            {"allOf": [{"properties": {"a": PATH}, "required": ["a"]}], "properties": {"b": PATH}, "required": ["b"]},
            {"type": "object", "properties": {"b": PATH, "a": PATH}, "required": ["b", "a"]},
        ),
        (
            {"$ref": "#/$defs/args", "$defs": {"args": {"properties": {"a": PATH}, "required": ["a"]}}},
            {
                "type": "object",
                "properties": {"a": PATH},
                "required": ["a"],
                "$defs": {"args": {"properties": {"a": PATH}, "required": ["a"]}},
            },
        ),
        ({"properties": [], "required": "a", "anyOf": 5}, {"type": "object", "properties": {}}),
    ],
)
def test_parameters_are_an_object_with_nothing_combined_at_the_top(
    parameters: dict[str, Any], sent: dict[str, Any]
) -> None:
    shown = object_schema(parameters)
    assert {word: value for word, value in shown.items() if word != "required" or isinstance(value, list)} == sent


REDUCED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"$schema": "x", "type": "object", "properties": {"n": {"type": "integer", "exclusiveMinimum": 0}}},
        {"type": "object", "properties": {"n": {"type": "integer"}}},
    ),
    ({"properties": {"pattern": {"type": "string", "pattern": "x"}}}, {"properties": {"pattern": PATH}}),
    ({"const": "a"}, {"enum": ["a"]}),
    ({"enum": ["a", 1, 2.5]}, {"enum": ["a", 1, 2.5]}),
    ({"enum": ["a", None]}, {}),
    ({"type": ["string", "null"], "default": "x"}, {"type": ["string", "null"]}),
    ({"type": "object", "required": ["gone"]}, {"type": "object"}),
    ({"additionalProperties": {"type": "string", "minLength": 1}}, {"additionalProperties": PATH}),
    ({"items": True, "anyOf": [], "oneOf": [{"not": {}}]}, {"items": {}, "oneOf": [{}]}),
    (
        {"properties": {"a": {"$ref": "#/$defs/a~1b", "description": "d"}}, "$defs": {"a/b": PATH}},
        {"properties": {"a": {"type": "string", "description": "d"}}},
    ),
    ({"items": {"$ref": "https://example.test/a"}}, {"items": {}}),
    ({"anyOf": [{"$ref": "#/anyOf/1"}, PATH]}, {"anyOf": [PATH, PATH]}),
    (
        {"$ref": "#/$defs/node", "$defs": {"node": NODE, "value": {"type": "integer"}}},
        {"type": "object", "properties": {"next": {}, "value": {"type": "integer"}}},
    ),
    (
        {"allOf": [{"$ref": "#/$defs/a"}, {"required": ["b"]}], "properties": {"b": {}}, "$defs": {"a": NODE}},
        {"type": "object", "properties": {"b": {}, "next": {}, "value": {}}, "required": ["b"]},
    ),
]


@pytest.mark.parametrize(("schema", "sent"), REDUCED)
def test_what_gemini_does_not_take_is_left_out(schema: dict[str, Any], sent: dict[str, Any]) -> None:
    assert reduced(schema, GEMINI_TAKES, plain_choices=True) == sent


def test_a_schema_that_grows_without_end_is_open_from_some_point_on() -> None:
    bomb: dict[str, Any] = {
        f"d{n}": {"type": "array", "prefixItems": [{"$ref": f"#/$defs/d{n + 1}"}] * 10} for n in range(30)
    }
    assert parts_of(reduced({"$ref": "#/$defs/d0", "$defs": bomb}, GRAMMAR_TAKES)) <= 2 * MOST_PARTS


def parts_of(schema: Any) -> int:
    return 1 + sum(parts_of(each) for each in schema.get("prefixItems", ()))


Schemas = st.SearchStrategy[dict[str, Any]]

leaves: Schemas = st.sampled_from(
    [
        {"type": "string", "pattern": "^a"},
        {"type": "integer", "exclusiveMinimum": 3},
        {"const": 1},
        {"enum": ["a", "b"]},
        {"$ref": "#/$defs/one"},
        {"not": {"type": "string"}},
        {"type": ["string", "null"], "minLength": 2},
    ]
)


def grown(inner: Schemas) -> Schemas:
    def list_of(each: dict[str, Any]) -> dict[str, Any]:
        return {"type": "array", "items": each, "uniqueItems": True}

    def object_of(each: dict[str, dict[str, Any]]) -> dict[str, Any]:
        return {"type": "object", "properties": each, "required": sorted(each)[:1]}

    def any_of(each: list[dict[str, Any]]) -> dict[str, Any]:
        return {"anyOf": each}

    def all_of(each: list[dict[str, Any]]) -> dict[str, Any]:
        return {"allOf": each}

    several = st.lists(inner, min_size=1, max_size=2)
    properties = st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    return inner.map(list_of) | several.map(any_of) | several.map(all_of) | properties.map(object_of)


schemas: Schemas = st.recursive(leaves, grown, max_leaves=4)
documents: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, 1, 4, "a", "ab", "b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=4,
)


@given(schemas, documents, st.sampled_from([GEMINI_TAKES, GRAMMAR_TAKES]))
def test_what_a_schema_takes_its_reduced_form_takes_too(
    schema: dict[str, Any], document: Any, words: frozenset[str]
) -> None:
    whole = {**schema, "$defs": {"one": {"type": "string"}}}
    if takes(whole, document):
        assert takes(reduced(whole, words), document)


def takes(schema: dict[str, Any], document: Any) -> bool:
    validator: Any = Draft202012Validator(schema)
    return bool(validator.is_valid(document))
