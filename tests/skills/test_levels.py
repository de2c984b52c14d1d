"""How much of a skill is told: never more than the tokens there are, and the names of all before the text of one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from skills.files import File
from skills.levels import LEVELS, Level, Offer, choose_levels, headings, listed_files, shortened
from skills.listing import listing
from skills.skill import Skill

COSTS = st.dictionaries(st.sampled_from(LEVELS), st.integers(0, 60), min_size=1)
OFFERS = st.lists(COSTS, max_size=6).map(lambda all_: [Offer(f"s{number}", costs) for number, costs in enumerate(all_)])


def skill(name: str, description: str = "Helps. Use when asked.") -> Skill:
    return Skill(
        name=name, description=description, folder=f"/s/{name}", origin="user", digest="", head_bytes=0, body_bytes=0
    )


@settings(max_examples=200, deadline=None)
@given(OFFERS, st.integers(-5, 200))
def test_the_levels_together_never_cost_more_than_there_is(offers: list[Offer], budget: int) -> None:
    chosen = choose_levels(offers, budget)
    assert sum(cost for _, cost in chosen.values()) <= max(0, budget)
    assert all(
        cost == offer.costs[level] for offer in offers for level, cost in [chosen.get(offer.name, (None, 0))] if level
    )
    assert list(chosen) == [offer.name for offer in offers if offer.name in chosen], "in their order"


def test_with_room_for_all_each_has_its_highest_level_and_none_above_its_top() -> None:
    costs: dict[Level, int] = {"name": 1, "line": 5, "outline": 10, "body": 50, "resources": 60}
    offers = [Offer("a", costs), Offer("b", costs, "line"), Offer("c", {"name": 1, "line": 5})]
    assert {name: level for name, (level, _) in choose_levels(offers, 1000).items()} == {
        "a": "resources",
        "b": "line",
        "c": "line",
    }


def test_a_long_text_takes_no_line_from_another_skill() -> None:
    costs: dict[Level, int] = {"name": 1, "line": 5, "outline": 10, "body": 50}
    offers = [Offer("a", costs), Offer("b", costs), Offer("c", costs)]
    assert choose_levels(offers, 55) == {"a": ("outline", 10), "b": ("outline", 10), "c": ("outline", 10)}
    assert choose_levels(offers, 60) == {"a": ("body", 50), "b": ("line", 5), "c": ("line", 5)}
    assert choose_levels(offers, 2) == {"a": ("name", 1), "b": ("name", 1)}


def test_the_outline_has_the_headings_and_no_comment_of_code() -> None:
    text = "# A #\ntext\n```sh\n# no\n~~~\n```\n## B\n~~~~\n# no\n~~~\n# no\n~~~~\n##### deep\n#no\n   ### C"
    assert headings(text) == ["# A", "## B", "### C"]


def test_a_long_description_is_cut_between_words_and_says_so() -> None:
    assert shortened("word " * 100) == "word " * 59 + "word …"
    assert shortened("short") == "short"


def test_files_are_named_up_to_a_number_and_the_rest_is_counted() -> None:
    files = [File(f"{number:02}.md", 1_000) for number in range(25)]
    assert listed_files(files).endswith("19.md (1,000 bytes) and 5 more")
    assert listed_files([]) == ""


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=30), st.integers(0, 900), st.integers(0, 3))
def test_a_listing_keeps_to_its_tokens_and_counts_what_it_leaves_out(
    sizes: list[int], tokens: int, hidden: int
) -> None:
    known = [skill(f"s{number}", "d" * size) for number, size in enumerate(sizes)]
    found = listing(known, [f"h{number}" for number in range(hidden)], tokens=tokens, count=len)
    assert len(found.text) <= tokens
    assert {*found.shown, *found.left_out} == {*(each.name for each in known), *(f"h{n}" for n in range(hidden))}
    assert len(found.shown) + len(found.left_out) == len(known) + hidden, "nothing twice"
    if found.text and found.left_out:
        assert found.text.endswith(f"and {len(found.left_out)} more: `find_skill`")
    assert all(f"- {name}" in found.text for name in found.shown)


def test_a_listing_of_nothing_is_empty() -> None:
    assert listing([], [], tokens=100, count=len).text == ""
    assert listing([], ["hidden"], tokens=100, count=len).text == ""
