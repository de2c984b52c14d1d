"""What a pane lets be written anew: the lines that are others, and all of them where it moved."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.content import Content
from textual.geometry import Region

from tui.widgets.pane import Pane


class Listening(Pane):
    """Notes which lines it asks to be written anew; -1 is all of them."""

    asked: list[int]

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Listening:
        if hasattr(self, "asked"):
            self.asked += [region.y for region in regions] if regions else [-1]
        super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        return self


class Shown(App[None]):
    """One pane over rows that a test changes."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = [f"row {number}" for number in range(10)]
        self.pane = Listening(id="rows", count=lambda: len(self.rows), row=lambda index, _: [(self.rows[index], "")])

    def compose(self) -> ComposeResult:
        yield self.pane


async def test_only_the_lines_that_changed_are_written_anew() -> None:
    app = Shown()
    async with app.run_test(size=(40, 20)) as pilot:
        app.pane.border_title = Content("Rows 10")
        app.pane.paint(1)
        await pilot.pause()
        app.pane.asked = []
        app.rows[3] = "another"
        app.rows[7] += " is older"
        app.pane.border_title = Content("Rows 10")
        app.pane.paint(2)
        assert app.pane.asked == [3, 7]
        await pilot.pause()
        app.pane.asked = []
        app.pane.paint(3)
        assert app.pane.asked == []
        app.rows.append("one more")
        app.pane.paint(4)
        assert 10 in app.pane.asked or -1 in app.pane.asked
