"""What fits is given by the line, with what it needs; what is left out is said; and no limit is ever passed."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from swarm.context.blocks import lines_of
from swarm.context.pack import Count, relevant
from swarm.context.sizes import size_of
from swarm.text.count import count as tokens
from swarm.text.embed import installed_embedder

TAX = '''"""Taxes."""

RATES = {"book": 0.07}


def rate_of(kind: str) -> float:
    """The share of the price that is paid as a tax."""
    return RATES.get(kind, 0.19)
'''
ORDERS = '''"""Orders."""

from shop.tax import rate_of


def other_things() -> None:
    """Does what nobody asks about."""


class Order:
    def total(self) -> float:
        """What a customer pays for an order."""
        return sum(item.price * (1 + rate_of(item.kind)) for item in self.items)
'''
FILLER = "".join(f"def filler_{n}(value: int) -> int:\n    return value + {n}\n\n\n" for n in range(60))
MARK = re.compile(r"\[lines? (\d+)(?:-(\d+))? of (\d+)")


def words(text: str) -> int:
    """A stand-in for a tokenizer that counts a whole as more than its parts."""
    return len(text.split()) + len(text) // 50


def test_a_definition_brings_what_it_needs_from_another_file() -> None:
    texts = [("shop/orders.py", ORDERS + FILLER), ("shop/tax.py", TAX + FILLER), ("shop/more.py", FILLER)]
    orders, tax, more = relevant(texts, "What does a customer pay for an order?", 900)
    assert "def total(self)" in orders
    assert "def rate_of(kind" in tax
    assert 'RATES = {"book": 0.07}' in tax
    assert more == ""


def test_a_name_that_is_spelled_as_in_the_code_finds_its_definition() -> None:
    (found,) = relevant([("a.py", FILLER)], "Why is the value wrong in `filler_41`?", 150)
    assert found == (
        "[lines 165-166 of 240]\ndef filler_41(value: int) -> int:\n    return value + 41\n[238 of 240 lines are left out]"
    )


def test_a_part_says_in_what_it_stands_where_its_lines_do_not() -> None:
    section = "# Shop\n\nHello.\n\n## Delivery\n\nBy ship.\n\n" + "## Prices\n\nNone.\n\n" * 40
    (found,) = relevant([("a.md", section)], "How is it delivered, by ship?", 150)
    assert "[lines 5-7 of 168, in Shop]\n## Delivery\n\nBy ship.\n" in found
    methods = "class Shop:\n" + "".join(f"    def step_{n}(self) -> int:\n        return {n}\n\n" for n in range(40))
    (found,) = relevant([("a.py", methods)], "What does step_33 return?", 200)
    assert ", in class Shop:]\n    def step_33(self)" in found


def test_the_parts_that_fit_are_given_in_their_order_with_a_line_on_what_is_not() -> None:
    filler = "".join(f"## Section {n}\n\nNothing of interest stands here.\n\n" for n in range(50))
    page = f"{filler}## Ships\n\nShips leave on Monday.\n\n{filler}## Tax\n\nThe tax is ten percent.\n"
    (found,) = relevant([("a.md", page)], "When do ships leave, and what is the tax?", 400)
    assert found.index("Ships leave on Monday.") < found.index("The tax is ten percent.")
    assert re.fullmatch(r"\[\d+ of 407 lines are left out\]", found.splitlines()[-1])


def test_a_text_that_has_room_is_given_whole_and_one_that_fits_nothing_is_left_out() -> None:
    assert relevant([("a.md", ORDERS)], "x", 10_000) == [ORDERS]
    found = relevant([("a.txt", "cats " * 60), ("b.txt", "dogs sleep\n\n" * 10)], "Where do dogs sleep?", 300)
    assert [bool(text) for text in found] == [False, True]


def test_where_nothing_fits_the_first_parts_are_given() -> None:
    text = "\n\n".join(f"paragraph {n}" for n in range(100))
    (found,) = relevant([("a.txt", text)], "zebra", 200)
    assert found.startswith("[lines 1-17 of 199]\nparagraph 0\n\nparagraph 1\n")


def test_of_a_text_without_structure_the_lines_around_are_given_where_there_is_room() -> None:
    log = (
        "".join(f"{n:03} nothing\n" for n in range(24))
        + "024 the disk is full\n"
        + "".join(f"{n:03} nothing\n" for n in range(25, 99))
    )
    (found,) = relevant([("a.log", log)], "Is the disk full?", 400)
    assert found.startswith("[lines 22-39 of 99]\n021 nothing\n")


def test_the_room_that_is_left_goes_to_what_is_near_where_that_is_asked_for() -> None:
    texts = [("a.py", FILLER), ("b.py", FILLER.replace("filler_30", "wanted"))]
    sought, most = "What does `wanted` do?", 3_000
    found = relevant(texts, sought, most, fill=True)
    assert sum(map(size_of, found)) > most * 0.9
    assert "def filler_29" in found[1]
    assert "def filler_31" in found[1]
    assert sum(map(size_of, relevant(texts, sought, most))) < 200


def test_a_tokenizer_that_counts_a_whole_as_more_than_its_parts_is_kept_to() -> None:
    def jagged(text: str) -> int:
        return len(text) ** 2 // 100

    (found,) = relevant([("a.py", FILLER)], "What does filler_3 do, and filler_33?", 3_000, count=jagged)
    assert 0 < jagged(found) <= 3_000


@pytest.mark.parametrize("most", [120, 1_500])
def test_tokens_are_those_of_a_tokenizer_where_one_is_handed_in(most: int) -> None:
    named = [
        ("shop/orders.py", ORDERS + FILLER),
        ("shop/tax.py", TAX + FILLER),
        ("notes.md", "## Ä\n\nÖl, 漢字.\n\n" * 200),
    ]
    found = relevant(named, "What does a customer pay for an order?", most, count=tokens, fill=True)
    assert 0.7 * most < sum(map(tokens, found)) <= most
    assert "def total(self)" in found[0]


pieces = st.lists(
    st.sampled_from(["# A\n", "def f(x):\n    return x\n", "word ", "\n\n", "@x\n", "class C:\n", "```\n", "\r", "é\n"])
    | st.sampled_from(["def word(f):\n    return f(1)\n\n\n", "x" * 90 + "\n", "line\n" * 15, "\ud800"]),
    max_size=30,
).map("".join)
texts = st.lists(st.tuples(st.sampled_from(["a.py", "a.md", "a.txt", "b.go"]), pieces), max_size=3)


@given(
    texts,
    st.sampled_from(["word", "what is f?", "`C`", "", "zebra"]),
    st.integers(0, 500),
    st.booleans(),
    st.sampled_from([size_of, words]),
)
@example([("a.py", "\n")], "f", 0, True, size_of)
def test_no_limit_is_passed_and_what_is_kept_are_lines_of_the_file_with_their_numbers(
    named: list[tuple[str, str]], sought: str, most: int, fill: bool, count: Count
) -> None:
    found = relevant(named, sought, most, count=count, fill=fill)
    assert len(found) == len(named)
    assert sum(map(count, found)) <= most
    for (_, text), given_text in zip(named, found, strict=True):
        if given_text not in ("", text):
            _assert_verbatim(text, given_text)
    assert [*relevant(list(named), sought, most, count=lambda text: count(text), fill=fill)] == found


def _assert_verbatim(text: str, given_text: str) -> None:
    lines, rest = lines_of(text), given_text
    kept = 0
    while mark := MARK.match(rest):
        first, last = int(mark[1]), int(mark[2] or mark[1])
        assert int(mark[3]) == len(lines)
        said = "".join(lines[first - 1 : last])
        rest = rest.partition("]\n")[2]
        assert rest.startswith(said)
        rest = rest.removeprefix(said).removeprefix("" if said.endswith(("\n", "\r")) else "\n")
        kept += last - first + 1
    assert rest == f"[{len(lines) - kept:,} of {len(lines):,} lines are left out]"


def test_meaning_finds_what_shares_no_word() -> None:
    vectors = installed_embedder()
    if vectors is None:
        pytest.skip("needs wordllama (the extra `embed`)")
    page = "".join(f"## Rule {n}\n\nTables are made of wood.\n\n" for n in range(40))
    page += "## Holidays\n\nStaff may take thirty days of vacation.\n\n" + page
    (found,) = relevant([("a.md", page)], "annual leave of employees", 200, embedder=vectors)
    assert "vacation" in found


def test_a_constant_comes_with_the_function_that_needs_it_before_what_fits_less() -> None:
    others = "\n\n".join(f"def count_{n}(server):\n    return server.line(refused={n})\n" for n in range(40))
    wanted = (
        "def line_of(server):\n    if server.line() > LIMIT:\n        raise ValueError('the server line is refused')\n"
    )
    text = f"LIMIT = 8192\n\n\n{wanted}\n\n{others}"
    (found,) = relevant(
        [("net.py", text)], "How long may a line of a server be before it is refused?", 300, count=size_of
    )
    assert "LIMIT = 8192" in found and wanted in found and "def count_39" not in found
