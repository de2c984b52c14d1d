"""Code is told by what it declares, with the bodies that are sought."""

from __future__ import annotations

import ast
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.compress.code import headings, short_code, skeleton
from tests.compress.counting import by_bytes

MUCH = 100_000
PYTHON = '''"""Shops and what they sell.

More of that.
"""

import os

MOST = {"apples": 3}
lower = 1


@dataclass(frozen=True)
class Shop(Base, kind="x"):
    """A shop."""

    name: str = "corner"

    def price(self, thing: str, *, often: int = 1) -> float:
        """What a thing costs.

        Raises KeyError.
        """
        found = self.prices[thing]
        return found * often

    async def close(self): return None


def tax(amount):
    return amount * 0.21
'''

GO = """package shop

// Price says what a thing costs.
func (s *Shop) Price(thing string) int {
\tif thing == "" {
\t\treturn 0
\t}
\tfor _, each := range s.things {
\t\tsum(each)
\t}
\treturn s.prices[thing]
}

type Shop struct {
\tname string
}
"""

TYPESCRIPT = """import { a } from "b";

export class Shop {
  private things: string[] = [];

  price(thing: string): number {
    if (!thing) {
      return 0;
    }
    return this.prices.get(thing, (each) => {
      return 1;
    });
  }
}
"""


def texts(text: str) -> list[str]:
    return [entry.text for entry in skeleton(text)]


def test_python_is_told_by_its_signatures_the_first_line_of_what_is_said_of_them_and_its_values() -> None:
    assert texts(PYTHON) == [
        '"""Shops and what they sell."""',
        "MOST = {'apples': 3}",
        "class Shop(Base, kind='x'):",
        '    """A shop."""',
        "    name: str",
        "    def price(self, thing: str, *, often: int=1) -> float:",
        '        """What a thing costs."""',
        "    async def close(self):",
        "def tax(amount):",
    ]


def test_the_body_that_fits_what_is_sought_is_shown_as_it_stands_there() -> None:
    short = short_code(PYTHON, limit=MUCH, count=by_bytes, sought="how is the tax of an amount worked out?")
    assert short is not None
    assert short.text.endswith("def tax(amount):\n    return amount * 0.21")
    assert "found * often" not in short.text
    assert short.said == "4 of 4 signatures, 1 with the body"
    lines = PYTHON.split("\n")
    assert [lines[number - 1] for number in short.kept][-2:] == ["def tax(amount):", "    return amount * 0.21"]


def test_where_room_is_short_signatures_stay_longest() -> None:
    short = short_code(PYTHON, limit=45, count=by_bytes)
    assert short is not None and short.text.split("\n") == [
        "class Shop(Base, kind='x'):",
        "    def price(self, thing: str, *, often: int=1) -> float:",
        "    async def close(self):",
        "def tax(amount):",
    ]


def test_other_languages_are_told_by_their_lines_that_declare() -> None:
    assert texts(GO) == [
        "package shop",
        "// Price says what a thing costs.",
        "func (s *Shop) Price(thing string) int {",
        "type Shop struct {",
    ]
    assert texts(TYPESCRIPT) == ["export class Shop {", "  price(thing: string): number {"]


def test_python_with_a_fault_is_told_as_other_languages_are() -> None:
    assert texts(
        "def one(a):\n    return 1\n\nclass Two:\n    def three(self):\n        if x:\n            pass\n\ndef broken(:\n"
    ) == [
        "def one(a):",
        "class Two:",
        "    def three(self):",
        "def broken(:",
    ]


def test_headings_in_blocks_of_code_are_none() -> None:
    text = "# One\n\n```sh\n# no heading\n```\n\n## Two\n"
    assert [(entry.first, entry.text) for entry in headings(text)] == [(1, "# One"), (7, "## Two")]


def test_a_text_that_declares_nothing_has_no_skeleton() -> None:
    assert short_code("It rains.\n\nIt pours.", limit=MUCH, count=by_bytes) is None


def test_this_projects_own_modules_become_five_times_shorter_or_more() -> None:
    for name in ("swarm/tools/patch.py", "swarm/text/index.py"):
        text = Path(name).read_text()
        short = short_code(text, limit=MUCH, count=by_bytes)
        assert short is not None
        ast.parse(text)
        assert by_bytes(text) > 3 * by_bytes(short.text)


@settings(max_examples=40, deadline=None)
@given(
    st.text("def class(){}:\n  x=@\"'#é\ud800\t", max_size=200) | st.sampled_from([PYTHON, GO, TYPESCRIPT]),
    st.integers(0, 80),
)
def test_a_skeleton_never_passes_its_limit(text: str, limit: int) -> None:
    short = short_code(text, limit=limit, count=by_bytes, sought="price of a thing")
    assert short is None or by_bytes(short.text) <= limit
