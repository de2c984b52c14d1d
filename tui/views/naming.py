"""Asks for the name of a file to write. It stays until the file is written, or nobody wants it any more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.costs import NotSaved

Save = Callable[[str], Awaitable[str]]
"""Writes a file of this name, and returns the sentence that says where it is. Raises NotSaved."""


class NameFile(ModalScreen[str | None]):
    """Leaves with that sentence."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "leave it", show=False),
        Binding("ctrl+c", "app.quit", show=False, priority=True),
    ]

    def __init__(self, title: str, name: str, save: Save) -> None:
        super().__init__()
        self._title, self._name, self._save = title, name, save
        self._trouble = Static(id="unsaid", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(id="naming") as box:
            box.border_title = Content(self._title)
            yield Static(
                Content("into the working folder, or where you say; enter writes it"), classes="note", markup=False
            )
            yield self._trouble
            yield Input(self._name, id="where", compact=True, select_on_focus=False)

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        if name := submitted.value.strip():
            self.run_worker(self._write(name), name="save", group="save", exclusive=True)

    async def _write(self, name: str) -> None:
        try:
            self.dismiss(await self._save(name))
        except NotSaved as problem:
            self._trouble.update(Content(f"✘ {problem}"))
            self._trouble.add_class("-shown")
