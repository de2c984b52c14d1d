"""Asks for the name of a file to write what is seen to; no file is written over."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.newfile import Forms, NotSaved, save


class SaveScreen(ModalScreen[str]):
    """Asks for the name of the file. It stays until one was written, or somebody turns away; then it gives what was done."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss('')", show=False),
        Binding("ctrl+c", "app.quit", show=False, priority=True),
    ]

    def __init__(self, name: str, forms: Forms, *, title: str = "Save") -> None:
        super().__init__()
        self._name, self._forms, self._title = name, forms, title
        self._trouble = Static(id="unsaid", markup=False)

    def compose(self) -> ComposeResult:
        told = "\n".join(f"{end:<5}  {what}" for end, (what, _) in self._forms.items())
        with Vertical(id="save") as box:
            box.border_title = Content(self._title)
            yield Static(Content(told), classes="note", markup=False)
            yield self._trouble
            yield Static("enter saves, never over another file  esc leaves it", classes="note", markup=False)
            yield Input(self._name, id="file", compact=True)

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        if name := submitted.value.strip():
            self.run_worker(self._write(name), name="save", group="save", exclusive=True)

    async def _write(self, name: str) -> None:
        try:
            self.dismiss(await save(name, self._forms))
        except NotSaved as problem:
            self._trouble.update(Content(f"✘ {problem}"))
            self._trouble.add_class("-shown")
