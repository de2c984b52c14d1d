"""Texts by their parts: what fits a task is kept, what is left out is said, and no bound is passed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from swarm.context.parts import outline, parts_of, relevant

CODE = '''"""The shop."""

import os


@cached
def price(item: str, *, tax: float = 0.2) -> float:
    """What an item costs.

    With tax.
    """
    return 1.0


class Cart(Base):
    """Holds items."""

    async def add(self, item: str) -> None:
        self.items.append(item)
'''
PAGE = "# Shop\n\nHello.\n\n## Prices\n\nTax is added.\n\n```sh\n# no heading\n```\n\n## Delivery\n\nBy ship.\n"


def test_code_is_divided_at_its_definitions_and_markdown_at_its_headings() -> None:
    assert [part.text.splitlines()[0] for part in parts_of("a.py", CODE)] == [
        '"""The shop."""',
        "@cached",
        "class Cart(Base):",
    ]
    assert [part.text.splitlines()[0] for part in parts_of("a.md", PAGE)] == ["# Shop", "## Prices", "## Delivery"]
    assert [part.text for part in parts_of("a.txt", "one\n\ntwo\nmore\n \nthree")] == [
        "one\n\n",
        "two\nmore\n \n",
        "three",
    ]


names = st.sampled_from(["a.py", "a.md", "a.txt"])
texts = st.text(st.characters(codec="utf-8"), max_size=200) | st.lists(
    st.sampled_from(["# A\n", "def f(x):\n    return x\n", "word ", "\n\n", "@x\n", "class C:\n", "```\n", "\r", "é"]),
    max_size=30,
).map("".join)


@given(names, texts)
def test_the_parts_put_together_are_the_text(name: str, text: str) -> None:
    assert "".join(part.text for part in parts_of(name, text)) == text
    assert outline(name, text).endswith("]")


@given(st.lists(st.tuples(names, texts), max_size=3), st.text(max_size=20), st.integers(0, 400))
def test_relevant_parts_never_have_more_bytes_than_were_asked_for(
    given_texts: list[tuple[str, str]], sought: str, most: int
) -> None:
    found = relevant(given_texts, sought, most)
    assert len(found) == len(given_texts)
    assert sum(len(text.encode()) for text in found) <= most
    assert relevant(given_texts, sought, most) == found


def test_the_parts_that_fit_are_given_in_their_order_with_a_line_on_what_is_not() -> None:
    filler = "".join(f"## Section {n}\n\nNothing of interest stands here.\n\n" for n in range(50))
    page = f"{filler}## Ships\n\nShips leave on Monday.\n\n{filler}## Tax\n\nThe tax is ten percent.\n"
    (found,) = relevant([("a.md", page)], "When do ships leave, and what is the tax?", 400)
    assert found.index("Ships leave on Monday.") < found.index("[...]") < found.index("The tax is ten percent.")
    assert found.splitlines()[-1].startswith("[the relevant parts: ")
    assert found.splitlines()[-1].endswith(f" of 102 parts of {len(page):,} bytes are left out]")


def test_a_text_that_has_room_is_given_whole_and_one_that_fits_nothing_is_left_out() -> None:
    assert relevant([("a.md", PAGE)], "x", 10_000) == [PAGE]
    found = relevant([("a.txt", "cats " * 60), ("b.txt", "dogs sleep " * 10)], "Where do dogs sleep?", 300)
    assert [bool(text) for text in found] == [False, True]


def test_where_nothing_fits_the_first_parts_are_given() -> None:
    text = "\n\n".join(f"paragraph {n}" for n in range(100))
    (found,) = relevant([("a.txt", text)], "zebra", 200)
    assert found.startswith("paragraph 0\n\n")


def test_an_outline_holds_signatures_headings_or_the_first_lines_and_the_size() -> None:
    assert outline("a.py", CODE).splitlines() == [
        '"""The shop."""',
        "def price(item: str, *, tax: float=0.2) -> float:",
        '    """What an item costs."""',
        "class Cart(Base):",
        '    """Holds items."""',
        "    async def add(self, item: str) -> None:",
        f"[outline of {len(CODE)} bytes in 19 lines]",
    ]
    assert outline("a.md", PAGE).splitlines()[:-1] == ["# Shop", "## Prices", "## Delivery"]
    assert outline("a.txt", "\n".join(map(str, range(100)))).splitlines()[:-1] == list("01234567")
    assert outline("broken.py", "def f(:\n").splitlines()[0] == "def f(:"


def test_code_that_nobody_can_write_out_is_outlined_by_its_first_lines() -> None:
    deep = f"def f(x={'-' * 2_000}1):\n    return x\n"
    assert outline("a.py", deep).splitlines()[0].startswith("def f(x=---")
    assert "".join(part.text for part in parts_of("a.py", deep)) == deep
