"""Profiles in files: ours are read strictly, those of other programs leniently, and nothing in them raises."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.agents.markdown import ReadProfile, load_profile, read_profile
from swarm.agents.profile import MOST_PROMPT_BYTES, Agent

OURS = """---
name: sql
description: Reviews SQL.
types: [analysis, code]
tags: sql
words: 200
tiers: [free, cheap]
budget: {tokens: 20k, usd: 0.01}
---

You review SQL. {{not a lookup}}
"""
THEIRS = """---
name: Code Reviewer
description: Use this agent when: code was written. Examples:\\n<example>user: "x"</example>
tools: Read, Grep
model: sonnet
color: green
words: plenty
tags: [review]
---
You are an expert.
"""


def ours(text: str) -> ReadProfile:
    return read_profile(text, Path("my agent.md"), foreign=False)


def theirs(text: str) -> ReadProfile:
    return read_profile(text, Path("reviewer.md"), foreign=True)


def places(read: ReadProfile) -> list[tuple[int, int]]:
    return [(each.line, each.column) for each in (*read.errors, *read.warnings)]


def test_a_profile_of_ours_says_all_that_an_agent_is() -> None:
    read = ours(OURS)
    assert read.agent == Agent(
        name="sql",
        description="Reviews SQL.",
        prompt="You review SQL. {{not a lookup}}",
        types=("analysis", "code"),
        tags=("sql",),
        words=200,
        tiers=("free", "cheap"),
        tokens=20_000,
        usd_nanos=10_000_000,
    )
    assert (read.errors, read.warnings) == ((), ())


def test_a_text_alone_is_an_agent_named_like_its_file() -> None:
    read = ours("You write in rhymes.\n")
    assert read.agent == Agent(name="my-agent", prompt="You write in rhymes.")
    assert not read.errors


@pytest.mark.parametrize(
    ("front", "place", "said"),
    [
        ("words: many", (2, 8), "'words' is 'many', which is not from 1 to 10000"),
        ("type: [docs]", (2, 1), "unknown key 'type' \u2013 did you mean 'types'?"),
        ("tiers: [cheapest]", (2, 9), "'cheapest'"),
        ("name: Big Agent", (2, 7), "'Big Agent' cannot be the name of an agent"),
        ("tags: [two words]", (2, 8), "'two words' in 'tags' is no tag"),
        ("types:", (2, 1), "'types' has no value"),
        ("prompt: x", (2, 1), "'prompt' stands in the front matter"),
        ("types: [docs", (2, 8), "a bracket that is opened here is not closed"),
        ("words: 10\nwords: 20", (3, 1), "key 'words' stands here twice"),
        ("budget: {}", (2, 9), "'budget' caps nothing"),
    ],
)
def test_what_is_wrong_in_one_of_ours_is_told_with_its_place(front: str, place: tuple[int, int], said: str) -> None:
    read = ours(f"---\n{front}\n---\nHi.\n")
    assert read.agent is None
    assert places(read)[0] == place
    assert said in read.errors[0].message


def test_a_key_of_another_program_is_odd_in_one_of_ours_and_no_error() -> None:
    read = ours("---\ntypes: [docs]\nmodel: sonnet\nflavour: mint\ncolor: red\n---\nHi.\n")
    assert read.agent == Agent(name="my-agent", prompt="Hi.", types=("docs",))
    assert [each.message for each in read.warnings] == [
        "'model' changes nothing here: the choice takes the model; `tiers: [free]` bounds it",
        "unknown key 'flavour'",
    ]


def test_one_of_another_program_is_read_as_far_as_it_can_be() -> None:
    read = theirs(THEIRS)
    assert read.agent is not None and not read.errors
    assert (read.agent.name, read.agent.tags, read.agent.words) == ("code-reviewer", ("review",), 0)
    assert read.agent.prompt == "You are an expert."
    assert read.agent.description.startswith("Use this agent when: code was written.")
    assert read.agent.tools == ("read", "search")
    assert [each.line for each in read.warnings] == [2, 3, 5, 7], "name, YAML, model, words"


def test_the_tools_that_one_of_another_program_names_are_those_that_are_called_otherwise_here() -> None:
    front = "tools: Read, Bash(git log, git diff), mcp__memory__store, mcp__time, NotebookEdit\nskills: docs, sql"
    read = theirs(f"---\nname: a\n{front}\n---\nHi.\n")
    assert read.agent is not None
    assert read.agent.tools == ("read", "run", "memory__store", "time__*")
    assert read.agent.skills == ("docs", "sql")
    assert [each.message for each in read.warnings] == ["'NotebookEdit' in 'tools' is no tool here, and is left out"]


def test_one_of_another_program_that_names_no_tool_that_there_is_here_has_none() -> None:
    read = theirs("---\nname: a\ntools: [TodoWrite]\n---\nHi.\n")
    assert read.agent is not None and read.agent.tools == ("none",)


@pytest.mark.parametrize(
    "text", ["---\nname: a\n", "", "---\nname: a\n---\n  \n", "---\nname: a\n---\n" + "x" * (MOST_PROMPT_BYTES + 1)]
)
def test_what_has_no_text_for_a_model_cannot_be_used(text: str) -> None:
    assert ours(text).agent is None and ours(text).errors
    foreign = theirs(text)
    assert foreign.agent is None and foreign.warnings and not foreign.errors


def test_a_file_that_cannot_be_read_is_told_and_not_raised(tmp_path: Path) -> None:
    (tmp_path / "latin.md").write_bytes("Grüße".encode("latin-1"))
    (tmp_path / "large.md").write_text("x" * 300_000)
    for path, said in (("latin.md", "not UTF-8"), ("large.md", "more than"), ("none.md", "cannot be read")):
        read = load_profile(tmp_path / path, foreign=False)
        assert read.agent is None
        assert said in read.errors[0].message


def test_the_digest_is_of_the_text_and_of_nothing_else() -> None:
    assert ours(OURS).digest == theirs(OURS).digest != ours(OURS + " ").digest


_TEXT = st.text(alphabet=st.sampled_from("-\n: abtypeswordnmg[]{}\"'#&*!0\t\u2028\x00é"), max_size=120)


@given(_TEXT, st.booleans())
def test_no_text_raises_and_what_can_be_used_has_words_for_a_model(text: str, foreign: bool) -> None:
    for written in (text, f"---\n{text}\n---\nHi."):
        read = read_profile(written, Path("a.md"), foreign=foreign)
        if read.agent is None:
            assert read.errors or read.warnings
        else:
            assert read.agent.prompt.strip() and not read.errors
            assert len(read.agent.prompt.encode()) <= MOST_PROMPT_BYTES
        assert not (foreign and read.errors)
