"""A text is divided where its structure says, and every line of it is in one block."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from swarm.context.blocks import MOST_LINES, File, lines_of
from swarm.context.python import LARGEST_PARSED

CODE = '''"""The shop."""

from shop.tax import rate

TAX = 0.2
LOWEST = 1


# What an item costs.
@cached
def price(item: str) -> float:
    return rate(item) * (1 + TAX)


class Cart(Base):
    """Holds items."""

    def add(self, item: str) -> None:
        self.items.append(item)
'''
LONG = "class Shop:\n    limit = 3\n\n" + "".join(
    f"    def step_{n}(self) -> int:\n        return {n}\n\n" for n in range(20)
)
PAGE = "# Shop\n\nHello.\n\n## Prices\n\nTax is added.\n\n```sh\n# no heading\n```\n\n### Rebates\n\nNone.\n\n## Delivery\n\nBy ship.\n"


def first_lines(name: str, text: str) -> list[str]:
    file = File(name, text)
    return [file.said(number).splitlines()[0] for number in range(len(file.blocks))]


def test_python_is_divided_at_its_statements_with_what_belongs_to_them() -> None:
    assert first_lines("a.py", CODE) == [
        '"""The shop."""',
        "from shop.tax import rate",
        "TAX = 0.2",
        "# What an item costs.",
        "class Cart(Base):",
    ]
    names = [block.names for block in File("a.py", CODE).blocks]
    assert names == [(), (), ("TAX", "LOWEST"), ("price",), ("Cart",)]


def test_a_long_class_is_divided_at_its_methods_which_know_their_class() -> None:
    file = File("a.py", LONG)
    assert file.blocks[0].names == ("Shop",)
    assert {(block.names, block.inside) for block in file.blocks[1:3]} == {(("Shop.step_0",), 0), (("Shop.step_1",), 0)}
    assert file.headline(0) == "class Shop:"


def test_broken_and_huge_python_is_divided_by_the_lines_that_begin_something() -> None:
    text = 'def no_function\n"""\ndef in_a_string():\n"""\n'
    broken = File("a.py", f"{LONG}\n\ndef broken(:\n    pass\n\n\nTAX = '''\ndef quoted():\n'''\nRATE = 2\n")
    assert [block.names for block in broken.blocks][-4:] == [("Shop.step_19",), ("broken",), ("TAX",), ("RATE",)]
    assert [block.names for block in File("a.py", text).blocks] == [("no_function",)]
    huge = File("a.py", f"{CODE}\n\n# {'x' * LARGEST_PARSED}\n")
    assert [block.names for block in huge.blocks][2:] == [("TAX", "LOWEST"), ("price",), ("Cart",), ("Cart.add",)]


def test_markdown_is_divided_at_its_headings_which_say_under_which_they_stand() -> None:
    assert first_lines("a.md", PAGE) == ["# Shop", "## Prices", "### Rebates", "## Delivery"]
    assert [block.above for block in File("a.md", PAGE).blocks] == ["", "Shop", "Shop > Prices", "Shop"]


def test_other_texts_are_divided_at_blank_lines_with_what_is_indented_below_them() -> None:
    text = "one\n\ntwo:\n  more\n\n  still more\n}\n\nthree"
    file = File("a.txt", text)
    assert [file.said(number) for number in range(3)] == ["one\n\n", "two:\n  more\n\n  still more\n}\n\n", "three"]
    log = File("a.log", "".join(f"line {n}\n" for n in range(100)))
    assert {block.last - block.first + 1 for block in log.blocks[:-1]} == {12}


def test_a_text_of_more_parts_than_people_write_is_divided_by_its_lines() -> None:
    file = File("a.txt", "a\n\n" * 30_000)
    assert {block.last - block.first + 1 for block in file.blocks} == {12}
    assert len(File("a.py", "a = 1\n" * 100).blocks) == 5


def test_a_long_block_is_several_that_know_the_first() -> None:
    text = "def long():\n" + "    x = 1\n" * 150
    blocks = File("a.py", text).blocks
    assert [block.last - block.first + 1 for block in blocks] == [MOST_LINES, MOST_LINES, 31]
    assert [(block.names, block.inside) for block in blocks] == [(("long",), -1), ((), 0), ((), 0)]


pieces = st.lists(
    st.sampled_from(
        ["def f(x):\n", "    return x\n", "@x\n", "class C:\n", "    def m(self):\n", '"""', "\n\n", "# A\n"]
    )
    | st.sampled_from(
        ["```\n", "\r", "\r\n", "é\x0c\u2028", "x = 1\n", "if x:\n", "import a\n", "}", "// b\n", "\ud800"]
    ),
    max_size=40,
).map("".join)
names = st.sampled_from(["a.py", "a.md", "a.txt", "a.js", "a.go", "a.rs", "a.java", "a.cpp", "a.ts"])


@given(names, pieces | st.text(max_size=80))
@example("a.md", "// b\n# A\n# A\n")
@example("a.py", "@x\ndef f(x): pass\n@x\ndef f(x): pass")
def test_every_line_is_in_one_block(name: str, text: str) -> None:
    file = File(name, text)
    assert "".join(file.lines) == text
    assert [line for block in file.blocks for line in range(block.first, block.last + 1)] == [
        *range(1, len(file.lines) + 1)
    ]
    for number, block in enumerate(file.blocks):
        assert -1 <= block.inside < number
        assert block.at == 0 or block.first <= block.at <= block.last


@given(st.text(st.sampled_from("ab\r\n"), max_size=30))
def test_lines_are_counted_as_an_editor_counts_them(text: str) -> None:
    assert lines_of(text) == tuple(text.splitlines(keepends=True))
    assert len(lines_of("a\x0cb\u2028c\x85\n")) == 1
