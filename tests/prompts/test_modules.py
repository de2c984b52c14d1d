"""Which sections of a long prompt a task is given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.agents.modules import Facts, When, holds, modules_of, parse_when, troubles_of
from swarm.prompts.modules import ALWAYS, NO_ROOM, Query, chosen, left_out, query_of, told
from swarm.roles.prompting import LEAST
from swarm.task import Input, Output, Task
from swarm.text.tokens import quick_tokens
from tests.house import FILLER, SUBJECTS, house, section

INVOICE = Query("Write the invoice of ada with its total and tax", Facts(tags=("money",), type="docs"))


def kept(text: str, query: Query, room: int | None) -> list[str]:
    return [said.title for said in chosen(text, query, room).said if said.kept]


def test_a_module_is_a_section_and_what_stands_before_the_first_is_the_head() -> None:
    found = modules_of(house())
    assert [module.title for module in found] == ["", *SUBJECTS]
    assert [module.is_head for module in found] == [True] + [False] * len(SUBJECTS)
    assert all(module.tokens <= 600 for module in found)


def test_a_title_over_all_sections_is_the_head_and_headings_in_code_are_none() -> None:
    text = "# The tea house\nWe sell tea.\n\n" + house().split("\n", 1)[1] + "\n```\n# no heading\n```\n"
    found = modules_of(text)
    assert [module.title for module in found] == ["The tea house", *SUBJECTS]
    assert found[0].is_head and "We sell tea." in found[0].text


def test_a_section_that_is_too_large_is_divided_at_its_headings() -> None:
    large = section("Kitchen", lines=2) + section("Kettles", level=3) + section("Backups", level=3)
    found = modules_of(house(large))
    assert [module.title for module in found[-3:]] == ["Kitchen", "Kitchen > Kettles", "Kitchen > Backups"]
    assert [module.under for module in found[-3:]] == [-1, len(found) - 3, len(found) - 3]


def test_joined_modules_are_the_prompt_but_for_blank_lines_and_conditions() -> None:
    text = house(section("Release", when="tags release"), section("Kitchen") + section("Mugs", level=3, when="always"))
    joined = "".join(module.text for module in modules_of(text))
    said = [line for line in text.splitlines() if line.strip() and "<!--" not in line]
    assert [line for line in joined.splitlines() if line.strip()] == said


def test_what_fits_the_task_is_given_and_the_rest_named() -> None:
    found = chosen(house(), INVOICE, 1_000, more=True)
    assert [said.title for said in found.said if said.kept] == ["", "Invoices"]
    assert found.text.startswith("You keep the books of a tea house.\n\n## Invoices\n")
    others = "; ".join(title for title in SUBJECTS if title != "Invoices")
    assert found.text.endswith(f"Left out here: {others}. The tool `more` gives one by its name.")
    by_title = {said.title: said.why for said in found.said}
    assert by_title[""] == ALWAYS and by_title["Invoices"].startswith("fits: ")
    assert by_title["Kettles"] == "fits too little"


def test_a_module_is_given_whole_or_not_at_all() -> None:
    query = Query("invoice kettle migration translation backup dashboard", Facts())
    found = chosen(house(), query, 1_500)
    for module, said in zip(modules_of(house()), found.said, strict=True):
        assert (module.text.strip() in found.text) is said.kept
    assert NO_ROOM in {said.why for said in found.said}


def test_what_always_holds_stands_first_so_that_prompts_of_all_tasks_begin_alike() -> None:
    text = house(section("Safety", when="always"))
    one, other = (chosen(text, Query(words, Facts()), 1_200).text for words in ("the invoice", "the kettle"))
    begin = one[: one.index("## Invoices")]
    assert "## Safety" in begin and other.startswith(begin)


def test_a_condition_decides_whatever_the_words_say() -> None:
    text = house(
        section("Refunds", when="tags money, refund; paths *.csv"), section("Invoice numbers", when="tags sea")
    )
    found = {said.title: said for said in chosen(text, INVOICE, 1_200).said}
    assert (found["Refunds"].kept, found["Refunds"].why) == (True, "tag money")
    assert (found["Invoice numbers"].kept, found["Invoice numbers"].why) == (False, "tags sea does not hold")


def test_without_a_room_only_what_does_not_hold_is_left_out() -> None:
    text = house(section("Refunds", when="tags refund"))
    assert kept(text, INVOICE, None) == ["", *SUBJECTS]


def test_a_condition_of_a_section_holds_for_the_parts_of_it() -> None:
    parts = section("Kettles", level=3) + section("Mugs", level=3, when="always")
    text = house(section("Kitchen", when="tags kitchen") + parts)
    assert kept(text, INVOICE, None) == ["", *SUBJECTS]
    cook = Query("Cook", Facts(tags=("kitchen",)))
    assert kept(text, cook, 800) == ["", "Kitchen", "Kitchen > Kettles", "Kitchen > Mugs"]


def test_a_part_brings_the_heading_that_it_stands_under() -> None:
    text = house(section("Kitchen", lines=2) + section("Samovars", level=3) + section("Mugs", level=3))
    found = {said.title: said for said in chosen(text, Query("Polish the samovars", Facts()), 900).said}
    assert found["Kitchen > Samovars"].kept and not found["Kitchen > Mugs"].kept
    assert (found["Kitchen"].kept, found["Kitchen"].why) == (True, "a part of it is given")


def test_of_two_that_fit_alike_the_one_with_rules_comes_first() -> None:
    plain, strict = "A samovar stands here.\n" * 60, "A samovar must never stand here.\n" * 60
    text = house(f"## Plain\n{plain}", f"## Strict\n{strict}")
    assert kept(text, Query("Buy a samovar", Facts()), 800) == ["", "Strict"]


def test_what_was_left_out_can_be_had_by_the_names_in_the_last_line() -> None:
    text = house(section("Kitchen", lines=2) + section("Samovars", level=3) + section("Mugs", level=3))
    found = chosen(text, INVOICE, 1_000)
    others = left_out(text, found.said)
    assert list(others) == [*(title for title in SUBJECTS if title != "Invoices"), "Kitchen"]
    assert "### Samovars" in others["Kitchen"] and FILLER.strip() in others["Kettles"]
    assert "Kitchen > Mugs" not in found.text and "Kitchen" in found.text


def test_what_was_said_of_another_prompt_is_refused() -> None:
    with pytest.raises(ValueError, match="another prompt"):
        told(house("## New\nx\n"), chosen(house(), INVOICE, 1_000).said)


def test_a_task_is_asked_about_by_its_words_its_files_and_what_it_may_use() -> None:
    task = Task(
        id="t",
        prompt="Speed up db/orders.sql",
        accept=("It uses the index.",),
        inputs=(Input(files=("plans/*.txt",)),),
        output=Output(path="notes/speed.md"),
        tools=("look", "-run"),
        tags=("sql",),
    )
    query = query_of(task, "code")
    assert query.facts == Facts(
        tags=("sql",), type="code", tools=("look", "-run"), paths=("plans/*.txt", "notes/speed.md", "db/orders.sql")
    )
    for word in ("index", "plans", "look", "code"):
        assert word in query.words
    assert "run" not in query.words.split()


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("tags data, sql", "tag sql"),
        ("types code", "type code"),
        ("tools run", ""),
        ("tools read", "tool read"),
        ("paths *.sql", "path *.sql"),
        ("paths db/*.sql", "path db/*.sql"),
        ("paths web/*; tags sql", "tag sql"),
        ("paths *.py", ""),
        ("always", "always"),
    ],
)
def test_a_condition_holds_where_one_of_what_it_names_does(when: str, why: str) -> None:
    facts = Facts(tags=("sql",), type="code", tools=("look", "-run"), paths=("db/orders.sql",))
    assert holds(parse_when(when), facts) == why


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("<!-- when: -->", "a 'when' is empty"),
        ("<!-- when: tag sql -->", "'tag' in a 'when' is none of always, tags, types, tools, paths"),
        ("<!-- when: tags sql, -->", "'tags' in a 'when' names nothing"),
        ("<!-- when: tags Big Words -->", "'Big Words' in a 'when' is no tag"),
        ("<!-- when: tools hammer -->", "'hammer' in a 'when' is no tool here"),
        ("<!-- when: tags a; tags b -->", "'tags' stands twice"),
        ("<!-- when: tags a", "a 'when' is not a comment on a line of its own"),
        ("<!-- when: tags a --> and more", "a 'when' is not a comment on a line of its own"),
    ],
)
def test_a_condition_that_cannot_be_read_is_told_with_its_line(line: str, says: str) -> None:
    (trouble,) = troubles_of(f"Hello.\n\n## Section\n\n{line}\n\nText.\n")
    assert trouble.line == 5 and says in trouble.message and trouble.hint
    (stray,) = troubles_of("Hello.\n\n## Section\nText.\n<!-- when: always -->\n")
    assert "stands under no heading" in stray.message and stray.line == 5
    assert troubles_of("## A\n```\n<!-- when: nonsense -->\n```\n<!-- a comment: when? -->\n") == []


def test_what_a_condition_says_can_be_read_again() -> None:
    for when in (When(always=True), When(tags=("a", "b"), paths=("*.py",)), When(tools=("run",), types=("code",))):
        assert parse_when(when.said) == when


_titles = st.sampled_from([*SUBJECTS, "Safety", "Mugs"])
_sections = st.builds(
    section,
    _titles,
    level=st.integers(1, 4),
    when=st.sampled_from(["", "", "", "always", "tags money", "tags sea", "broken"]),
    lines=st.integers(0, 30),
)


@given(st.lists(_sections, max_size=12), st.text(max_size=40), st.integers(LEAST, 8_000), st.booleans())
def test_the_room_is_never_passed_but_by_what_has_to_be_told(
    sections: list[str], words: str, room: int, more: bool
) -> None:
    text = "Beginning.\n\n" + "\n".join(sections)
    query = Query(f"{words} invoice kettle", Facts(tags=("money",)))
    found = chosen(text, query, room, more=more)
    assert found == chosen(text, query, room, more=more)
    assert found.text == told(text, found.said, more=more)
    if found.text == text:
        return
    modules = modules_of(text)
    must = {each.title for each in chosen(text, query, 0, more=more).said if each.kept}
    forced = sum(module.tokens for module in modules if module.title in must)
    line = found.text.rpartition("Left out here: ")[2]
    assert quick_tokens(found.text) <= max(room, forced + quick_tokens(line) + 20)
    for module, said in zip(modules, found.said, strict=True):
        assert not said.kept or module.text.strip() in found.text
    named = left_out(text, found.said)
    assert all(title in line for title in named)


def test_a_prompt_of_many_signs_is_read_in_no_time() -> None:
    query = query_of(Task(id="t", prompt="a-b." * 50_000 + "\n" + "x/" * 50_000 + "\n" + "y" * 200_000), "code")
    assert query.facts.paths == ()
    flat = "Begin.\n" + "# a\n" * 5_000
    assert len(modules_of(flat)) == 5_001
    assert len(chosen(flat, INVOICE, 2_000).said) == 5_001
