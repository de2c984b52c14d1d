"""Tokens are counted as tiktoken counts them, of every text there can be; of a long one quickly, and of a request by what they are for."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.messages import Message, ToolSpec
from swarm.text.count import MOST_TOGETHER, SAMPLED_FROM, Counted, Kept, about, count, count_request, parts_of
from swarm.text.tokens import likely_tokens, most_tokens, quick_tokens
from swarm.text.vocabulary import o200k

LOOK_SPECIAL = "<|endoftext|> <|endofprompt|>"
WORDS = st.sampled_from(
    [
        "a",
        "Words",
        " ",
        "  ",
        "\t",
        "\n",
        "\r\n",
        "/",
        "//",
        "...",
        "'s",
        "12345",
        "_",
        "é",
        "中文",
        "\u0301",
        "😀",
        "\u00a0",
        "\u2028",
        "\x1c",
    ]
)


@pytest.fixture(scope="module", autouse=True)
def vocabulary() -> None:
    o200k()  # no example of a property waits for it


def by_tiktoken(text: str) -> int:
    return len(o200k().encode(text, disallowed_special=()))


@given(st.text())
def test_any_text_has_the_tokens_that_tiktoken_finds(text: str) -> None:
    assert count(text) == by_tiktoken(text) <= len(text.encode())


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_no_text_is_too_broken_to_be_counted(text: str) -> None:
    assert 0 <= count(text) <= most_tokens([Message("user", text)])
    assert quick_tokens(text) >= bool(text)


@given(st.lists(WORDS, max_size=60).map("".join), st.integers(1, 12))
def test_a_text_that_is_cut_where_no_token_goes_across_has_the_same_tokens(text: str, most: int) -> None:
    parts = [*parts_of(text, most)]
    assert "".join(parts) == text
    assert all(len(part) <= most for part in parts)
    forced = sum(len(part) == most for part in parts[:-1])  # no such place was in it
    assert abs(sum(map(by_tiktoken, parts)) - by_tiktoken(text)) <= 4 * forced


def test_what_looks_like_a_special_token_is_ordinary_text() -> None:
    assert count(LOOK_SPECIAL) == len(o200k().encode_ordinary(LOOK_SPECIAL)) > 10


def test_a_megabyte_of_one_character_is_counted() -> None:
    spaces = " " * 1_000_000  # more than the pattern of tiktoken takes at once
    assert abs(count(spaces) - 20 * count(" " * MOST_TOGETHER)) <= 20
    assert not about(spaces).exact


def test_a_long_text_is_counted_exactly_part_by_part() -> None:
    text = Path(argparse.__file__).read_text()
    assert len(text) > MOST_TOGETHER
    assert count(text) == by_tiktoken(text)


def test_of_a_long_text_samples_say_about_how_many_tokens_it_has() -> None:
    text = "".join(path.read_text() for path in sorted(Path(argparse.__file__).parent.glob("[a-d]*.py")))
    assert len(text) >= SAMPLED_FROM
    found = about(text)
    assert not found.exact
    assert abs(found.tokens / count(text) - 1) <= 0.05  # docs/explanation/measurements.md has how far it mostly is
    assert about(text[:1_000]) == Counted(count(text[:1_000]), exact=True)


def test_the_counts_that_were_used_least_recently_are_given_up() -> None:
    kept = Kept(2)
    kept.put(b"one", 1)
    kept.put(b"two", 2)
    assert kept.get(b"one") == 1
    kept.put(b"three", 3)
    assert [kept.get(key) for key in (b"one", b"two", b"three")] == [1, None, 3]
    assert len(kept) == 2


def test_a_request_is_counted_by_what_its_tokens_are_for() -> None:
    text, schema = "Say what the file does.", {"type": "object", "properties": {"said": {"type": "string"}}}
    tool = ToolSpec(name="read_file", description="Reads a file.", parameters={"type": "object"})
    found = count_request([Message("system", text), Message("user", text)], schema, [tool])
    assert found.messages == 2 * count(text)
    assert found.schema == count(json.dumps(schema, separators=(",", ":")))
    assert found.tools > count(tool.description)
    assert found.framing > 0
    assert found.total == found.messages + found.schema + found.tools + found.framing


@given(st.lists(st.text(max_size=200), max_size=5))
def test_a_likely_count_stays_below_the_bound_of_a_reservation(texts: list[str]) -> None:
    messages = [Message("user", text) for text in texts]
    assert likely_tokens(messages) <= most_tokens(messages)


@pytest.mark.parametrize(
    "text",
    [
        "The vocabulary was published with the first of the models that use it, and has been theirs since then. " * 20,
        'def total(rows: list[Row]) -> int:\n    return sum(row["amount"] for row in rows if row)\n\n' * 20,
        '{"id": 1042, "name": "Ada", "open": true, "tags": ["red", "blue"]}\n' * 20,
        "这些文字按字节计算 每个字三个字节\n" * 20,
    ],
)
def test_a_quick_count_is_not_far_from_the_exact_one(text: str) -> None:
    assert 0.75 * count(text) <= quick_tokens(text) <= 1.3 * count(text)
