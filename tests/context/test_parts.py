"""The outline of a text says what it is made of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from swarm.context.parts import outline

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


names = st.sampled_from(["a.py", "a.md", "a.txt"])
texts = st.text(st.characters(codec="utf-8"), max_size=200) | st.lists(
    st.sampled_from(["# A\n", "def f(x):\n    return x\n", "word ", "\n\n", "@x\n", "class C:\n", "```\n", "\r", "é"]),
    max_size=30,
).map("".join)


@given(names, texts)
def test_an_outline_ends_with_the_size_of_the_whole(name: str, text: str) -> None:
    assert outline(name, text).endswith(f" bytes in {len(text.splitlines()):,} lines]")


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


def test_an_outline_that_would_be_long_says_less_of_each_definition() -> None:
    one = (
        '    def step_{n}(self, value: int, *, limit: int = 7) -> int:\n        """Does step {n}."""\n        BODY\n\n'
    )
    steps = "".join(one.format(n=n) for n in range(40))
    brief, full = (
        outline("a.py", "class Shop:\n" + steps.replace("BODY", f"return value{' + value' * each}"))
        for each in (20, 200)
    )
    assert "    def step_7(value, limit)\n" in brief
    assert '    def step_7(self, value: int, *, limit: int=7) -> int:\n        """Does step 7."""\n' in full


def test_a_line_without_an_end_is_no_outline() -> None:
    for name in ("a.txt", "a.md", "a.js", "a.py"):
        assert len(outline(name, "# " + "function f() {} " * 9_000)) < 400


def test_code_that_nobody_can_write_out_is_outlined_by_its_first_lines() -> None:
    deep = f"def f(x={'-' * 2_000}1):\n    return x\n"
    assert outline("a.py", deep).splitlines()[0].startswith("def f(x=---")
