"""What every view has: a name, keys of its own, and a way to draw what has moved."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from tui.ask import AskLine
from tui.feed import Sight
from tui.widgets.pane import Pane


class View(Vertical):
    """One of the things that the screen can show between its header and its keys.

    The keys that belong to it alone are its `BINDINGS`; they hold while one of its panes has the focus.
    """

    class Asks(Message):
        """A line is to be typed."""

        def __init__(self, line: AskLine) -> None:
            super().__init__()
            self.line = line

    WORD: ClassVar[str]  # its name for people; in small letters its id
    FOOTER: ClassVar[str] = ""  # its most useful keys, for the last line of the screen

    def __init__(self, sight: Sight) -> None:
        super().__init__(id=self.WORD.lower(), classes="view")
        self.sight = sight
        self._zoomed: Pane | None = None

    def paint(self, now: int) -> None:
        """Draw the panes whose version has moved on. Called at a fixed rate while the view is seen."""

    @property
    def is_settled(self) -> bool:
        """Whether all that is looked up for it is of where the log stands."""
        return True

    def failed(self, error: Exception) -> str:
        """What to show in the place of what could not be looked up."""
        return self.sight.failures.said(self.WORD, error)

    def told(self, words: str) -> str:
        """Take what was typed behind its name in the jump line; return the sentence why that means nothing here, else ""."""
        return f"the view {self.WORD} takes no words" if words else ""

    @property
    def zoomed(self) -> Pane | None:
        """The pane that has the whole of the view; None where each has its own part."""
        return self._zoomed

    def zoom(self, pane: Pane | None) -> None:
        """Let one pane have the whole of the view, or each its own part again."""
        self._zoomed = pane
        for each in self.walk_children(Widget):
            seen = pane is None or each is pane or each in pane.ancestors or pane in each.ancestors
            each.set_class(not seen, "-away")

    @property
    def chosen_task(self) -> str:
        """The task that is chosen or opened here, of which a person's word is then; "" where none is."""
        return ""

    @property
    def chosen_scope(self) -> str:
        """The same of a scope, whose cap can be raised."""
        return ""

    def first_focus(self) -> Pane:
        """The pane that gets the keys when the view is opened for the first time."""
        return self.query(Pane).first()

    @property
    def pane(self) -> Pane:
        """The one that has the keys."""
        return next((pane for pane in self.query(Pane) if pane.has_focus), None) or self.first_focus()

    def text_to_copy(self) -> str:
        """What y copies of this view."""
        return self.pane.text_to_copy()

    def document(self) -> dict[str, Any] | None:
        """What of this view can be saved as JSON; None where there is nothing."""
        return None
