"""The quick reader of front matter: what it reads comes to the same as with PyYAML, all else it leaves alone."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skills.simpleyaml import NotSimple, read_simple

ORDINARY = {
    "name: pdf\ndescription: Reads PDFs. Use when there is one.": {
        "name": "pdf",
        "description": "Reads PDFs. Use when there is one.",
    },
    "# first\n\nname:   pdf  \nlicense: MIT": {"name": "pdf", "license": "MIT"},
    "a: \"quoted: it's\"\nb: 'it''s'\nc: ''": {"a": "quoted: it's", "b": "it's", "c": ""},
    "a: >-\n  folded\n  text\nb: |\n  two\n\n  lines\n\nc: >\n  one": {
        "a": "folded text",
        "b": "two\n\nlines\n",
        "c": "one\n",
    },
    "a: goes\n  on below": {"a": "goes on below"},
    "metadata:\n  tags: sql, data\n  version: 1.0\nz:": {"metadata": {"tags": "sql, data", "version": "1.0"}, "z": ""},
    "allowed-tools:\n  - Read\n  - Bash(git:*)": {"allowed-tools": ["Read", "Bash(git:*)"]},
    "allowed-tools:\n- Read": None,
    "a: [b, c]": None,
    "a: b: c": None,
    "a: &x b": None,
    "a: b # c": None,
    'a: "\\u0041"': None,
    "a:\tb": None,
    "- a": None,
    "": None,
    "a: *b": None,
    "? a": None,
    "a: >2\n    b": None,
    "---\na: b": None,
}


@pytest.mark.parametrize(("text", "keys"), ORDINARY.items())
def test_ordinary_front_matter_is_read_and_all_else_is_left_to_pyyaml(
    text: str, keys: dict[str, object] | None
) -> None:
    text += "\n"
    if keys is None:
        with pytest.raises(NotSimple):
            read_simple(text)
    else:
        assert read_simple(text) == keys == yaml.load(text, Loader=yaml.BaseLoader)


SIGNS = "a key : # - ' \" '' \\ > | >- |- |+ [ ] { } , &x *x ! % @ ` ? ~ 1.0 yes é ... --- << = 名"
PIECES = st.sampled_from(SIGNS.split()).flatmap(
    lambda piece: st.sampled_from([piece, f"{piece} ", f" {piece}", f"{piece}\n", f"\n{piece}"])
) | st.sampled_from(
    ["\n", "\n\n", "\n  ", "\n    ", " ", "  ", "\t", "\r", "\x07", "\x85", "\u2028", "\ufeff", "\U0001f600"]
)
ENTRIES = st.sampled_from([text for text, keys in ORDINARY.items() if keys is not None])


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Ordinary front matter with something put in that may change what it means."""
    text = "\n".join(draw(st.lists(ENTRIES, min_size=1, max_size=4))) + "\n"
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(PIECES) + text[at + draw(st.integers(0, 2)) :]
    return text


@settings(max_examples=200, deadline=None)
@given(documents())
@example("a: |\n  x\n   \nb: c")
@example("a: 'b'c'")
@example("a: >-\n  x\n  # no comment\n")
@example("a: x\n  - y")
@example("a:\n  - b\n  -c")
@example("a:\n  # x\n  b: c")
@example("a: |\n  x\n # left\nb: c")
@example("a: ---")
@example("a: b\n...\nc: d")
@example("a:\n  b:\n  c: d")
@example("a: |\n\n  x")
def test_what_is_read_comes_to_the_same_as_with_pyyaml(text: str) -> None:
    text += "" if text.endswith("\n") else "\n"
    try:
        found = read_simple(text)
    except NotSimple:
        return
    assert found == yaml.load(text, Loader=yaml.BaseLoader)
