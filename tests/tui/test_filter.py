"""The language behind `/`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.filter import EVERYTHING, Filter, FilterError, Kind, Value, read_filter

FIELDS: dict[str, Kind] = {
    "role": "word",
    "model": "word",
    "state": "word",
    "cost": "dollars",
    "tokens": "number",
    "age": "time",
}
THING: dict[str, Value] = {
    "role": "worker",
    "model": "Qwen3-32b:free",
    "state": "accepted done",
    "cost": 0.02,
    "tokens": 17_900,
    "age": 300.0,
}


def passes(text: str) -> bool:
    return read_filter(text, FIELDS).passes(THING.__getitem__, lambda: "accepted t-0007 Fix the [flaky] test")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "  ",
            "role:worker",
            "role:WORK",
            "model:qwen",
            "model:q*:free",
            'model:"qwen3"',
            "role=worker",
            "!role=work",
        ),
        *("state:done", "!state:open", "cost>0.01", "cost>$0.01", "cost<=0.02", "cost:.02", "tokens>17k", "tokens<18K"),
        *("age=5m", "age<1h", "age>=300", "t-00", "!t-01", "/t-[0-9]{4}/", "!/^t-/", "[flaky]", '"the [flaky]"', "//"),
        *("role:worker !state:open cost>0.01 t-00 /fix/", "/a\\/b|fix/", "ROLE:worker", "*flaky*"),
    ],
)
def test_what_is_typed_finds_it(text: str) -> None:
    assert passes(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "role:validator",
            "!role:worker",
            "role=work",
            "model:q*free:",
            "cost>0.02",
            "cost<$0.02",
            "tokens>=18k",
            "age>1d",
        ),
        *("t-01", "!t-00", "/T-[a-z]/", "flaky*", "role:worker t-99"),
    ],
)
def test_what_does_not_fit_is_left_out(text: str) -> None:
    assert not passes(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rolle:x", "there is no field rolle; did you mean role? There are role, model, state, cost, tokens, age"),
        ("xyz>1", "there is no field xyz; there are role, model, state, cost, tokens, age"),
        ("role>5", "role is a word and cannot be compared with >; write role:word"),
        ("role:", "nothing stands behind role:; write role:word"),
        ("cost>", "nothing stands behind cost>; write cost>0.01"),
        ("cost:cheap", "cheap is no amount of dollars; write cost>0.01"),
        ("age>5y", "5y is no length of time; write age>5m"),
        ("tokens>many", "many is no number; write tokens>5k"),
        ("/t-00", "the pattern /t-00 has no end; write /pattern/"),
        ("/(/", "/(/ is no pattern: missing ), unterminated subpattern at position 0"),
        ('model:"qwen', '"qwen has no closing quote'),
        ("!", "nothing stands behind !; write !word or !field:word"),
        ("x" * 201, "a filter has at most 200 characters, and this one has 201"),
    ],
)
def test_what_is_no_filter_is_told_with_what_would_be(text: str, said: str) -> None:
    with pytest.raises(FilterError) as problem:
        read_filter(text, FIELDS)
    assert str(problem.value) == said


_PIECES = st.sampled_from(
    [
        "role:",
        "cost>",
        "age<=",
        "!",
        "/",
        "\\",
        '"',
        "*",
        "[",
        "(",
        "{9}",
        "?",
        " ",
        "5m",
        "\x1b",
        "é",
        "a",
        ":",
        "=",
        "[",
    ]
)


@given(st.one_of(st.text(max_size=30), st.lists(_PIECES, max_size=12).map("".join)))
def test_nothing_that_is_typed_is_more_than_told(text: str) -> None:
    try:
        found = read_filter(text, FIELDS)
    except FilterError as problem:
        assert "\x1b" not in str(problem)
        return
    assert isinstance(found.passes(THING.__getitem__, lambda: "one row"), bool)
    assert read_filter(found.text, FIELDS).terms == found.terms


@given(st.text(st.characters(exclude_characters='"'), min_size=1, max_size=20).filter(str.strip))
def test_a_word_between_quotes_is_found_where_it_stands(word: str) -> None:
    found = read_filter(f'"{word}"', FIELDS)
    assert found.passes(THING.__getitem__, lambda: f"before {word} behind") or "*" in word


def test_nothing_typed_lets_everything_through() -> None:
    assert read_filter(" ", FIELDS) == Filter("", ()) == EVERYTHING
