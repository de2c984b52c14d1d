"""One line that is typed at the foot of the screen: it stays until it is understood or left."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

Check = Callable[[str], str]
"""Takes what was typed, and returns the sentence why it is nothing; "" where it is something, which is done then."""

Complete = Callable[[str], str]
"""Finishes what was begun, as far as that is certain."""


class AskLine(ModalScreen[None]):
    """A line to type: a filter, or where to go."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "back", show=False),
        Binding("tab", "complete", "finish the word", show=False, priority=True),
        Binding("ctrl+c", "app.quit", "leave", show=False, priority=True),
    ]

    def __init__(self, sign: str, note: str, check: Check, *, text: str = "", complete: Complete | None = None) -> None:
        """`sign` stands before what is typed, `note` above it; `text` stands there already."""
        super().__init__()
        self._sign, self._note, self._check, self._complete = sign, note, check, complete
        self._input = Input(value=text, id="line", compact=True, select_on_focus=False)
        self._trouble = Static(id="unsaid", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(id="ask"):
            yield self._trouble
            yield Static(Content(self._note), classes="note", markup=False)
            with Horizontal():
                yield Static(Content(self._sign), id="sign", markup=False)
                yield self._input

    def action_complete(self) -> None:
        if self._complete is not None:
            self._input.value = self._complete(self._input.value)
            self._input.cursor_position = len(self._input.value)

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        if trouble := self._check(submitted.value):
            self._trouble.update(Content(f"✘ {trouble}"))
            self._trouble.add_class("-shown")
        else:
            self.dismiss(None)
