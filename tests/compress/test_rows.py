"""Rows of JSON become a table with the keys once, and come back as they were."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.compress.jsontext import read, written
from swarm.compress.records import short_json, short_table
from swarm.compress.rows import pack, unpack
from tests.compress.counting import by_bytes

PEOPLE = [
    {"id": 1, "name": "Ada", "home": {"city": "London", "zip": "0123"}, "tags": ["a", "b"]},
    {"id": 2, "name": "Bob | Co\nLtd", "home": {"city": "Ghent", "zip": "9000"}},
    {"id": 3, "name": "", "home": {"city": "true", "zip": "null"}, "tags": None},
]


def packed(text: str) -> str:
    found = pack(text)
    assert found is not None
    return found.text()


def test_the_keys_stand_there_once_and_nested_ones_are_columns() -> None:
    assert packed(json.dumps({"total": 3, "people": PEOPLE})).split("\n") == [
        '{"total":3,"people":@1}',
        "@1 3: id|name|home.city|home.zip|tags",
        '1|Ada|London|"0123"|["a","b"]',
        r'2|"Bob \u007c Co\nLtd"|Ghent|"9000"|',
        '3|""|"true"|"null"|null',
    ]


def test_numbers_keep_their_spelling_and_a_row_that_does_not_fit_stands_as_it_is() -> None:
    text = '[{"id": 1.00, "name": "first"}, {"id": 1E5, "name": "second"}, {"name": "third", "id": 12345678901234567890}, 7, {"id": -0}]'
    assert packed(text).split("\n")[1:] == [
        "@1 5: id|name",
        "1.00|first",
        "1E5|second",
        '!{"name":"third","id":12345678901234567890}',
        "!7",
        "-0|",
    ]
    assert unpack(packed(text)) == written(read(text))


def test_documents_one_a_line_are_a_table_too() -> None:
    lines = "".join(f'{{"event": "stored", "n": {number}}}\n' for number in range(4))
    assert packed(lines).split("\n") == ["@@ 4: event|n", *(f"stored|{number}" for number in range(4))]
    assert unpack(packed(lines)) == lines.replace(" ", "").rstrip("\n")


@pytest.mark.parametrize(
    "text", ["", "{", "no JSON", '{"a": 1, "a": 2}', "[NaN]", "[" * 5_000 + "]" * 5_000, "[" * 300 + "]" * 300]
)
def test_what_cannot_come_back_is_left_alone(text: str) -> None:
    assert pack(text) is None


@pytest.mark.parametrize("text", ["@1", "{}\n@1 3: a\n1", "@@ 1: a|b\n1", "@@ 1: a\n-", "@@ 1: a|a.b\n1|2"])
def test_a_packed_text_that_was_changed_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="changed or cut"):
        unpack(text)


KEYS = st.sampled_from(["id", "name", "a.b", "x|y", "", "é", "1", "!k", "@", " k", "\n", '"']) | st.text(max_size=3)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["true", "null", "-1", "1e5", "", "|", "\n", "!x", "@1", "{", "\ud800", " a", "b ", "\u2028", "\x85"]
    )
    | st.text(max_size=6)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=10
)
ROWS = st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=5)


@settings(max_examples=80, deadline=None)
@given(ROWS | st.fixed_dictionaries({"rows": ROWS, "more": ROWS}) | VALUES)
def test_every_document_comes_back(value: Any) -> None:
    text = json.dumps(value)
    assert unpack(packed(text)) == written(read(text))
    assert json.loads(unpack(packed(text))) == json.loads(text)


@settings(max_examples=40, deadline=None)
@given(ROWS | VALUES, st.integers(0, 60))
def test_json_made_short_never_passes_its_limit(value: Any, limit: int) -> None:
    short = short_json(json.dumps(value), limit=limit, count=by_bytes, sought="name 1")
    assert short is None or by_bytes(short.text) <= limit


def test_of_too_many_rows_those_are_shown_that_are_sought_or_tell_of_trouble_and_some_from_all_over() -> None:
    rows = [
        {"id": number, "state": "failed" if number == 77 else "fine", "who": f"user{number}"} for number in range(200)
    ]
    short = short_json(json.dumps(rows), limit=120, count=by_bytes, sought="what of user123")
    assert short is not None
    lines = short.text.split("\n")
    assert lines[:2] == ["@1", "@1 200: id|state|who"]
    assert {"123|fine|user123", "77|failed|user77", "0|fine|user0", "199|fine|user199"} <= set(lines)
    assert short.said == f"{len(lines) - 2} of 200 rows"


def test_a_document_without_rows_has_its_lists_and_texts_cut() -> None:
    text = json.dumps({"name": "x" * 500, "values": list(range(100)), "on": True})
    short = short_json(text, limit=60, count=by_bytes)
    assert short is not None and short.text.startswith('{"name":"xxx') and '"…,"values":[0,' in short.text
    assert "more]" in short.text and short.text.endswith(',"on":true}')


def test_a_table_loses_its_padding_first_and_then_rows() -> None:
    table = "\n".join(
        ["| id   | name     |", "|------|----------|", *(f"| {number:<4} | name {number:<3} |" for number in range(50))]
    )
    whole = short_table(table, limit=300, count=by_bytes)
    assert whole.text.split("\n")[:3] == ["|id|name|", "|-|-|", "|0|name 0|"] and len(whole.kept) == 52
    short = short_table(table, limit=60, count=by_bytes, sought="name 33")
    assert short.text.startswith("|id|name|\n|-|-|\n|0|name 0|") and "|33|name 33|" in short.text
    assert short.kept[:3] == (1, 2, 3) and 36 in short.kept


def test_a_csv_keeps_its_head() -> None:
    short = short_table(
        "id,name\n" + "\n".join(f"{number},n{number}" for number in range(100)), limit=20, count=by_bytes
    )
    assert short.text.split("\n")[:2] == ["id,name", "0,n0"]
