"""Who was given a part of an input can ask for the rest of it: by name, by what it defines, by a question, by lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.context.reading import Reading
from swarm.engine.disclosure import more_of
from swarm.task import Input, Task
from swarm.tools.base import Tool, ToolRefused
from swarm.tools.more import more_tool
from tests.tools.using import refusal, use

SHOP = '''"""The shop."""

TAX = 0.2


def price(item: str) -> float:
    return 1 + TAX


class Cart:
    """Holds items."""

    def add(self, item: str) -> None:
        self.items.append(item)
'''
LONG = "".join(f"def step_{n}():\n    return {n}\n\n\n" for n in range(400))
PAGE = "# Shop\n\nHello.\n\n## Delivery\n\nBy ship.\n\n## Prices\n\nSee there.\n"


@pytest.fixture
def more(tmp_path: Path) -> Tool:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/shop.py").write_text(SHOP)
    (tmp_path / "src/long.py").write_text(LONG)
    (tmp_path / "src/empty.py").write_text("")
    (tmp_path / "src/image.py").write_bytes(b"\x89PNG\0")
    (tmp_path / "page.md").write_text(PAGE)
    (tmp_path / "src/.hidden.py").write_text("KEY = 1")
    (tmp_path / "private.txt").write_text("nobody was given this")
    task = Task(id="t", prompt="x", inputs=(Input(files=("src/*.py", "./page.md", "gone.md")),), needs=("survey",))

    async def result(name: str) -> str | None:
        return {"survey": "Rain falls.\n\nPASSWORD is used.\n"}.get(name)

    found = more_of(task, tmp_path, result, lambda text: text.replace("PASSWORD", "[secret:KEY]"), {})
    assert found is not None
    return found


async def test_a_name_alone_gives_what_the_text_is_made_of(more: Tool) -> None:
    assert (await use(more, name="src/shop.py")).text.splitlines() == [
        "[src/shop.py: 14 lines; give `symbol`, `about` or `from`]",
        "3-5 TAX = 0.2",
        "6-9 def price(item: str) -> float:",
        "10-14 class Cart:",
    ]
    assert (await use(more, name="page.md")).text.splitlines()[1:] == [
        "1-4 # Shop",
        "5-8 ## Delivery",
        "9-11 ## Prices",
    ]
    assert (await use(more, name="src/empty.py")).text == "[src/empty.py is empty]"


async def test_a_symbol_gives_its_definition_and_a_heading_its_section(more: Tool) -> None:
    said = (await use(more, name="src/shop.py", symbol="price()")).text
    assert said.startswith("[src/shop.py: lines 6-9 of 14]\ndef price(item: str) -> float:\n")
    assert "self.items.append(item)" in (await use(more, name="src/shop.py", symbol="Cart")).text
    assert "By ship." in (await use(more, name="page.md", symbol="delivery")).text
    said = await refusal(more, name="src/shop.py", symbol="total")
    assert said.startswith("nothing in src/shop.py is called 'total'\n[src/shop.py: 14 lines; ")


async def test_a_question_gives_what_fits_it_and_lines_give_themselves(more: Tool) -> None:
    assert "def step_321():" in (await use(more, name="src/long.py", about="What does `step_321` return?")).text
    assert (await use(more, name="src/long.py", from_=5, lines=2)).text == (
        "[src/long.py: lines 5-6 of 1600]\ndef step_1():\n    return 1"
    )
    assert await refusal(more, name="src/shop.py", from_=99) == "src/shop.py has 14 lines, so there is no line 99"


async def test_the_result_of_another_task_is_read_on_without_its_secrets(more: Tool) -> None:
    for name in ("survey", "Result of survey"):
        assert (await use(more, name=name, from_=3)).text.endswith("[secret:KEY] is used.")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "private.txt",
            "'private.txt' is no input of this task; its inputs: src/*.py, page.md, gone.md, Result of survey",
        ),
        ("../private.txt", "is no input"),
        ("src/../private.txt", "is no input"),
        ("/etc/passwd", "is no input"),
        ("plan", "is no input"),
        ("src/.hidden.py", "is no input"),
        ("src/none.py", "is no input"),
        ("gone.md", "is not there"),
        ("src/image.py", "a PNG image"),
    ],
)
async def test_it_gives_nothing_but_what_the_task_was_to_be_given(more: Tool, name: str, said: str) -> None:
    assert said in await refusal(more, name=name)


def test_a_task_without_inputs_has_no_more_and_a_word_leaves_it_out(tmp_path: Path) -> None:
    async def none(_: str) -> str | None:
        return None

    assert more_of(Task(id="t", prompt="x"), tmp_path, none, str, {}) is None
    task = Task(id="t", prompt="x", inputs=(Input(files=("a.py",)),), tools=("look", "-more"))
    assert more_of(task, tmp_path, none, str, {}) is None


@given(
    st.sampled_from([SHOP, LONG, PAGE, "x" * 9_000, "é\n" * 3_000, "\n\n"]),
    st.sampled_from(["a.py", "a.md", "a.log"]),
    st.fixed_dictionaries(
        {},
        optional={
            "symbol": st.sampled_from(["Cart", "step_3", "Shop", "none"]),
            "about": st.sampled_from(["tax", "step", "zebra"]),
            "from": st.integers(1, 2_000),
            "lines": st.integers(1, 2_000),
        },
    ),
)
async def test_no_answer_is_longer_than_its_limit(text: str, name: str, arguments: dict[str, str | int]) -> None:
    async def text_of(_: str) -> str:
        return text

    one = more_tool(text_of, Reading(), most_bytes=1_000)
    try:
        said = (await one.use({"name": name, **arguments})).text
    except ToolRefused as refused:
        said = str(refused)
    assert 0 < len(said.encode()) <= 1_000
