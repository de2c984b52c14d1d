"""A key says the same only where all is the same that an answer depends on."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.cache.fingerprint import Basis, is_of_its_time, key_of
from swarm.messages import Message, ToolSpec

TEXTS = st.text(max_size=12)
WORDS = st.text(st.characters(codec="ascii", categories=["L"]), max_size=4)
TOOLS = st.lists(st.builds(ToolSpec, WORDS, WORDS, st.dictionaries(WORDS, WORDS, max_size=2)), max_size=2).map(tuple)
MESSAGES = st.lists(st.builds(Message, st.sampled_from(["system", "user"]), TEXTS), min_size=1, max_size=3).map(tuple)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "messages": MESSAGES,
    "role": WORDS,
    "agent": WORDS,
    "model": WORDS,
    "server": WORDS,
    "tier": st.sampled_from(["local", "free", "paid"]),
    "project": TEXTS,
    "answer_schema": st.none() | st.dictionaries(WORDS, WORDS, max_size=2),
    "tools": TOOLS,
    "skills": st.lists(WORDS, max_size=2).map(tuple),
    "sources": st.dictionaries(WORDS, WORDS, min_size=1, max_size=2),
}
BASES = st.builds(Basis, **FIELDS)


@settings(max_examples=60)
@given(BASES, st.sampled_from(sorted(FIELDS)), st.data())
def test_a_change_of_anything_an_answer_depends_on_is_another_key(
    basis: Basis, field: str, data: st.DataObject
) -> None:
    other = msgspec.structs.replace(basis, **{field: data.draw(FIELDS[field])})
    first, second = key_of(basis), key_of(other)
    if first is not None and second is not None:
        assert (first.all == second.all) == (basis == other)


@settings(max_examples=30)
@given(BASES, TEXTS)
def test_all_but_the_question_is_the_same_for_another_question_and_for_nothing_else(basis: Basis, text: str) -> None:
    one, two = (
        msgspec.structs.replace(basis, messages=(*basis.messages, Message("user", said))) for said in ("what?", text)
    )
    first, second = key_of(one), key_of(two)
    if first is not None and second is not None:
        assert first.but_question == second.but_question != ""
        moved = key_of(msgspec.structs.replace(one, project=one.project + "2"))
        assert moved is not None and moved.but_question != first.but_question


@settings(max_examples=20)
@given(BASES)
def test_the_order_in_which_sources_were_read_is_of_no_matter(basis: Basis) -> None:
    turned = dict(reversed(list(basis.sources.items())))
    assert key_of(basis) == key_of(msgspec.structs.replace(basis, sources=turned))


@pytest.mark.parametrize(
    "change", [{"temperature": 0.7}, {"tools": (ToolSpec("read", "reads", {}),)}, {"messages": ()}]
)
def test_what_chance_or_tools_or_nothing_made_has_no_key(change: dict[str, Any]) -> None:
    basis = Basis(
        messages=(Message("user", "Hi"),), role="r", agent="a", model="m", server="", tier="free", project="p"
    )
    assert key_of(basis) is not None
    assert key_of(msgspec.structs.replace(basis, **change)) is None


@pytest.mark.parametrize(
    "text", ["What is the weather today?", "Who is currently in office?", "Wie spät ist es jetzt?"]
)
def test_a_question_about_this_moment_has_no_key(text: str) -> None:
    basis = Basis(
        messages=(Message("user", text),), role="r", agent="a", model="m", server="", tier="free", project="p"
    )
    assert is_of_its_time(text) and key_of(basis) is None
