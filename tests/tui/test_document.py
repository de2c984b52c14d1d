"""Texts of any size for a pane: where their lines are broken, and that a place in them stays what it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.document import Document, Layout, Made, Part, Place, Prose, Rows, breaks_of, prose

lines = st.text(st.sampled_from("abcdef  —é漢\u0301\u200b❤\ufe0f👩"), max_size=60)


@given(lines, st.integers(2, 30))
def test_the_rows_of_a_line_are_the_line_and_none_is_too_wide(line: str, room: int) -> None:
    starts = breaks_of(line, room)
    assert starts[0] == 0 and sorted(set(starts)) == starts and all(start < max(1, len(line)) for start in starts)
    rows = [line[one:other] for one, other in zip(starts, [*starts[1:], len(line)], strict=True)]
    assert "".join(rows) == line
    assert all(cell_len(row.rstrip(" ")) <= room for row in rows[:-1]) and cell_len(rows[-1]) <= room


@st.composite
def documents(draw: st.DrawFn) -> Document:
    def part(number: int) -> Part:
        mark = f"mark {number}" if draw(st.booleans()) else ""
        texts = draw(st.lists(lines, max_size=4))
        if draw(st.booleans()):
            return Rows([[(text, "")] for text in texts], mark)
        return Prose(texts, ("│ ", "faint"), mark=mark)

    return Document(tuple(part(number) for number in range(draw(st.integers(0, 6)))))


@given(documents(), st.integers(1, 50), st.integers(1, 50), st.data())
def test_a_place_is_found_again_at_every_width(document: Document, width: int, other: int, data: st.DataObject) -> None:
    layout, anew = Layout(document, width), Layout(document, other)
    texts = [text for index in range(len(layout)) for text, _ in layout.row(index)]
    whole = "".join(document.text().split())
    assert "".join("".join(texts).replace("│ ", "").split()) == whole
    if len(layout):
        index = data.draw(st.integers(0, len(layout) - 1))
        place = layout.place(index)
        assert layout.row_of(place) == index
        if anew.place(anew.row_of(place)).offset == place.offset:
            assert anew.place(anew.row_of(place)) == place
        else:  # inside of a row there
            found = anew.place(anew.row_of(place))
            assert (found.mark, found.line) == (place.mark, place.line) and found.offset < place.offset


def test_a_place_stays_when_something_comes_before_its_mark_or_behind_it() -> None:
    before = Document((prose("a\nb", mark="one"), prose("c\nd", mark="two")))
    after = Document((prose("a\nb\nnew\nnew", mark="one"), prose("c\nd\nnew", mark="two"), prose("new", mark="three")))
    layout, grown = Layout(before, 20), Layout(after, 20)
    place = layout.place(3)
    assert (place, layout.row(3)) == (Place("two", 1, 0), [("", ""), ("d", "")])
    assert grown.row(grown.row_of(place)) == [("", ""), ("d", "")]
    assert Layout(Document(), 20).row_of(place) == 0
    assert Layout(Document((prose("x"),)), 20).row_of(place) == 0


def test_rows_are_made_when_they_are_looked_at() -> None:
    made: list[int] = []

    def row(index: int) -> list[tuple[str, str]]:
        made.append(index)
        return [(str(index), "")]

    layout = Layout(Document((Rows(Made(1_000_000, row)),)), 20)  # type: ignore[arg-type]
    assert len(layout) == 1_000_000 and not made
    assert layout.row(777) == [("777", "")] and made == [777]


def test_nothing_of_a_text_is_acted_upon_and_a_copy_has_no_gutters() -> None:
    document = Document(
        (prose("\x1b[31mred\u202e\r\nnext", gutter=("│ ", "faint")), Prose(("x",), ("+ │ ", ""), copied="+"))
    )
    assert document.text() == "␛[31mred<U+202E>\nnext\n+x\n"
