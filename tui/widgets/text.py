"""A pane with a text of any size: it is laid out for the width that there is, and stays where it is read while it grows."""

from __future__ import annotations

from rich.style import Style

from tui.document import Document, Layout
from tui.rows import Row
from tui.widgets.pane import Pane

_LOOKED_AT = Style(bold=True)


class TextPane(Pane):
    """Shows a document from its beginning on. Whoever goes to its end follows it, as in every pane that follows."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, count=lambda: len(self._layout), row=self._row_of, follows=True)
        self.follow = False
        self._layout = Layout(Document(), 0)
        self._stepped = (-1, "")  # where a step came to rest, and at which place: near the end it is not on top

    @property
    def document(self) -> Document:
        return self._layout.document

    @property
    def mark(self) -> str:
        """The place that is looked at: the one that was stepped to, else the last that has a name at or above the row on top."""
        top, stepped = self.scroll_offset.y, self._stepped
        return stepped[1] if stepped[0] == top else self._layout.place(top).mark

    def put(self, document: Document, *, mark: str | None = None) -> None:
        """Show a document in the place of another: what stands in the row on top stays there, where `mark` names no other place.

        The empty mark is the beginning.
        """
        place = self._layout.place(self.scroll_offset.y)
        self._layout = Layout(document, self._wide)
        if mark is not None:
            self.follow = False
        row = self._layout.row_of(place) if mark is None else self._layout.row_of_mark(mark) or 0
        self.paint(object())
        if not self.follow:
            self._move(row)
        self._stepped = (self.scroll_offset.y, mark) if mark else (-1, "")

    def step(self, marks: int) -> bool:
        """Go so many named places on or back; say whether there is one."""
        known, at = self.document.marks, self.mark
        number = (known.index(at) if at in known else -1 if marks > 0 else 0) + marks
        if not 0 <= number < len(known):
            return False
        self.follow = False
        self._move(self._layout.row_of_mark(known[number]) or 0)
        self._stepped = self.scroll_offset.y, known[number]
        self.refresh()
        return True

    def on_resize(self) -> None:
        if self._wide != self._layout.width:
            place = self._layout.place(self.scroll_offset.y)
            self._layout = Layout(self.document, self._wide)
            self._measure()
            self._move(self._layout.row_of(place))
        super().on_resize()

    def _style_of(self, index: int) -> Style:
        """The row where the place that is looked at begins stands out."""
        mark = self.mark
        return _LOOKED_AT if mark and index == self._layout.row_of_mark(mark) else Style()

    @property
    def _wide(self) -> int:
        return self.scrollable_content_region.width

    def _row_of(self, index: int, width: int) -> Row:
        return self._layout.row(index)
