"""Of a text those sentences are kept that answer a question."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.compress.guards import guarded, stands_in
from swarm.compress.passages import select
from swarm.compress.sentences import LONGEST, divided
from swarm.text.embed import Static
from tests.compress.counting import by_bytes, by_joints
from tests.text.wordvectors import write_package

TOWNS = """# Ghent
Ghent lies where the Lys flows into the Scheldt. It was founded in the seventh century. Mr. Arteveld led its weavers.

# Bruges
Bruges is known for its canals. Its belfry has 366 steps. The town was rich from wool.

# Leuven
Leuven has the oldest university of the country. It was founded in 1425. Beer is brewed there, too.

# Antwerp
Antwerp has a port. Diamonds are cut in it. Rubens painted in the town for many years.
"""


def said(text: str) -> list[str]:
    return [text[each.start : each.end] for each in divided(text).sentences]


def test_the_sentence_that_answers_is_kept_under_the_title_that_says_of_what_it_speaks() -> None:
    short = select(TOWNS, limit=14, count=by_bytes, sought="How many steps has the belfry of Bruges?")
    assert short.text == "# Bruges\nIts belfry has 366 steps."
    assert short.kept == (5,)
    assert short.said == "1 of 12 sentences"


def test_a_title_is_left_out_where_the_sentence_names_it() -> None:
    short = select(TOWNS, limit=17, count=by_bytes, sought="where does Ghent lie")
    assert short.text == "Ghent lies where the Lys flows into the Scheldt."


def test_the_order_stays_and_what_is_left_out_between_is_marked() -> None:
    short = select(TOWNS, limit=50, count=by_bytes, sought="Rubens painted, diamonds, port, weavers of Arteveld")
    assert (
        short.text
        == "# Ghent\nMr. Arteveld led its weavers.\n\nAntwerp has a port. Diamonds are cut in it. Rubens painted in the town for many years."
    )
    short = select(TOWNS, limit=32, count=by_bytes, sought="Antwerp port Rubens painted")
    assert short.text == "Antwerp has a port. … Rubens painted in the town for many years."


def test_where_a_date_is_asked_for_a_sentence_with_a_year_comes_first() -> None:
    short = select(TOWNS, limit=14, count=by_bytes, sought="When was it founded?")
    assert "1425" in short.text


def test_numbers_and_names_of_the_question_and_what_is_to_be_kept_come_first() -> None:
    text = "\n\n".join(f"The server server server {number} is slow and slower." for number in range(40))
    assert "server 31 " in select(text, limit=20, count=by_bytes, sought="is server server 31 slow").text
    assert "server 7 " in select(text, limit=20, count=by_bytes, sought="slower", keep=["7 is"]).text


def test_what_is_told_of_a_thing_is_found_that_the_best_sentence_names() -> None:
    text = """# The Lighthouse
The Lighthouse is a film that was directed by Ada Vance in colour.

# Tom Reed
Tom Reed was born in Leuven to two teachers.

# Ada Vance
She was born in Ostend to a family of fishermen."""
    found = select(text, limit=50, count=by_bytes, sought="birthplace of the director of The Lighthouse")
    assert "Ostend" in found.text and "Leuven" not in found.text


def test_without_a_question_first_sentences_and_what_the_text_speaks_of_are_kept() -> None:
    short = select(TOWNS, limit=by_bytes(TOWNS) // 2, count=by_bytes)
    assert "Ghent lies" in short.text and "Antwerp has a port." in short.text


def test_vectors_find_what_has_no_word_in_common(tmp_path: Path) -> None:
    text = "A file was lost today.\n\nThe cat sleeps.\n\nThe sun shines on all of us."
    found = select(text, limit=8, count=by_bytes, sought="kitten", embedder=Static(write_package(tmp_path)))
    assert found.text == "The cat sleeps."


def test_where_no_sentence_fits_the_best_one_is_cut() -> None:
    short = select(TOWNS, limit=5, count=by_bytes, sought="diamonds")
    assert short.text == "Diamonds are…" and short.kept == (11,)
    assert select(TOWNS, limit=0, count=by_bytes, sought="diamonds").text == ""


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "Dr. No met J. R. Smith in the U.S. today. He left.",
            ["Dr. No met J. R. Smith in the U.S. today.", "He left."],
        ),
        ('"Stop!" he said. Why? (Nobody knows.)', ['"Stop!" he said.', "Why?", "(Nobody knows.)"]),
        ("雨が降る。風が吹く。", ["雨が降る。", "風が吹く。"]),
        ("- one thing\n- another thing", ["- one thing", "- another thing"]),
        (
            "a line that is wrapped where it has become too long for the page\ngoes on here",
            ["a line that is wrapped where it has become too long for the page\ngoes on here"],
        ),
    ],
)
def test_a_text_is_divided_at_its_stops(text: str, sentences: list[str]) -> None:
    assert said(text) == sentences


@pytest.mark.parametrize(
    "text",
    [
        "## Rain\n\nIt falls. It stays.",
        "Rain\n====\nIt falls. It stays.",
        "Rain\n\nIt falls in the whole country. It stays.",
        "Rain\nIt falls in the whole country. It stays.",
        "Document [3](Title: Rain) It falls. It stays.",
    ],
)
def test_titles_are_known_in_the_forms_in_which_people_write_them(text: str) -> None:
    (paragraph,) = divided(text).paragraphs
    assert "Rain" in text[slice(*paragraph.title)]
    assert len(said(text)) == 2


def test_a_text_without_stops_is_divided_all_the_same() -> None:
    assert all(len(piece) <= LONGEST for piece in [*said("word " * 500), *said("x" * 5_000)])


def test_what_a_question_spells_out_is_guarded() -> None:
    asked = 'Why does swarm/cli/main.py fail with "no such key" for load_settings on port 8080 at Ada Lovelace?'
    assert guarded(asked) == ["swarm/cli/main.py", "no such key", "load_settings", "8080", "Ada Lovelace"]
    assert stands_in("808", "at 808.") and not stands_in("808", "at 8080")


@settings(max_examples=60, deadline=None)
@given(st.permutations([*range(16)]), st.lists(st.integers(0, 15), min_size=1, max_size=4, unique=True))
def test_what_a_question_spells_out_is_kept_where_it_has_room(order: list[int], asked: list[int]) -> None:
    lines = [f"The service svc_{n:02} of team {n % 3} listens on port {7000 + n} since it was moved." for n in order]
    filler = "Nobody has said anything of it so far, and the others agreed with that. "
    text = "\n\n".join(filler + line for line in lines)
    spelt = ", ".join(f"svc_{n:02}" for n in asked)
    sought = f"Nobody has said anything so far, and the others agreed with that; of {spelt}, though?"
    found = select(text, limit=by_bytes(text) // 3, count=by_bytes, sought=sought)
    assert all(stands_in(f"svc_{n:02}", found.text) for n in asked)


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=300) | st.text("aB. \n#-,;é。1\ud800", max_size=300),
    st.integers(0, 60),
    st.text("aB1 ", max_size=8),
)
def test_no_text_passes_the_limit_and_each_sentence_stands_in_it(text: str, limit: int, sought: str) -> None:
    for count in (by_bytes, by_joints):
        short = select(text, limit=limit, count=count, sought=sought)
        assert count(short.text) <= limit
        assert short == select(text, limit=limit, count=count, sought=sought)
    for sentence in divided(text).sentences:
        assert text[sentence.start : sentence.end].strip()
