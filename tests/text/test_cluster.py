"""Texts that say the like stand together, whatever their order."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from swarm.text.cluster import groups

SPROCKETS = ["Tune the sprocket of line 4", "Tune both sprockets, they rattle", "The sprocket rattles again: tune it"]
INVOICES = ["Write the invoice for March", "Write the invoice to Ada", "An invoice to Ada for March"]
OTHER = "Translate the menu into Danish"

TEXTS = st.lists(
    st.lists(st.sampled_from(["ant", "bee", "wasp", "fly", "moth", "gnat"]), max_size=5).map(" ".join), max_size=12
)


def told(texts: list[str]) -> list[set[str]]:
    return [{texts[number] for number in group.members} for group in groups(texts)]


def test_texts_about_the_same_are_a_group_named_by_what_they_share() -> None:
    found = groups([*SPROCKETS, OTHER, *INVOICES])
    assert [sorted(group.members) for group in found] == [[4, 5, 6], [0, 1, 2], [3]]
    assert found[0].words[0] == "invoice" and set(found[1].words[:3]) == {"rattle", "sprocket", "tune"}


def test_the_same_text_many_times_is_one_group() -> None:
    assert [len(group.members) for group in groups([OTHER] * 5 + INVOICES)] == [5, 3]
    assert groups([]) == [] and [group.members for group in groups(["", "of the"])] == [(0, 1)]


@given(TEXTS, st.randoms())
def test_each_text_is_in_one_group_and_the_order_of_the_texts_does_not_matter(texts: list[str], random: Random) -> None:
    numbers = sorted(number for group in groups(texts) for number in group.members)
    assert numbers == list(range(len(texts)))
    turned = texts[:]
    random.shuffle(turned)
    assert sorted(map(sorted, told(turned))) == sorted(map(sorted, told(texts)))
