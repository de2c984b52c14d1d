"""What servers say, made harmless: texts, schemas, names, results; for every input that may come."""

from __future__ import annotations

import json
import re
from typing import Any
from unicodedata import category

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.messages import ToolSpec
from swarm.settings.mcpserver import McpServer
from swarm.tools.base import Fresh, Said, Tool
from swarm.tools.mcp.listing import Listing, definitions_of, is_allowed, offered
from swarm.tools.mcp.plain import MOST_SCHEMA_BYTES, Unusable, one_line, plain, plain_schema
from swarm.tools.mcp.result import MOST_TEXT, said_of, shortened

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["properties", "type", "description", "$ref", "pattern", "items", "anyOf", "enum", "x"])
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
HOSTILE = st.text(
    st.sampled_from("a<>|[]/ISNT\x1b\u202e\u200b\U000e0041\ud800\n im_startsystem"), max_size=60
) | st.text(max_size=60)

quiet = settings(max_examples=50, deadline=None)


def identity(server: str) -> str:
    return f"what {server} is"


def use_of(server: str) -> Any:
    async def use(tool: str, arguments: object) -> Said:
        return Said(text=f"{server} {tool}")

    return use


def server(name: str = "s", **more: Any) -> McpServer:
    return McpServer(name=name, kind="stdio", command="x", **more)


def entry(name: str, schema: object = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "d", "inputSchema": {"type": "object"} if schema is None else schema, **more}


def names_of(*listings: tuple[McpServer, list[str]]) -> list[str]:
    given_ = [(one, Listing(definitions=definitions_of([entry(name) for name in names])[0])) for one, names in listings]
    return [tool.name for tool in offered(given_, use_of, identity).tools]


@quiet
@given(HOSTILE)
def test_a_plain_text_has_no_marks_of_a_conversation_and_nothing_unseen(text: str) -> None:
    found = plain(text, 50)
    assert len(found) <= 50
    assert "<<<" not in found and ">>>" not in found and not re.search(r"<\|[^<>|\n]{1,40}\|>|\[/?INST\]", found)
    assert not {category(char) for char in found if char not in "\n\t"} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert plain(found, 50) == found, "what is plain stays as it is"
    assert "\n" not in one_line(text, 50)


@quiet
@given(JSON)
def test_any_json_is_a_schema_of_an_object_that_providers_take_or_unusable(schema: object) -> None:
    try:
        found = plain_schema(schema)
    except Unusable:
        return
    text = json.dumps(found)
    assert (
        found["type"] == "object"
        and isinstance(found["properties"], dict)
        and len(text.encode()) <= 2 * MOST_SCHEMA_BYTES
    )
    assert plain_schema(found) == found


def test_a_schema_keeps_what_says_something_and_loses_what_would_be_run_or_fetched() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "pattern": "(a+)+$", "description": "What to\x1b look for"},
            "kind": {"enum": ["a", "b"]},
            "far": {"$ref": "https://evil.example/schema"},
            "near": {"$ref": "#/$defs/n"},
        },
        "$defs": {"n": {"type": "integer", "default": 3}},
        "required": ["pattern"],
    }
    assert plain_schema(schema) == {
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "description": "What to look for"},
            "kind": {"enum": ["a", "b"]},
            "far": {},
            "near": {"$ref": "#/$defs/n"},
        },
        "$defs": {"n": {"type": "integer", "default": 3}},
        "required": ["pattern"],
    }


def test_a_schema_that_is_too_long_loses_its_texts_before_the_tool_is_lost() -> None:
    properties = {f"p{number}": {"type": "string", "description": "long " * 100} for number in range(100)}
    found = plain_schema({"type": "object", "properties": properties | {"description": {"type": "string"}}})
    assert found["properties"]["p0"] == found["properties"]["description"] == {"type": "string"}
    deep: dict[str, Any] = {}
    for _ in range(40):
        deep = {"items": deep}
    wrong: list[tuple[dict[str, Any], str]] = [
        (deep, "nested deeper"),
        ({"properties": {"\u202ea": {}}}, "nobody sees"),
        ({"type": "array"}, "object"),
        ({"properties": {"a": {"minimum": object()}}}, "as JSON"),
    ]
    for schema, why in wrong:
        with pytest.raises(Unusable, match=why):
            plain_schema({"type": "object", **schema})


@quiet
@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=80), st.lists(st.text(min_size=1, max_size=80), max_size=4)), max_size=4
    )
)
def test_each_offered_name_is_one_that_every_provider_takes_and_no_two_are_equal(
    given_: list[tuple[str, list[str]]],
) -> None:
    found = names_of(*((server(name), tools) for name, tools in given_))
    assert len(set(found)) == len(found)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in found)


def test_names_stay_apart_where_what_they_are_made_of_is_the_same() -> None:
    found = names_of((server("a"), ["b", "ä", "ö", "x" * 70, "x" * 71]), (server("B"), ["b"]))
    assert found[0] == "a__b" and found[-1] == "B__b" and len(set(found)) == 6


def test_no_servers_tools_have_names_that_begin_as_those_of_another() -> None:
    names = ["a", "a__b", "a_", "a b", "a_b", "é", "-", "x" * 40, "x" * 41]
    found = [name.partition("__")[0] for name in names_of(*((server(name), ["b__c"]) for name in names))]
    assert len(set(found)) == len(names) and found[:2] == ["a", "a_b"]
    assert all(len(prefix) <= 32 for prefix in found)


def test_lists_of_a_user_let_tools_in_and_one_that_means_no_tool_is_told() -> None:
    one = server(allow=("read_*", "gti_log"), deny=("read_secret",))
    assert [is_allowed(one, name) for name in ("read_file", "read_secret", "write")] == [True, False, False]
    listing = Listing(definitions=definitions_of([entry("read_file"), entry("read_secret"), entry("git_log")])[0])
    found = offered([(one, listing)], use_of, identity)
    assert [tool.name for tool in found.tools] == ["s__read_file"]
    assert found.oddities == (
        "MCP server 's': `allow` names 'gti_log', and it has no such tool; did you mean 'git_log'?",
    )


async def test_an_offered_tool_reaches_the_world_and_hints_are_believed_only_where_the_user_says_so() -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "url": {"type": "string"}},
        "required": ["n", "url"],
    }
    entries = [entry("get", schema, annotations={"readOnlyHint": True, "idempotentHint": True}, title="Get")]
    definitions, oddities = definitions_of(entries)
    assert not oddities
    for trusted in (False, True):
        (tool,) = offered(
            [(server("my srv", trust_hints=trusted), Listing(definitions=definitions))], use_of, identity
        ).tools
        assert (tool.effect, tool.repeatable, tool.source, tool.subject) == ("world", trusted, "my srv", "url")
        assert not tool.in_copy
        assert tool.spec == ToolSpec(name="my_srv__get", description="From the MCP server my srv: d", parameters=schema)
        assert tool.tags == ("my", "srv") and await tool.use({}) == Said(text="my srv get")


async def test_a_result_is_kept_where_the_user_says_how_long_and_the_server_that_its_tool_only_looks() -> None:
    hints = {"readOnlyHint": True, "idempotentHint": True}
    entries = [entry("look", annotations=hints), entry("once", annotations={"readOnlyHint": True}), entry("do")]
    listing = Listing(definitions=definitions_of(entries)[0])

    def looked(identity: Any = identity, **more: Any) -> dict[str, Tool]:
        one = server(trust_hints=True, **more)
        return {tool.name: tool for tool in offered([(one, listing)], use_of, identity).tools}

    kept = looked(keep_s=60)
    assert [name for name, tool in kept.items() if tool.depends_on] == ["s__look"] and kept["s__look"].sees_files
    assert await kept["s__look"].use({}) == Said(text="s look", fresh=Fresh(seconds=60))
    assert not any(tool.depends_on for tool in looked().values())
    assert looked(str, keep_s=60)["s__look"].depends_on != kept["s__look"].depends_on
    for url, sees in (
        ("http://localhost:1/mcp", True),
        ("https://${HOST}/mcp", True),
        ("https://a.example/mcp", False),
    ):
        far = McpServer(name="s", kind="http", url=url, trust_hints=True, keep_s=9)
        assert offered([(far, listing)], use_of, identity).tools[0].sees_files is sees


@quiet
@given(st.lists(JSON, max_size=4))
def test_a_list_of_anything_gives_tools_and_reasons(entries: list[object]) -> None:
    definitions, oddities = definitions_of([*entries, entry("good")])
    assert definitions[-1].name == "good" and len(definitions) + len(oddities) == len(entries) + 1


@quiet
@given(JSON)
def test_any_result_is_a_text_that_can_be_stored(result: Any) -> None:
    forms: list[dict[str, Any]] = [{"content": result}, {"content": [result]}, {"structuredContent": result}]
    for one in forms:
        said = said_of(one)
        said.text.encode()
        assert said.text


def test_a_result_shows_texts_and_tells_of_the_rest() -> None:
    content = [
        {"type": "text", "text": "one"},
        {"type": "image", "mimeType": "image/png", "data": "A" * 400},
        {"type": "audio", "data": "A" * 4},
        {"type": "resource", "resource": {"uri": "file:///a", "text": "its text"}},
        {"type": "resource", "resource": {"uri": "file:///b", "blob": "AAAA", "mimeType": "application/zip"}},
        {"type": "resource_link", "uri": "file:///c", "name": "c"},
        {"type": "hologram"},
        7,
    ]
    assert said_of({"content": content, "isError": True}) == Said(
        text="one\n[image/png of 300 bytes: not shown]\n[audio of 3 bytes: not shown]\n[resource file:///a]\nits text\n"
        "[resource file:///b: application/zip of 3 bytes, not shown]\n[resource c file:///c]\n[hologram: not shown]\n"
        "[something: not shown]",
        failed=True,
    )
    assert said_of({"content": []}).text == "(the tool said nothing)"


def test_what_is_structured_is_shown_once() -> None:
    text = [{"type": "text", "text": '{"a": 1}'}]
    assert said_of({"content": text, "structuredContent": {"a": 1}}).text == '{"a": 1}'
    assert said_of({"content": [{"type": "text", "text": "7"}], "structuredContent": {"result": 7}}).text == "7"
    assert said_of({"content": [], "structuredContent": {"a": "ä"}}).text == '{"a": "ä"}'
    assert (
        said_of({"content": [{"type": "text", "text": "see"}], "structuredContent": {"a": 1}}).text == 'see\n{"a": 1}'
    )


def test_a_long_result_keeps_its_head_and_its_tail() -> None:
    said = said_of({"content": [{"type": "text", "text": "first\n" + "line\n" * MOST_TEXT + "last"}]})
    assert said.cut and said.text.startswith("first\n") and said.text.endswith("\nlast")
    assert "characters left out]" in said.text and len(said.text) < MOST_TEXT + 100
    assert shortened("x" * 100, 10) == ("xxxxx\n[90 characters left out]\nxxxxx", True)
