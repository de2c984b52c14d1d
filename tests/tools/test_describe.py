"""A tool in few words allows the same calls as the whole one, and all that it says can be had."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.messages import ToolSpec
from swarm.text.tokens import likely_tokens
from swarm.tools.base import Tool
from swarm.tools.describe import BRIEF, HINT, in_brief, in_full, in_least, one_line, properties_of, signature
from tests.tools.mcptools import mcp_tools

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed (the extra `schema`)")

TOOLS = mcp_tools()
NAMES = ("path", "title", "description", "default", "properties", "$ref", "items", "examples", "required", "x")
VALUES = st.sampled_from(
    [None, True, False, 0, 1, 7.5, -3, "", "a", "b", "title", [], ["a"], [1, "b"], {}, {"path": 1}]
)
SAYINGS = st.fixed_dictionaries(
    {},
    optional={
        "title": st.just("A title"),
        "description": st.sampled_from(["The path.", "A number (1-9) of lines. More.", ""]),
        "default": VALUES,
        "examples": st.lists(VALUES, max_size=2),
        "$comment": st.just("none"),
        "deprecated": st.just(True),
    },
)
LEAVES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {"type": "string", "minLength": 1},
        {"type": ["integer", "null"]},
        {"enum": ["a", 1, {"title": "kept"}]},
        {"const": {"description": "kept"}},
        {"type": "number", "minimum": 1, "exclusiveMaximum": 7},
    ]
)


def _with(schemas: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas that hold such schemas."""
    fields = st.dictionaries(st.sampled_from(NAMES), schemas, max_size=3)
    objects = st.fixed_dictionaries(
        {"type": st.just("object"), "properties": fields},
        optional={
            "required": st.lists(st.sampled_from(NAMES), unique=True, max_size=2),
            "additionalProperties": schemas | st.booleans(),
            "patternProperties": st.dictionaries(st.sampled_from(["^t", "e$"]), schemas, max_size=1),
        },
    )
    lists = st.fixed_dictionaries({"type": st.just("array"), "items": schemas}, optional={"maxItems": st.just(2)})
    choices = st.fixed_dictionaries({}, optional={"anyOf": st.lists(schemas, min_size=1, max_size=2), "not": schemas})
    held = objects | lists | choices
    return st.tuples(held, SAYINGS).map(lambda pair: {**pair[1], **pair[0]})


SCHEMAS = st.recursive(st.tuples(LEAVES, SAYINGS).map(lambda pair: {**pair[1], **pair[0]}), _with, max_leaves=6)
ARGUMENTS = st.dictionaries(
    st.sampled_from(NAMES), st.recursive(VALUES, lambda inner: st.lists(inner, max_size=2)), max_size=4
)


def allows(schema: Mapping[str, Any], arguments: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(arguments))


@given(_with(SCHEMAS).map(lambda schema: {**schema, "type": "object"}), ARGUMENTS)
def test_the_brief_schema_allows_exactly_the_arguments_that_the_whole_one_allows(
    schema: dict[str, Any], arguments: dict[str, Any]
) -> None:
    brief = in_brief(ToolSpec("t", "Does it.", schema)).parameters
    assert allows(brief, arguments) == allows(schema, arguments)
    assert len(json.dumps(brief)) <= len(json.dumps(schema))


@given(st.sampled_from(TOOLS), st.data())
def test_a_public_tool_can_be_called_in_the_same_ways(tool: Tool, data: st.DataObject) -> None:
    whole, brief = tool.spec.parameters, in_brief(tool.spec).parameters
    assert brief.get("required") == whole.get("required")
    assert [*properties_of(in_brief(tool.spec))] == [*properties_of(tool.spec)]
    names = st.sampled_from([*properties_of(tool.spec), "another"])
    arguments = data.draw(st.dictionaries(names, VALUES, max_size=4))
    assert allows(brief, arguments) == allows(whole, arguments)


def test_a_shared_definition_stays_where_something_refers_to_it_and_goes_where_nothing_does() -> None:
    shared = {"$defs": {"path": {"type": "string", "title": "Path"}}}
    used = ToolSpec("t", "", {**shared, "type": "object", "properties": {"a": {"$ref": "#/$defs/path"}}})
    idle = ToolSpec("t", "", {**shared, "type": "object", "properties": {"a": {"type": "string"}}})
    assert in_brief(used).parameters == {**used.parameters, "$defs": {"path": {"type": "string"}}}
    assert "$defs" not in in_brief(idle).parameters


def test_of_a_parameter_stays_what_its_name_does_not_say() -> None:
    fields = {
        "path": {"type": "string", "description": "The path of the file."},
        "kind": {"type": "string", "description": "Which are listed: 'local' or 'remote' ones. Nothing else is known."},
        "note": {"type": "string", "description": "word " * 100},
    }
    brief = properties_of(in_brief(ToolSpec("read_file", "Reads.", {"type": "object", "properties": fields})))
    assert "description" not in brief["path"]
    assert brief["kind"]["description"] == "Which are listed: 'local' or 'remote' ones"
    assert len(brief["note"]["description"]) <= HINT


def test_a_description_is_cut_between_sentences() -> None:
    assert (
        in_brief(ToolSpec("t", "Reads e.g. a file. Fast. " + "Word " * 60, {})).description
        == "Reads e.g. a file. Fast."
    )
    long = in_brief(ToolSpec("t", "word " * 200, {})).description
    assert BRIEF < len(long) <= 240
    assert long.endswith(" ...")
    assert in_brief(ToolSpec("t", "", {})).description == ""


def test_a_line_names_each_parameter_with_what_it_may_be() -> None:
    fields: dict[str, Any] = {
        "path": {"type": "string"},
        "lines": {"type": "integer", "default": 200},
        "as": {"enum": ["text", "base64"]},
        "since": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "edits": {"type": "array", "items": {"type": "object", "properties": {"old": {}, "new": {}}}},
        "rest": True,
    }
    spec = ToolSpec(
        "read", "Shows a file. " + "More. " * 50, {"type": "object", "properties": fields, "required": ["path"]}
    )
    assert signature(spec) == (
        'read(path: string, lines?: integer=200, as?: "text"|"base64", since?: string|null, edits?: {old, new}[], rest?: any)'
    )
    assert one_line(spec).startswith(f"{signature(spec)}: Shows a file.")


def test_in_full_a_tool_says_all_that_it_says() -> None:
    for tool in TOOLS:
        said = in_full(tool.spec)
        assert tool.spec.description.strip() in said
        assert all(str(schema.get("description", "")) in said for schema in properties_of(tool.spec).values())


@pytest.mark.parametrize(
    "schema", [{}, {"properties": []}, {"properties": {"a": 3}, "required": True}, {"required": "a"}]
)
def test_what_is_no_schema_of_an_object_is_described_without_parameters_that_nobody_knows(
    schema: dict[str, Any],
) -> None:
    spec = ToolSpec("t", "Does it.", schema)
    assert one_line(spec) in ("t(): Does it.", "t(a?: any): Does it.")
    assert in_full(spec).endswith("Does it.")
    in_brief(spec)


def test_ten_of_the_public_tools_in_brief_take_less_than_three_tenths_of_the_tokens_of_all() -> None:
    whole = likely_tokens((), tools=[tool.spec for tool in TOOLS])
    brief = [in_brief(tool.spec) for tool in TOOLS]
    assert likely_tokens((), tools=brief) < 0.72 * whole
    dearest = sorted(brief, key=lambda spec: -likely_tokens((), tools=[spec]))[:10]
    assert likely_tokens((), tools=brief[:10]) < likely_tokens((), tools=dearest) < 0.3 * whole


def test_in_the_fewest_words_a_tool_lacks_only_bounds_that_go_without_saying() -> None:
    lines: dict[str, Any] = {"type": "integer", "minimum": 1}
    share: dict[str, Any] = {"type": "number", "minimum": 0.5, "maximum": 1}
    inner: dict[str, Any] = {"type": "object", "properties": {"minimum": lines}, "additionalProperties": False}
    parameters: dict[str, Any] = {
        "type": "object",
        "properties": {"minimum": {"type": "array", "items": inner}, "share": {"anyOf": [share, lines]}},
        "additionalProperties": False,
    }
    found = in_least(ToolSpec("t", "Does it.", parameters))
    assert found.parameters == {
        "type": "object",
        "properties": {
            "minimum": {
                "type": "array",
                "items": {"type": "object", "properties": {"minimum": {"type": "integer"}}},
            },
            "share": {"anyOf": [share, {"type": "integer"}]},
        },
    }
    assert in_least(found) == found
