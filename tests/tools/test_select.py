"""A step is offered the tools that fit it; the others are named, and a model can find them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.tools.base import Tool, ToolRefused
from swarm.tools.select import FIND_TOOL, MOST, MOST_FOUND, Past, Selector, find_tool
from tests.tools.mcptools import mcp_tools, tool

TOOLS = mcp_tools()
NAMES = [each.name for each in TOOLS]
SELECTOR = Selector()


def names(tools: Sequence[Tool]) -> list[str]:
    return [each.name for each in tools]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("Commit the staged changes with a fitting message", "git_commit"),
        ("Which files changed between the branches main and next?", "git_diff"),
        ("What time is it in Tokyo when it is noon in Berlin?", "convert_time"),
        ("Download the page at https://example.org", "fetch"),
        ("Add up the two numbers", "get-sum"),
        ("List the tables of the database", "list_tables"),
    ],
)
def test_the_tool_that_a_step_needs_is_offered(query: str, name: str) -> None:
    assert name in names(SELECTOR.select(TOOLS, query).tools)


def test_each_says_why_it_is_offered() -> None:
    selection = SELECTOR.select(TOOLS, "commit the staged changes", named=["echo"])
    why = {each.tool.name: each.why for each in selection.offered}
    assert selection.offered[0].why == why["echo"] == "named"
    assert set(why["git_commit"].removeprefix("words: ").split(", ")) <= {"commit", "staged", "change"}
    assert Selector().select(TOOLS[:3], "anything").offered[0].why == "one of few"


def test_a_tool_that_served_a_like_step_before_is_offered_for_the_next() -> None:
    query = "Put the invoice of March into the ledger"
    assert "append_insight" not in names(SELECTOR.select(TOOLS, query).tools)
    past: Past = {"append_insight": ["Put the invoice of May into the ledger", "invoices of April"]}
    first = SELECTOR.select(TOOLS, query, past).offered[0]
    assert (first.tool.name, first.why) == ("append_insight", "used in like steps")


def test_few_tools_are_all_offered_as_they_stand() -> None:
    assert SELECTOR.select(TOOLS[:MOST], "zebra").tools == TOOLS[:MOST]


def test_places_for_which_no_tool_fits_go_to_our_own() -> None:
    own = [tool("read", "Shows a file."), tool("run", "Runs a command.")]
    selection = SELECTOR.select([*TOOLS, *own], "Zebras")
    assert {each.tool.name: each.why for each in selection.offered} == {
        "read": "of general use",
        "run": "of general use",
    }


def test_all_that_are_named_are_offered_however_many() -> None:
    named = NAMES[: MOST + 3]
    assert names(SELECTOR.select(TOOLS, "commit", named=named).tools) == named
    offered = names(SELECTOR.select(TOOLS, "commit", named=["nobody", "fetch"]).tools)
    assert offered[0] == "fetch"
    assert "git_commit" in offered[1:]


@given(st.text("gitcomfile time", max_size=40), st.integers(1, 60), st.sets(st.sampled_from(NAMES), max_size=3))
def test_each_tool_is_offered_or_named_once_and_the_same_ones_the_next_time(
    query: str, most: int, named: set[str]
) -> None:
    selection = SELECTOR.select(TOOLS, query, most=most, named=named)
    assert sorted([*names(selection.tools), *selection.others]) == sorted(NAMES)
    assert len(selection.offered) <= max(most, len(named))
    assert selection == SELECTOR.select([*TOOLS], query, most=most, named=named)


class Counted:
    """An embedder that counts the texts that it is given."""

    name = "counted"

    def __init__(self) -> None:
        self.texts = 0

    def embed(self, texts: Sequence[str]):  # type: ignore[no-untyped-def]
        import numpy as np

        self.texts += len(texts)
        return np.ones((len(texts), 1), np.float32)


def test_a_list_of_tools_that_was_seen_before_is_not_read_again_and_a_changed_one_is() -> None:
    embedder = Counted()
    selector = Selector(embedder)
    selector.select(TOOLS, "commit")
    assert embedder.texts == len(TOOLS) + 1
    selector.select([*TOOLS], "commit")
    assert embedder.texts == len(TOOLS) + 2
    selector.select((*TOOLS[:-1], tool("another")), "commit")
    assert embedder.texts == 2 * len(TOOLS) + 3
    selector.select(TOOLS, "commit", {"fetch": ["a query"]})
    assert embedder.texts == 3 * len(TOOLS) + 5


class Conversation:
    """A model that was offered a selection and asks for more."""

    def __init__(self, query: str = "commit the changes") -> None:
        self.selection = SELECTOR.select(TOOLS, query)
        self.offered: list[Tool] = []
        self.tool = find_tool(
            TOOLS, self.selection, lambda query, but: SELECTOR.find(TOOLS, query, but=but), self.offered.extend
        )

    async def ask(self, query: str) -> str:
        return (await self.tool.use({"query": query})).text


async def test_a_model_finds_the_next_best_tools_and_is_told_their_parameters() -> None:
    model = Conversation()
    said = await model.ask("convert a time between time zones")
    assert model.offered[0].name == "convert_time"
    assert len(model.offered) <= MOST_FOUND
    assert "convert_time(source_timezone: string, time: string, target_timezone: string)" in said
    assert "Time to convert in 24-hour format (HH:MM)" in said


async def test_what_was_offered_is_not_offered_again_but_all_of_it_is_told_by_its_name() -> None:
    model = Conversation()
    await model.ask("convert a time")
    await model.ask("convert a time")
    assert len(set(names(model.offered))) == len(model.offered)
    before = len(model.offered)
    assert "Records changes to the repository" in await model.ask("git_commit")
    assert len(model.offered) == before


async def test_a_tool_is_found_by_its_whole_name() -> None:
    model = Conversation()
    await model.ask(" get-tiny-image ")
    assert names(model.offered) == ["get-tiny-image"]


async def test_what_nothing_fits_is_said_and_no_words_are_refused() -> None:
    model = Conversation()
    assert "No other tool fits" in await model.ask("zebra")
    for query in ("", "...", "the"):
        with pytest.raises(ToolRefused, match="needs words"):
            await model.ask(query)
    assert model.offered == []


def test_the_tool_that_finds_others_names_the_next_best_and_says_how_many_there_are() -> None:
    model = Conversation()
    description = model.tool.spec.description
    assert model.tool.name == FIND_TOOL
    assert all(name in description for name in model.selection.others[:20])
    assert f"and {len(model.selection.others) - 20} more" in description
    few = find_tool(TOOLS[:2], SELECTOR.select(TOOLS[:2], ""), lambda query, but: [], lambda found: None)
    assert few.spec.description.endswith("by its name.")
