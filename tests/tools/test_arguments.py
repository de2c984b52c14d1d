"""The arguments that a model writes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.messages import ToolSpec
from swarm.tools.arguments import ArgumentsUnfit, fitted, plainly, read_arguments

SPEC = ToolSpec(
    "read",
    "",
    {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "lines": {"type": "integer"},
            "all": {"type": "boolean"},
            "globs": {"type": "array", "items": {"type": "string"}},
            "form": {"enum": ["plain", "numbered"]},
            "any": {"type": ["string", "null"]},
        },
        "required": ["path"],
        "additionalProperties": False,
    },
)


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ('{"path": "a", "lines": "5"}', {"path": "a", "lines": 5}),
        ('{"path": "5"}', {"path": "5"}),
        ('{"path": "a", "all": "True"}', {"path": "a", "all": True}),
        ('{"path": "a", "globs": "*.py"}', {"path": "a", "globs": ["*.py"]}),
        ('{"path": "a", "globs": "[\\"*.py\\"]"}', {"path": "a", "globs": ["*.py"]}),
        ('{"path": "a", "any": null}', {"path": "a", "any": None}),
        ('{"path": "a", "lines": 5.0}', {"path": "a", "lines": 5.0}),
    ],
)
def test_arguments_are_brought_to_their_types_where_that_is_plain(written: str, taken: dict[str, Any]) -> None:
    assert fitted(read_arguments(written), SPEC) == taken


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{", "no JSON"),
        ("[1]", "no JSON object"),
        ("{}", "read needs 'path'; its parameters: path, lines?"),
        ('{"path": "a", "pth": 1}', "has no parameter 'pth'"),
        ('{"path": 3}', "path of read is to be string"),
        ('{"path": "a", "lines": "many"}', "lines of read is to be integer"),
        ('{"path": "a", "form": "other"}', "is one of 'plain', 'numbered'"),
        ("[" * 100_000, "no JSON"),
        ('{"path": "\\ud800"}', "no JSON"),
    ],
)
def test_what_does_not_fit_is_told_with_what_would(written: str, told: str) -> None:
    with pytest.raises(ArgumentsUnfit, match=told):
        fitted(read_arguments(written), SPEC)


def test_nothing_at_all_is_no_argument() -> None:
    assert read_arguments("  ") == {}


def test_a_name_that_is_nearly_a_tools_is_told() -> None:
    assert "did you mean read?" in str(ArgumentsUnfit.no_tool("raed", ["read", "write"]))
    assert "there are: read, write" in str(ArgumentsUnfit.no_tool("teleport", ["read", "write"]))


@given(st.text())
def test_any_text_has_one_form(text: str) -> None:
    assert plainly(plainly(text)) == plainly(text)


def test_one_form_whatever_the_spaces_and_the_order() -> None:
    assert plainly('{"b": 1,\n "a": 2}') == plainly('{"a":2,"b":1}') == '{"a":2,"b":1}'
